//! The data set's rules for names: which provider a name means, which model an id means.

use fancy_regex::Regex;
use serde::{Deserialize, Deserializer};

/// A rule over names in lower case. Everything compares without case; patterns are used as written.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Rule {
    Or(Vec<Rule>),
    And(Vec<Rule>),
    Equals(Lower),
    Contains(Lower),
    StartsWith(Lower),
    EndsWith(Lower),
    /// Compiled when reached: most look-ups end before one, and few names need it twice.
    Regex(String),
}

/// Text folded to lower case while it is read.
#[derive(Debug)]
pub(super) struct Lower(String);

impl<'de> Deserialize<'de> for Lower {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut text = String::deserialize(deserializer)?;
        text.make_ascii_lowercase();
        Ok(Self(text))
    }
}

impl Rule {
    /// `name` is in lower case. A pattern that does not compile matches nothing.
    pub(super) fn matches(&self, name: &str) -> bool {
        match self {
            Self::Or(rules) => rules.iter().any(|rule| rule.matches(name)),
            Self::And(rules) => rules.iter().all(|rule| rule.matches(name)),
            Self::Equals(text) => name == text.0,
            Self::Contains(text) => name.contains(&text.0),
            Self::StartsWith(text) => name.starts_with(&text.0),
            Self::EndsWith(text) => name.ends_with(&text.0),
            Self::Regex(pattern) => {
                Regex::new(pattern).is_ok_and(|regex| regex.is_match(name).unwrap_or(false))
            }
        }
    }
}

/// `model-20251211` as `model-2025-12-11`, the form most rules expect; `None` when there is no such date.
pub(super) fn with_dashed_dates(model: &str) -> Option<String> {
    let is_date = |part: &str| {
        part.len() == 8
            && part.starts_with("20")
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && chrono::NaiveDate::parse_from_str(part, "%Y%m%d").is_ok()
    };
    let mut changed = false;
    let parts: Vec<String> = model
        .split('-')
        .map(|part| {
            // A date may be followed by a variant: `model-20251211:free`.
            let (date, variant) = match part.split_once(':') {
                Some((date, variant)) => (date, format!(":{variant}")),
                None => (part, String::new()),
            };
            match (date.get(..4), date.get(4..6), date.get(6..)) {
                (Some(year), Some(month), Some(day)) if is_date(date) => {
                    changed = true;
                    format!("{year}-{month}-{day}{variant}")
                }
                _ => part.to_owned(),
            }
        })
        .collect();
    changed.then(|| parts.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_dates_are_expanded_and_other_numbers_are_not() {
        assert_eq!(
            with_dashed_dates("m-20251211:free").as_deref(),
            Some("m-2025-12-11:free")
        );
        for model in ["m", "m-20251399", "m-12345678", "m-2025-12-11"] {
            assert_eq!(with_dashed_dates(model), None, "{model}");
        }
    }

    #[test]
    fn rules_fold_case_and_patterns_may_look_ahead() {
        let rule: Rule =
            serde_json::from_str(r#"{"and":[{"starts_with":"GEMINI"},{"regex":"^(?!.*-tts$)"}]}"#)
                .unwrap();
        assert!(rule.matches("gemini-3-pro"));
        assert!(!rule.matches("gemini-3-tts"));
        let broken: Rule = serde_json::from_str(r#"{"regex":"("}"#).unwrap();
        assert!(!broken.matches("("));
    }
}
