//! Reads Chat Completions answers without decoding them: the hot path.

use otari_providers::error::embedded_error;
use otari_providers::{UpstreamError, UpstreamErrorKind};
use otari_types::{CacheConvention, TokenUsage};
use otari_wire::openai::chat::Answer;
use otari_wire::openai::usage::Usage;
use otari_wire::sse::Event;

use crate::relay::tap::Seen;
use crate::settle::Produced;

#[derive(Debug, Default)]
pub(in crate::relay) struct ChatTap {
    /// Reasoning tokens come beside, not inside, the completion count.
    reasoning_outside: bool,
    usage: Option<TokenUsage>,
    generated_bytes: usize,
    finished: bool,
    done: bool,
}

impl ChatTap {
    pub(super) fn new(reasoning_outside: bool) -> Self {
        Self {
            reasoning_outside,
            ..Self::default()
        }
    }

    pub(super) fn read_event(&mut self, event: &Event) -> Result<Seen, UpstreamError> {
        let Some(data) = event.data() else {
            return Ok(Seen::Forward);
        };
        if data.trim_ascii() == b"[DONE]" {
            self.done = true;
            return Ok(Seen::Done);
        }
        if data.trim_ascii().is_empty() {
            return Ok(Seen::Forward);
        }
        let answer: Answer<'_> = serde_json::from_slice(&data).map_err(|_| not_json())?;
        self.read(&answer)?;
        Ok(Seen::Forward)
    }

    pub(super) fn read_whole(&mut self, body: &[u8]) -> Result<(), UpstreamError> {
        let answer: Answer<'_> = serde_json::from_slice(body).map_err(|_| not_json())?;
        self.read(&answer)?;
        if answer.choices.is_none() {
            // A success without choices is no answer: an error in a shape nobody documented.
            return Err(UpstreamError {
                status: Some(502),
                ..UpstreamError::from_answer(200, None, body)
            });
        }
        self.done = true;
        Ok(())
    }

    /// The answer has reached its end by the rules of the dialect.
    pub(super) fn is_complete(&self) -> bool {
        self.done || self.finished
    }

    pub(super) fn report(&self, produced: &mut Produced) {
        produced.usage = self.usage;
        produced.generated_bytes = self.generated_bytes;
    }

    fn read(&mut self, answer: &Answer<'_>) -> Result<(), UpstreamError> {
        if let Some(error) = answer.error
            && error.get() != "null"
        {
            return Err(embedded_error(error.get()));
        }
        self.finished |= answer.is_finished();
        self.generated_bytes += answer.generated_bytes();
        if let Some(usage) = answer.reported_usage().filter(|usage| !usage.is_empty()) {
            let usage = token_usage(&usage, self.reasoning_outside);
            match &mut self.usage {
                Some(so_far) => so_far.merge(&usage),
                None => self.usage = Some(usage),
            }
        }
        Ok(())
    }
}

/// OpenAI's counts: cached and reasoning tokens are inside the totals.
fn token_usage(usage: &Usage, reasoning_outside: bool) -> TokenUsage {
    // Some servers report only a total; some leave reasoning out of the completion, but not out of the total.
    let by_total = (usage.total_tokens - usage.prompt_tokens).max(0);
    let from_total = usage.completion_tokens == 0 || reasoning_outside;
    TokenUsage {
        input: usage.prompt_tokens,
        output: if from_total {
            by_total.max(usage.completion_tokens)
        } else {
            usage.completion_tokens
        },
        cache_read: usage.cache_read(),
        cache_write: usage
            .prompt_tokens_details
            .unwrap_or_default()
            .cache_write_tokens,
        cache_write_1h: 0,
        reasoning: usage
            .completion_tokens_details
            .unwrap_or_default()
            .reasoning_tokens,
        convention: CacheConvention::Inclusive,
    }
}

fn not_json() -> UpstreamError {
    UpstreamError::new(UpstreamErrorKind::Malformed, "the answer is not valid JSON")
}
