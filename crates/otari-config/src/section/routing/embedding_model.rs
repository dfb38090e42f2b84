//! What makes the vectors that the learned router compares.

use std::fmt;

use otari_types::ModelSelector;
use serde_json::Value;

use crate::problem::{Problem, ProblemKind, Report};
use crate::setting::Setting;

const WORDS: &str = "otari:words";
const MINILM: &str = "otari:minilm";
/// What the gateway does itself has this in the place of a provider.
const OWN: &str = "otari";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EmbeddingModel {
    /// Of the words a text has, in the gateway itself.
    Words,
    /// Of what a text means, in the gateway itself, where the encoder is installed.
    MiniLm,
    /// A model at a provider.
    Provider(ModelSelector),
}

impl EmbeddingModel {
    fn parse(name: &str) -> Option<Self> {
        match name {
            WORDS => Some(Self::Words),
            MINILM => Some(Self::MiniLm),
            _ => {
                let selector = ModelSelector::parse(name).ok()?;
                (selector.instance != OWN).then_some(Self::Provider(selector))
            }
        }
    }
}

impl fmt::Display for EmbeddingModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words => f.write_str(WORDS),
            Self::MiniLm => f.write_str(MINILM),
            Self::Provider(selector) => selector.fmt(f),
        }
    }
}

impl Setting for EmbeddingModel {
    const TYPE: &'static str = "`otari:words`, `otari:minilm` or `instance:model`";

    fn read(value: &Value, path: &str, report: &mut Report) -> Option<Self> {
        let text = String::read(value, path, report)?;
        let model = Self::parse(&text);
        if model.is_none() {
            let message = format!("expected {}", Self::TYPE);
            report.problem(Problem::new(path, ProblemKind::WrongType, message));
        }
        model
    }

    fn show(&self) -> Value {
        Value::String(self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_embedding_models() {
        for name in [WORDS, MINILM, "openai:text-embedding-3-small"] {
            assert_eq!(EmbeddingModel::parse(name).unwrap().to_string(), name);
        }
        for name in ["otari:other", "text-embedding-3-small", ""] {
            assert_eq!(EmbeddingModel::parse(name), None, "{name}");
        }
    }
}
