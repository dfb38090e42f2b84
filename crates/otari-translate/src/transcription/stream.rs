//! Words as they are heard.

use bytes::Bytes;
use otari_types::TokenUsage;
use otari_wire::sse::data_frame;

use crate::dialect::Decoder;
use crate::error::DecodeError;
use crate::event::{Event, FinishReason, Opening};
use crate::json::Object;
use crate::reshape::Reshape;
use crate::route::Wire;

use super::check;

/// Writes the words of a stream as OpenAI's events, `transcript.text.delta` and `.done`.
#[derive(Debug)]
pub struct Reader {
    decoder: Decoder,
    events: Vec<Event>,
    in_text: bool,
    text: String,
    /// White space that belongs to the text if more of it follows.
    gap: String,
    usage: Option<TokenUsage>,
    finish: Option<FinishReason>,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            decoder: Decoder::new(Wire::Gemini, "heard"),
            events: Vec::new(),
            in_text: false,
            text: String::new(),
            gap: String::new(),
            usage: None,
            finish: None,
        }
    }
}

impl Reader {
    fn write(&mut self, out: &mut Vec<u8>) {
        for event in std::mem::take(&mut self.events) {
            match event {
                Event::Open(opening) => self.in_text = opening == Opening::Text,
                Event::Delta(delta) if self.in_text => self.delta(&delta, out),
                Event::Usage(usage) => self.usage = Some(usage),
                Event::Finish(finish) => self.finish = Some(finish.reason),
                _ => {}
            }
        }
    }

    fn delta(&mut self, delta: &str, out: &mut Vec<u8>) {
        let mut said = std::mem::take(&mut self.gap);
        said.push_str(delta);
        let words = said.trim_end();
        self.gap
            .push_str(said.get(words.len()..).unwrap_or_default());
        let words = if self.text.is_empty() {
            words.trim_start()
        } else {
            words
        };
        if words.is_empty() {
            return;
        }
        self.text.push_str(words);
        let event = Object::typed("transcript.text.delta").with("delta", words);
        out.extend_from_slice(&data_frame(&event.to_vec()));
    }
}

impl Reshape for Reader {
    fn push(&mut self, chunk: Bytes, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        let pushed = self.decoder.push(chunk, &mut self.events);
        self.write(out);
        pushed
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        self.decoder.finish(&mut self.events)?;
        self.write(out);
        check(self.finish.as_ref())?;
        let usage = self.usage.as_ref().map(|usage| {
            Object::typed("tokens")
                .with("input_tokens", usage.total_input())
                .with("output_tokens", usage.output)
                .with("total_tokens", usage.total())
        });
        let event = Object::typed("transcript.text.done")
            .with("text", &self.text)
            .with_some("usage", usage);
        out.extend_from_slice(&data_frame(&event.to_vec()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streamed(parts: &[&str], finish: &str) -> Result<String, DecodeError> {
        let mut reader = Reader::default();
        let mut out = Vec::new();
        for part in parts {
            let frame =
                serde_json::json!({"candidates": [{"content": {"parts": [{"text": part}]}}]});
            reader.push(format!("data: {frame}\n\n").into(), &mut out)?;
        }
        let usage = serde_json::json!({"promptTokenCount": 5, "candidatesTokenCount": 2});
        let end = serde_json::json!({"candidates": [{"content": {}, "finishReason": finish}], "usageMetadata": usage});
        reader.push(format!("data: {end}\n\n").into(), &mut out)?;
        reader.finish(&mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn words_come_as_they_are_heard() {
        let done = "\"usage\":{\"type\":\"tokens\",\"input_tokens\":5,\"output_tokens\":2,\"total_tokens\":7}}\n\n";
        assert_eq!(
            streamed(&[" ", " Good ", "day.", "\n"], "STOP").unwrap(),
            format!(
                "data: {{\"type\":\"transcript.text.delta\",\"delta\":\"Good\"}}\n\n\
                 data: {{\"type\":\"transcript.text.delta\",\"delta\":\" day.\"}}\n\n\
                 data: {{\"type\":\"transcript.text.done\",\"text\":\"Good day.\",{done}"
            )
        );
        let silent = streamed(&[], "STOP").unwrap();
        assert!(silent.contains("\"text\":\"\""), "{silent}");
        for reason in ["MAX_TOKENS", "SAFETY"] {
            assert!(streamed(&["Good"], reason).is_err(), "{reason}");
        }
        let mut reader = Reader::default();
        assert!(reader.finish(&mut Vec::new()).is_err());
    }
}
