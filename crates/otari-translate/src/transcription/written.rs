//! A transcript in OpenAI's formats. <https://platform.openai.com/docs/api-reference/audio/createTranscription>

use crate::json::{Json, Object};

use super::{Heard, Said};

/// What times are shown of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granularity {
    pub segments: bool,
    pub words: bool,
}

impl Heard {
    /// `json`.
    pub fn json(&self) -> Vec<u8> {
        Object::new().with("text", &self.text).to_vec()
    }

    /// `verbose_json`, without what nobody but OpenAI's own model knows of it. `duration` is the end of the last that
    /// was said. `task`: `transcribe` or `translate`.
    pub fn verbose(&self, task: &'static str, of: Granularity) -> Vec<u8> {
        let last = self.segments.iter().map(|segment| segment.end);
        let mut body = Object::new()
            .with("task", task)
            .with_some("language", self.language.as_ref())
            .with("duration", last.fold(0.0, f64::max))
            .with("text", &self.text);
        if of.words {
            let words = self
                .words
                .iter()
                .map(|word| Json::Object(timed("word", word)));
            body.set("words", words.collect::<Json>());
        }
        if of.segments {
            let segments = (0_i64..).zip(&self.segments).map(|(id, segment)| {
                let mut shown = Object::new().with("id", id);
                shown.set("start", segment.start);
                shown.set("end", segment.end);
                Json::Object(shown.with("text", &segment.text))
            });
            body.set("segments", segments.collect::<Json>());
        }
        body.to_vec()
    }

    /// `SubRip`.
    pub fn srt(&self) -> String {
        let cues = (1..).zip(&self.segments).map(|(number, segment)| {
            let (start, end) = (clock(segment.start, ','), clock(segment.end, ','));
            format!("{number}\n{start} --> {end}\n{}\n\n", shown(segment))
        });
        cues.collect()
    }

    /// `WebVTT`. <https://www.w3.org/TR/webvtt1/>
    pub fn vtt(&self) -> String {
        let cues = self.segments.iter().map(|segment| {
            let (start, end) = (clock(segment.start, '.'), clock(segment.end, '.'));
            format!("{start} --> {end}\n{}\n\n", shown(segment))
        });
        "WEBVTT\n\n"
            .chars()
            .chain(cues.collect::<String>().chars())
            .collect()
    }
}

fn timed(name: &'static str, said: &Said) -> Object {
    Object::new()
        .with(name, &said.text)
        .with("start", said.start)
        .with("end", said.end)
}

/// An arrow in the text would be read as times.
fn shown(segment: &Said) -> String {
    segment.text.replace("-->", "->")
}

fn clock(seconds: f64, point: char) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "times are neither negative nor beyond a recording's length"
    )]
    let millis = (seconds * 1000.0).round() as u64;
    let (rest, millis) = (millis / 1000, millis % 1000);
    let (rest, seconds) = (rest / 60, rest % 60);
    let (hours, minutes) = (rest / 60, rest % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}{point}{millis:03}")
}
