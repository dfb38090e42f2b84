//! Closed lists of words: trimmed, lower-cased, and refused when unknown.

use serde_json::Value;

use super::wrong_type;
use crate::problem::{Problem, ProblemKind, Report, did_you_mean};

/// Finds `value` among `words`, or reports the words there are.
pub(crate) fn pick<T: Copy>(
    value: &Value,
    words: &[(&'static str, T)],
    path: &str,
    report: &mut Report,
) -> Option<T> {
    let Value::String(text) = value else {
        return wrong_type(value, "text", path, report);
    };
    let word = text.trim().to_lowercase();
    if let Some((_, choice)) = words.iter().find(|(name, _)| *name == word) {
        return Some(*choice);
    }
    let listed: Vec<_> = words.iter().map(|(name, _)| format!("`{name}`")).collect();
    let message = format!("must be one of {}", listed.join(", "));
    let hint = did_you_mean(&word, words.iter().map(|(name, _)| *name));
    report.problem(Problem::new(path, ProblemKind::UnknownChoice, message).maybe_hint(hint));
    None
}

/// Declares an enum whose variants are words in the configuration. The first word of a variant is its name;
/// further ones are accepted spellings.
macro_rules! choice {
    (
        $(#[doc = $about:literal])+
        $name:ident ($words:literal) {
            $( $(#[doc = $doc:literal])+ $variant:ident = $word:literal $(| $other:literal)* ),+ $(,)?
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $( $(#[doc = $doc])+ $variant ),+ }

        impl $name {
            /// The word for it in the configuration.
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $word ),+ }
            }
        }

        impl $crate::setting::Setting for $name {
            const TYPE: &'static str = $words;

            fn read(
                value: &serde_json::Value,
                path: &str,
                report: &mut $crate::problem::Report,
            ) -> Option<Self> {
                const WORDS: &[(&str, $name)] = &[
                    $( ($word, $name::$variant) $(, ($other, $name::$variant))* ),+
                ];
                $crate::setting::pick(value, WORDS, path, report)
            }

            fn show(&self) -> serde_json::Value {
                serde_json::Value::from(self.as_str())
            }
        }
    };
}

pub(crate) use choice;
