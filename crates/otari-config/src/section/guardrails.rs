//! Checks of what goes to models and comes back: which are mandatory, and what stands behind a profile's name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::problem::{Problem, ProblemKind, Report};
use crate::section::section;
use crate::setting::{Map, REDACTED, Setting, redact_url};

section! {
    /// Guardrails.
    Guardrails("Guardrails") {
        /// Address of the guardrail service.
        guardrails_url: Option<String> = None;
        /// Let a caller's guardrail `url` be on this host or at a private address.
        guardrails_allow_private_hosts: bool = false;
        /// Guardrails of every generation: `[{profile, mode, on, on_unavailable, url, validate_kwargs}]`.
        guardrails: Mandates = Mandates::default();
        /// What checks a profile, by name: `{provider, …}`.
        guardrail_profiles: Profiles = Profiles::default();
    }
}

/// What a finding does. The stricter is the greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GuardrailMode {
    /// It is told.
    #[default]
    Monitor,
    /// It refuses the call.
    Block,
}

/// What a check that cannot be made does in `block` mode. The stricter is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUnavailable {
    Monitor,
    Block,
}

/// Which way the checked text goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// To the model.
    Input,
    /// From it.
    Output,
}

/// A check that calls must pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardrailSpec {
    pub profile: String,
    pub mode: GuardrailMode,
    #[serde(default = "block")]
    pub on_unavailable: OnUnavailable,
    #[serde(default = "input")]
    pub on: Vec<Direction>,
    /// The service to ask, in place of what stands behind the profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Options of the check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validate_kwargs: Option<Map>,
}

fn block() -> OnUnavailable {
    OnUnavailable::Block
}

fn input() -> Vec<Direction> {
    vec![Direction::Input]
}

impl GuardrailSpec {
    /// What is wrong with it beyond its shape: member and why.
    pub(crate) fn problem(&self) -> Option<(&'static str, &'static str)> {
        let chars = self.profile.chars().count();
        if !(1..=PROFILE_CHARS_MAX).contains(&chars) {
            return Some(("profile", "must have 1 to 128 characters"));
        }
        if self.on.is_empty() {
            return Some(("on", "must name `input`, `output` or both"));
        }
        let http = |url: &String| url.starts_with("https://") || url.starts_with("http://");
        if !self.url.as_ref().is_none_or(http) {
            return Some(("url", "is not an http(s) address"));
        }
        None
    }
}

/// Longest name of a profile.
pub const PROFILE_CHARS_MAX: usize = 128;

/// The guardrails of every generation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mandates(pub Vec<GuardrailSpec>);

impl Setting for Mandates {
    const TYPE: &'static str =
        "a list of `{profile, mode, on, on_unavailable, url, validate_kwargs}`";
    const SCALAR: bool = false;

    fn read(value: &Value, path: &str, report: &mut Report) -> Option<Self> {
        let items = Vec::<Value>::read(value, path, report)?;
        let specs = items.iter().enumerate().map(|(index, item)| {
            let path = format!("{path}[{index}]");
            let spec: GuardrailSpec = read_as(item, &path, report)?;
            if let Some((member, message)) = spec.problem() {
                let path = format!("{path}.{member}");
                report.problem(Problem::new(&path, ProblemKind::OutOfRange, message));
            }
            Some(spec)
        });
        let specs: Vec<Option<GuardrailSpec>> = specs.collect();
        specs.into_iter().collect::<Option<_>>().map(Self)
    }

    fn show(&self) -> Value {
        let shown = self.0.iter().map(|spec| {
            let mut spec = spec.clone();
            spec.url = spec.url.as_deref().map(redact_url);
            // Options can hold anything a service wants.
            let kwargs = spec.validate_kwargs.take();
            let mut shown = serde_json::to_value(spec).unwrap_or_default();
            if let (Some(kwargs), Value::Object(shown)) = (kwargs, &mut shown) {
                shown.insert("validate_kwargs".to_owned(), kwargs.show());
            }
            shown
        });
        shown.collect()
    }
}

/// Which part of a conversation is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// What the user said last.
    LastUser,
    /// All of it.
    Conversation,
}

/// What is done with a finding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// The check fails.
    #[default]
    Detect,
    /// It is replaced, and the call goes on.
    Redact,
}

/// What checks a profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "provider", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ProfileSpec {
    /// A service that answers `POST {url}/validate`; `guardrails_url` without a URL.
    Remote {
        #[serde(default)]
        url: Option<String>,
        #[serde(default)]
        scope: Option<Scope>,
    },
    PromptInjection {
        /// Scores from here on are findings.
        #[serde(default)]
        threshold: Option<f64>,
        /// Ask the encoder too; it has to be installed.
        #[serde(default)]
        encoder: bool,
        #[serde(default)]
        scope: Option<Scope>,
    },
    Pii {
        /// All when absent.
        #[serde(default)]
        kinds: Option<Vec<String>>,
        #[serde(default)]
        action: Action,
        #[serde(default)]
        scope: Option<Scope>,
    },
    Secrets {
        #[serde(default)]
        kinds: Option<Vec<String>>,
        #[serde(default)]
        action: Action,
        #[serde(default)]
        scope: Option<Scope>,
    },
    Regex {
        /// Regular expressions.
        #[serde(default)]
        patterns: Vec<String>,
        /// Words and phrases, upper and lower case alike.
        #[serde(default)]
        deny: Vec<String>,
        #[serde(default)]
        action: Action,
        #[serde(default)]
        scope: Option<Scope>,
    },
    /// A provider's `/moderations`.
    Moderation {
        /// `instance:model`
        model: String,
        /// Scores from here on are findings; the provider's own judgement when absent.
        #[serde(default)]
        threshold: Option<f64>,
        /// All when absent.
        #[serde(default)]
        categories: Option<Vec<String>>,
        #[serde(default)]
        scope: Option<Scope>,
    },
    /// A model that is asked.
    LlmJudge {
        /// `instance:model`
        model: String,
        /// What texts must not do, in words.
        policy: String,
        #[serde(default)]
        threshold: Option<f64>,
        #[serde(default)]
        scope: Option<Scope>,
    },
}

/// What checks a profile, by the profile's name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profiles(pub BTreeMap<String, ProfileSpec>);

impl Setting for Profiles {
    const TYPE: &'static str = "a mapping of name to `{provider, …}`";
    const SCALAR: bool = false;

    fn read(value: &Value, path: &str, report: &mut Report) -> Option<Self> {
        let mut profiles = BTreeMap::new();
        for (name, written) in &Map::read(value, path, report)? {
            let path = format!("{path}.{name}");
            if let Some(spec) = read_as(written, &path, report) {
                profiles.insert(name.clone(), spec);
            }
        }
        Some(Self(profiles))
    }

    fn show(&self) -> Value {
        let shown = self.0.iter().map(|(name, spec)| {
            let mut shown = serde_json::to_value(spec).unwrap_or_default();
            // What is denied is told to nobody.
            for list in ["patterns", "deny"] {
                if let Some(Value::Array(items)) = shown.get_mut(list) {
                    items.fill(Value::from(REDACTED));
                }
            }
            if let Some(Value::String(url)) = shown.get_mut("url") {
                *url = redact_url(url);
            }
            (name.clone(), shown)
        });
        shown.collect()
    }
}

fn read_as<T: serde::de::DeserializeOwned>(
    value: &Value,
    path: &str,
    report: &mut Report,
) -> Option<T> {
    match serde_path_to_error::deserialize(value) {
        Ok(read) => Some(read),
        Err(error) => {
            let inner = error.path().to_string();
            let path = match inner.as_str() {
                "." => path.to_owned(),
                inner => format!("{path}.{inner}"),
            };
            let message = error.inner().to_string();
            report.problem(Problem::new(&path, ProblemKind::WrongType, message));
            None
        }
    }
}
