//! What stands behind the name of a profile.

use otari_config::section::guardrails::{Action, Scope};
use otari_config::{Map, ProfileSpec};
use serde_json::Value;

use super::entry::Entry;
use super::rules::{Patterns, Rules, THRESHOLD};
use crate::error::GatewayError;

/// Checks that come with the gateway begin so; without it their names give way to a configured service.
const OWN: &str = "otari:";

/// A check of one call.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) entry: Entry,
    pub(crate) means: Means,
}

/// Who makes a check.
#[derive(Clone, Debug)]
pub(crate) enum Means {
    Rules {
        rules: Rules,
        scope: Option<Scope>,
    },
    Remote {
        url: String,
        /// The address is the operator's.
        trusted: bool,
        scope: Option<Scope>,
    },
    Moderation {
        model: String,
        threshold: Option<f64>,
        categories: Option<Vec<String>>,
        scope: Option<Scope>,
    },
    Judge {
        model: String,
        policy: String,
        threshold: f64,
        scope: Option<Scope>,
    },
    /// Nobody: the check cannot be made.
    Nobody,
}

impl Means {
    /// For metrics.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Rules { rules, .. } => match rules {
                Rules::Injection { .. } => "prompt-injection",
                Rules::Pii { .. } => "pii",
                Rules::Secrets { .. } => "secrets",
                Rules::Patterns { .. } => "regex",
            },
            Self::Remote { .. } => "remote",
            Self::Moderation { .. } => "moderation",
            Self::Judge { .. } => "llm-judge",
            Self::Nobody => "none",
        }
    }

    /// Rules read all of a conversation: it costs nothing. Others read what the user said last.
    pub(super) fn scope(&self) -> Scope {
        match self {
            Self::Rules { scope, .. } => scope.unwrap_or(Scope::Conversation),
            Self::Remote { scope, .. }
            | Self::Moderation { scope, .. }
            | Self::Judge { scope, .. } => scope.unwrap_or(Scope::LastUser),
            Self::Nobody => Scope::LastUser,
        }
    }

    pub(super) fn redacts(&self) -> bool {
        matches!(self, Self::Rules { rules, .. } if rules.redacts())
    }

    /// A profile without an entry in the configuration: the gateway's own by its full name, else the service, else the
    /// gateway's own by its short name.
    pub(super) fn unconfigured(entry: &Entry, service: Option<&str>) -> Result<Self, GatewayError> {
        let name = entry.profile.as_str();
        let full = name.strip_prefix(OWN);
        if full.is_none()
            && let Some(url) = service
        {
            return Ok(Self::Remote {
                url: url.to_owned(),
                trusted: true,
                scope: None,
            });
        }
        let options = entry.kwargs.as_ref();
        let rules = built_in(full.unwrap_or(name), options).map_err(|problem| {
            GatewayError::InvalidRequest(format!("guardrail '{name}': {problem}"))
        })?;
        Ok(rules.map_or(Self::Nobody, |rules| Self::Rules { rules, scope: None }))
    }
}

fn remote(url: Option<String>, scope: Option<Scope>) -> Means {
    url.map_or(Means::Nobody, |url| Means::Remote {
        url,
        trusted: true,
        scope,
    })
}

/// A profile of the configuration. One that cannot work checks nothing, and so fails where it blocks.
pub(super) fn configured(name: &str, spec: ProfileSpec, service: Option<&str>) -> Means {
    let (rules, scope) = match spec {
        ProfileSpec::Remote { url, scope } => {
            return remote(url.or_else(|| service.map(str::to_owned)), scope);
        }
        ProfileSpec::Moderation {
            model,
            threshold,
            categories,
            scope,
        } => {
            return Means::Moderation {
                model,
                threshold,
                categories,
                scope,
            };
        }
        ProfileSpec::LlmJudge {
            model,
            policy,
            threshold,
            scope,
        } => {
            return Means::Judge {
                model,
                policy,
                threshold: threshold.unwrap_or(THRESHOLD),
                scope,
            };
        }
        ProfileSpec::PromptInjection {
            threshold,
            encoder,
            scope,
        } => {
            let threshold = threshold.unwrap_or(THRESHOLD);
            (Ok(Rules::Injection { threshold, encoder }), scope)
        }
        ProfileSpec::Pii {
            kinds,
            action,
            scope,
        } => (Ok(Rules::Pii { kinds, action }), scope),
        ProfileSpec::Secrets {
            kinds,
            action,
            scope,
        } => (Ok(Rules::Secrets { kinds, action }), scope),
        ProfileSpec::Regex {
            patterns,
            deny,
            action,
            scope,
        } => {
            let patterns = Patterns::new(&patterns, &deny).map_err(|error| error.to_string());
            (
                patterns.map(|patterns| Rules::Patterns { patterns, action }),
                scope,
            )
        }
    };
    let sound = rules.and_then(|rules| match rules.unknown_kind() {
        Some(kind) => Err(format!("there is no kind `{kind}`")),
        None => Ok(rules),
    });
    match sound {
        Ok(rules) => Means::Rules { rules, scope },
        Err(problem) => {
            tracing::error!(
                profile = name,
                problem,
                "a guardrail profile cannot be used; calls that it blocks are refused"
            );
            Means::Nobody
        }
    }
}

/// The gateway's own check of that name, with the options of an entry.
fn built_in(name: &str, options: Option<&Map>) -> Result<Option<Rules>, String> {
    let option = |name: &str| options.and_then(|options| options.get(name));
    let action = || match option("action") {
        None => Ok(Action::Detect),
        Some(word) => serde_json::from_value(word.clone())
            .map_err(|_| "`action` should be 'detect' or 'redact'".to_owned()),
    };
    let kinds = || match option("kinds") {
        None | Some(Value::Null) => Ok(None),
        Some(list) => serde_json::from_value::<Vec<String>>(list.clone())
            .map(Some)
            .map_err(|_| "`kinds` should be a list of names".to_owned()),
    };
    let rules = match name {
        "prompt-injection" => {
            let threshold = match option("threshold") {
                None | Some(Value::Null) => THRESHOLD,
                Some(given) => given.as_f64().ok_or("`threshold` should be a number")?,
            };
            Rules::Injection {
                threshold,
                encoder: false,
            }
        }
        "pii" => Rules::Pii {
            kinds: kinds()?,
            action: action()?,
        },
        "secrets" => Rules::Secrets {
            kinds: kinds()?,
            action: action()?,
        },
        _ => return Ok(None),
    };
    match rules.unknown_kind() {
        Some(kind) => Err(format!("there is no kind '{kind}'")),
        None => Ok(Some(rules)),
    }
}
