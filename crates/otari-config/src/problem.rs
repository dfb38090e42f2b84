//! What is wrong with a configuration, told all at once and never with a secret in it.

use std::fmt;

/// What sort of mistake a [`Problem`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// A file that cannot be read.
    Unreadable,
    /// Not YAML, not base64, or not a mapping.
    Syntax,
    /// `${NAME}` without such a variable.
    MissingVariable,
    /// Text where a number belongs, and the like.
    WrongType,
    /// The right type, but outside what is allowed.
    OutOfRange,
    /// Not one of the listed words.
    UnknownChoice,
    /// A key that means nothing here.
    UnknownKey,
    /// Something required is absent.
    Missing,
    /// A name that cannot be used.
    InvalidName,
    /// A provider, instance or model that does not exist.
    UnknownReference,
    /// Two settings that cannot both hold.
    Conflict,
    /// Works, but has a better name or will surprise.
    Notice,
}

/// One mistake: where, what, and how to put it right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, dotted: `providers.lab.api_base`; or the variable or file it is about.
    pub path: String,
    pub kind: ProblemKind,
    pub message: String,
    pub hint: Option<String>,
}

impl Problem {
    pub(crate) fn new(path: &str, kind: ProblemKind, message: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            kind,
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// Everything found while loading. Problems stop the start, warnings do not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub problems: Vec<Problem>,
    pub warnings: Vec<Problem>,
}

impl Report {
    pub(crate) fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    pub(crate) fn warn(&mut self, warning: Problem) {
        self.warnings.push(warning);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        let noun = if count == 1 { "problem" } else { "problems" };
        write!(f, "the configuration has {count} {noun}")?;
        for problem in &self.problems {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Report {}

/// "did you mean `x`?", when one of `known` is close enough to be worth a guess.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    const CLOSE_ENOUGH: f64 = 0.8;
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(score, _)| *score >= CLOSE_ENOUGH)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| format!("did you mean `{candidate}`?"))
}
