//! What is logged and how.

use serde_json::Value;

use crate::problem::Report;
use crate::section::section;
use crate::setting::{Setting, choice, pick};

choice! {
    /// The form of a log line.
    LogFormat("`auto`, `human` or `json`") {
        /// Human on a terminal, JSON otherwise.
        Auto = "auto",
        /// Coloured text.
        Human = "human",
        /// One JSON object a line.
        Json = "json",
    }
}

/// The least severe level that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// Python's level names and numbers are accepted, since existing deployments pass them.
const LEVELS: &[(&str, LogLevel)] = &[
    ("trace", LogLevel::Trace),
    ("debug", LogLevel::Debug),
    ("info", LogLevel::Info),
    ("warn", LogLevel::Warn),
    ("error", LogLevel::Error),
    ("warning", LogLevel::Warn),
    ("critical", LogLevel::Error),
    ("fatal", LogLevel::Error),
    ("5", LogLevel::Trace),
    ("10", LogLevel::Debug),
    ("20", LogLevel::Info),
    ("30", LogLevel::Warn),
    ("40", LogLevel::Error),
    ("50", LogLevel::Error),
];

impl LogLevel {
    /// The level of that name, or of that number in Python's scale.
    pub fn parse(text: &str) -> Option<Self> {
        let word = text.trim().to_lowercase();
        LEVELS
            .iter()
            .find(|(name, _)| *name == word)
            .map(|(_, level)| *level)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

impl Setting for LogLevel {
    const TYPE: &'static str = "`trace`, `debug`, `info`, `warn` or `error`";

    fn read(value: &Value, path: &str, report: &mut Report) -> Option<Self> {
        match value {
            Value::Number(number) => pick(&Value::from(number.to_string()), LEVELS, path, report),
            other => pick(other, LEVELS, path, report),
        }
    }

    fn show(&self) -> Value {
        Value::from(self.as_str())
    }
}

section! {
    /// Logs.
    Logging("Logging") {
        /// The least severe level that is logged.
        log_level: LogLevel = LogLevel::Info;
        /// The form of a log line; `auto` is human on a terminal and JSON otherwise.
        log_format: LogFormat = LogFormat::Auto;
    }
}
