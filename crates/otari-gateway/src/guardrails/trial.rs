//! A profile tried on texts, without a call: for measuring how good it is.

use otari_config::{Direction, GuardrailMode, OnUnavailable};

use super::entry::Entry;
use super::likeness::{asked, joined, score};
use super::profile::Means;
use super::remote::validate;
use super::screen::of_text;
use super::{GuardrailOptions, Guardrails};

/// Why a profile cannot be tried.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    #[error("there is no guardrail profile '{0}'")]
    NoSuchProfile(String),
    /// Its calls are somebody's, and cost.
    #[error(
        "guardrail profile '{0}' asks a provider, which takes a running gateway; rules and remote services can be tried"
    )]
    NeedsGateway(String),
    #[error("guardrail profile '{profile}': {problem}")]
    Unusable { profile: String, problem: String },
}

/// A profile to be tried.
#[derive(Debug)]
pub struct GuardrailTrial {
    guardrails: Guardrails,
    entry: Entry,
    means: Means,
}

impl GuardrailTrial {
    /// By the name that callers would use.
    pub async fn new(options: GuardrailOptions, profile: &str) -> Result<Self, TrialError> {
        let guardrails = Guardrails::new(options);
        let entry = Entry {
            profile: profile.to_owned(),
            mode: GuardrailMode::Monitor,
            on_unavailable: OnUnavailable::Block,
            on: vec![Direction::Input],
            url: None,
            url_is_operators: false,
            kwargs: None,
        };
        let means = guardrails.means(&entry).await;
        let means = means.map_err(|error| TrialError::Unusable {
            profile: profile.to_owned(),
            problem: error.to_string(),
        })?;
        match means {
            Means::Nobody => Err(TrialError::NoSuchProfile(profile.to_owned())),
            Means::Moderation { .. } | Means::Judge { .. } => {
                Err(TrialError::NeedsGateway(profile.to_owned()))
            }
            means => Ok(Self {
                guardrails,
                entry,
                means,
            }),
        }
    }

    /// What makes the check.
    pub fn provider(&self) -> &'static str {
        match self.encoder_threshold() {
            Some(_) => "prompt-injection with encoder",
            None => self.means.name(),
        }
    }

    /// Whether the profile finds something in the text, or why it could not be asked.
    pub async fn finds(&self, text: &str) -> Result<bool, String> {
        let verdict = match &self.means {
            Means::Rules { rules, .. } => {
                let verdict = of_text(rules, text);
                match self.encoder_threshold() {
                    Some(threshold) if verdict.valid == Some(true) => {
                        let encoder = self.guardrails.encoder.get();
                        let encoder = encoder.map_err(|error| error.to_string())?;
                        let score = score(encoder, &[text.to_owned()]);
                        Ok(joined(verdict, score, threshold))
                    }
                    _ => Ok(verdict),
                }
            }
            Means::Remote { url, trusted, .. } => {
                let client = self.guardrails.client(*trusted);
                let asked = validate(client, url, &self.entry, text).await;
                asked.map_err(|error| error.to_string())?
            }
            Means::Moderation { .. } | Means::Judge { .. } | Means::Nobody => {
                return Err("it asks a provider".to_owned());
            }
        };
        match verdict {
            Ok(verdict) => verdict
                .valid
                .map(|valid| !valid)
                .ok_or_else(|| "it could not decide".to_owned()),
            Err(unavailable) => Err(unavailable.0),
        }
    }

    /// Where the encoder is asked too, from which score on its word counts.
    fn encoder_threshold(&self) -> Option<f64> {
        let Means::Rules { rules, .. } = &self.means else {
            return None;
        };
        asked(rules, Direction::Input)
    }
}
