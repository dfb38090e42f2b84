//! `instance:model`, as a caller names what should answer.

use std::fmt;

/// A model selector, split at the first `:` or `/`, whichever comes first. The rest is the model id verbatim,
/// so `openrouter/anthropic/claude` and `huggingface:org/model:backend` both work.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelSelector {
    pub instance: String,
    pub model: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectorError {
    /// No `:` or `/` at all: an alias, or a mistake.
    NoSeparator,
    /// Nothing before or after the separator.
    EmptyPart,
}

impl ModelSelector {
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let text = text.trim();
        let (instance, model) = text
            .split_once([':', '/'])
            .ok_or(SelectorError::NoSeparator)?;
        if instance.is_empty() || model.is_empty() {
            return Err(SelectorError::EmptyPart);
        }
        Ok(Self {
            instance: instance.to_owned(),
            model: model.to_owned(),
        })
    }
}

impl fmt::Display for ModelSelector {
    /// The canonical form, which is also the pricing key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.instance, self.model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_separator_of_either_kind_splits() {
        for (text, instance, model) in [
            ("openai:gpt-5", "openai", "gpt-5"),
            (
                "openrouter/anthropic/claude",
                "openrouter",
                "anthropic/claude",
            ),
            (
                "huggingface:org/model:backend",
                "huggingface",
                "org/model:backend",
            ),
        ] {
            let selector = ModelSelector::parse(text).unwrap();
            assert_eq!(
                (selector.instance.as_str(), selector.model.as_str()),
                (instance, model)
            );
            assert_eq!(selector.to_string(), format!("{instance}:{model}"));
        }
        assert_eq!(
            ModelSelector::parse("gpt-5"),
            Err(SelectorError::NoSeparator)
        );
        assert_eq!(
            ModelSelector::parse(":gpt-5"),
            Err(SelectorError::EmptyPart)
        );
        assert_eq!(
            ModelSelector::parse("openai:"),
            Err(SelectorError::EmptyPart)
        );
    }
}
