//! Takes settings out of one mapping, and knows which keys nobody took.

use serde_json::Value;

use super::{Limit, Map, Setting, within};
use crate::problem::{Problem, ProblemKind, Report, did_you_mean};

/// Reads the keys of one mapping.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    map: &'a Map,
    /// Where the mapping stands, with a trailing dot; empty at the top.
    prefix: String,
    taken: Vec<&'static str>,
    pub(crate) report: &'a mut Report,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(map: &'a Map, path: &str, report: &'a mut Report) -> Self {
        let prefix = if path.is_empty() {
            String::new()
        } else {
            format!("{path}.")
        };
        Self {
            map,
            prefix,
            taken: Vec::new(),
            report,
        }
    }

    pub(crate) fn path(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// The value under `key`; `default` where it is absent or was reported as wrong.
    pub(crate) fn take<T: Setting>(
        &mut self,
        key: &'static str,
        default: T,
        limit: Option<Limit>,
    ) -> T {
        self.taken.push(key);
        let value = match self.map.get(key) {
            None => return default,
            Some(Value::Null) if T::SCALAR && !T::NULLABLE => return default,
            Some(value) => value,
        };
        let path = self.path(key);
        if limit.is_some_and(|limit| !within(value, limit, &path, self.report)) {
            return default;
        }
        T::read(value, &path, self.report).unwrap_or(default)
    }

    /// The value under `key`, if it is there and right.
    pub(crate) fn optional<T: Setting>(
        &mut self,
        key: &'static str,
        limit: Option<Limit>,
    ) -> Option<T> {
        self.take(key, None, limit)
    }

    /// The value under `key`; its absence is a problem.
    pub(crate) fn required<T: Setting>(
        &mut self,
        key: &'static str,
        limit: Option<Limit>,
    ) -> Option<T> {
        if self.map.get(key).is_none_or(Value::is_null) {
            let path = self.path(key);
            self.report
                .problem(Problem::new(&path, ProblemKind::Missing, "is required"));
            self.taken.push(key);
            return None;
        }
        self.optional(key, limit)
    }

    /// What nobody took.
    pub(crate) fn rest(&self) -> Map {
        self.map
            .iter()
            .filter(|(key, _)| !self.taken.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// Warns of every key nobody took: a typo must not be silent.
    pub(crate) fn warn_of_unknown_keys(self) {
        for key in self.rest().keys() {
            let hint = did_you_mean(key, self.taken.iter().copied());
            let warning = Problem::new(
                &self.path(key),
                ProblemKind::UnknownKey,
                "unknown key, ignored",
            );
            self.report.warn(warning.maybe_hint(hint));
        }
    }
}
