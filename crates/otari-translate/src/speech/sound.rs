//! Sound on its way to the client: samples, a file, or events that carry either.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use otari_types::TokenUsage;
use otari_wire::sse::data_frame;

use crate::json::Object;

use super::SoundFormat;

/// What is made of samples. Nothing here compresses sound.
pub(super) const OF_SAMPLES: [SoundFormat; 2] = [SoundFormat::Wav, SoundFormat::Pcm];
/// Of a file whose end is not known when it begins; OpenAI writes the same.
const UNKNOWN: u32 = u32::MAX;

#[derive(Debug)]
pub(super) struct Sound {
    pub(super) format: SoundFormat,
    as_events: bool,
    /// Something was written.
    pub(super) has_begun: bool,
}

impl Sound {
    pub(super) fn new(format: SoundFormat, as_events: bool) -> Self {
        Self {
            format,
            as_events,
            has_begun: false,
        }
    }

    /// One channel of 16 bits, little-endian; `rate` of them a second.
    pub(super) fn samples(&mut self, samples: &[u8], rate: u32, out: &mut Vec<u8>) {
        if self.format == SoundFormat::Wav && !self.has_begun && !samples.is_empty() {
            let mut file = header(rate);
            file.extend_from_slice(samples);
            self.bytes(&file, out);
        } else {
            self.bytes(samples, out);
        }
    }

    /// Bytes of the format itself.
    pub(super) fn bytes(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        self.has_begun = true;
        if self.as_events {
            let event = Object::typed("speech.audio.delta").with("audio", STANDARD.encode(bytes));
            out.extend_from_slice(&data_frame(&event.to_vec()));
        } else {
            out.extend_from_slice(bytes);
        }
    }

    pub(super) fn end(&self, usage: Option<&TokenUsage>, out: &mut Vec<u8>) {
        if !self.as_events {
            return;
        }
        let usage = usage.map(|usage| {
            Object::new()
                .with("input_tokens", usage.total_input())
                .with("output_tokens", usage.output)
                .with("total_tokens", usage.total())
        });
        let event = Object::typed("speech.audio.done").with_some("usage", usage);
        out.extend_from_slice(&data_frame(&event.to_vec()));
    }
}

/// Of a WAV file. <http://soundfile.sapp.org/doc/WaveFormat/>
fn header(rate: u32) -> Vec<u8> {
    let mut wav = Vec::with_capacity(44);
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&UNKNOWN.to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    wav.extend_from_slice(&16_u32.to_le_bytes());
    // Uncompressed; one channel.
    wav.extend_from_slice(&1_u16.to_le_bytes());
    wav.extend_from_slice(&1_u16.to_le_bytes());
    wav.extend_from_slice(&rate.to_le_bytes());
    wav.extend_from_slice(&rate.saturating_mul(2).to_le_bytes());
    wav.extend_from_slice(&2_u16.to_le_bytes());
    wav.extend_from_slice(&16_u16.to_le_bytes());
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&UNKNOWN.to_le_bytes());
    wav
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_become_a_file() {
        let mut sound = Sound::new(SoundFormat::Wav, false);
        let mut out = Vec::new();
        sound.samples(&[], 16_000, &mut out);
        assert_eq!(out, b"");
        sound.samples(&[1, 0], 16_000, &mut out);
        sound.samples(&[2, 0], 16_000, &mut out);
        assert_eq!(
            out,
            b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data\xff\xff\xff\xff\x01\0\x02\0"
        );
        sound.end(None, &mut out);
        assert_eq!(out.len(), 48);
    }

    #[test]
    fn events_carry_it() {
        let mut sound = Sound::new(SoundFormat::Pcm, true);
        let mut out = Vec::new();
        sound.samples(&[1, 0], 24_000, &mut out);
        let usage = TokenUsage {
            input: 3,
            output: 4,
            ..TokenUsage::default()
        };
        sound.end(Some(&usage), &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "data: {\"type\":\"speech.audio.delta\",\"audio\":\"AQA=\"}\n\n\
             data: {\"type\":\"speech.audio.done\",\"usage\":{\"input_tokens\":3,\"output_tokens\":4,\"total_tokens\":7}}\n\n"
        );
    }
}
