//! What a tool returned outside a conversation, read by the checks that the operator demands of every generation: whose
//! conversation it goes to is not known here, and it would be read there.

use std::sync::Arc;

use otari_tools::mcp::McpResult;
use otari_tools::search::SearchHit;
use otari_translate::Block;
use serde_json::{Value, json};

use crate::Gateway;
use crate::admit::Admitted;
use crate::error::GatewayError;
use crate::guardrails::{ResultChecks, WITHHELD};
use crate::inbound::Inbound;

/// Base64, by what it is called in MCP's content blocks.
const ENCODED: [&str; 2] = ["data", "blob"];

/// The checks of one call. Of nothing, where nothing is demanded.
pub(super) struct Checks(Option<ResultChecks>);

impl Gateway {
    pub(super) async fn demanded_checks(
        self: &Arc<Self>,
        inbound: &Inbound,
        admitted: &Admitted,
    ) -> Result<Checks, GatewayError> {
        let screen = self.guardrails.screen(&[], &[]).await?;
        let answer = screen.answer(self, &inbound.origin, &admitted.billed);
        Ok(Checks(answer.results))
    }
}

impl Checks {
    /// The result as the caller may read it.
    pub(super) async fn result(&self, mut result: McpResult) -> McpResult {
        let Some(checks) = &self.0 else {
            return result;
        };
        for part in &mut result.content {
            if let Block::Text(text) = &mut part.block {
                match checks.read(text).await {
                    Some(read) => *text = read,
                    None => return McpResult::failure(WITHHELD),
                }
            }
        }
        result
    }

    /// A result in the server's own words: every text of it.
    pub(super) async fn native(&self, mut result: Value) -> Value {
        let Some(checks) = &self.0 else {
            return result;
        };
        let mut texts = Vec::new();
        collect(&mut result, &mut texts);
        for text in texts {
            match checks.read(text).await {
                Some(read) => *text = read,
                None => return withheld(),
            }
        }
        result
    }

    /// The pages that may be read.
    pub(super) async fn hits(&self, hits: Vec<SearchHit>) -> Vec<SearchHit> {
        let Some(checks) = &self.0 else {
            return hits;
        };
        let mut passed = Vec::with_capacity(hits.len());
        'hits: for mut hit in hits {
            let content = hit.content.as_mut();
            let texts = [&mut hit.title, &mut hit.snippet]
                .into_iter()
                .chain(content);
            for text in texts {
                match checks.read(text).await {
                    Some(read) => *text = read,
                    None => continue 'hits,
                }
            }
            passed.push(hit);
        }
        passed
    }
}

fn withheld() -> Value {
    json!({"content": [{"type": "text", "text": WITHHELD}], "isError": true})
}

fn collect<'v>(value: &'v mut Value, texts: &mut Vec<&'v mut String>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(values) => {
            for value in values {
                collect(value, texts);
            }
        }
        Value::Object(members) => {
            let encoded = members.contains_key("mimeType");
            for (name, value) in members {
                let is_text = !(encoded && ENCODED.contains(&name.as_str()) && value.is_string());
                if is_text {
                    collect(value, texts);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_of_a_native_result_is_read_but_no_picture() {
        let mut result = json!({
            "content": [
                {"type": "text", "text": "one"},
                {"type": "image", "data": "aGVsbG8=", "mimeType": "image/png"},
                {"type": "resource", "resource": {"uri": "a:b", "mimeType": "text/plain", "text": "two", "blob": "eA=="}},
            ],
            "structuredContent": {"data": "three", "rows": [{"name": "four"}]},
        });
        let mut texts = Vec::new();
        collect(&mut result, &mut texts);
        let texts: Vec<&str> = texts.iter().map(|text| text.as_str()).collect();
        for text in ["one", "two", "three", "four"] {
            assert!(texts.contains(&text), "{text}: {texts:?}");
        }
        assert!(!texts.contains(&"aGVsbG8=") && !texts.contains(&"eA=="));
    }
}
