//! Other names for models, and policies that choose among them.

mod embedding_model;
mod policy;

use std::collections::BTreeMap;

use otari_types::ModelSelector;
use serde_json::Value;

use crate::problem::{Problem, ProblemKind, Report};
use crate::section::section;
use crate::setting::Limit::{Above, AtLeast, Between};
use crate::setting::{Map, Reader, Setting, choice};

pub use embedding_model::EmbeddingModel;
pub use policy::{
    CANDIDATES_MAX, Comparison, Condition, Entry, OneOrMany, PolicyProblem, PolicySpec,
    RETRIES_MAX, RetrySpec, Router,
};

choice! {
    /// What one decision of the learned router covers.
    RouterGranularity("`trace_sticky` or `step`") {
        /// A whole conversation.
        TraceSticky = "trace_sticky",
        /// Each call.
        Step = "step",
    }
}

section! {
    /// Aliases and routing.
    Routing("Routing") {
        /// Names callers may use in place of `instance:model`.
        aliases: Aliases = Aliases::default();
        /// Routing policies: `{enabled, policies}`.
        routing: Policies = Policies::default();
        /// Failures in a row after which a provider's other candidates go first; 0 for never.
        circuit_breaker_failures: u32 = 5;
        /// How long it then stands back before it is tried again, unless it said so itself.
        circuit_breaker_cooldown_seconds: f64 = 30.0 => Above(0.0);
        /// Learned routing: weight of cost against quality.
        router_alpha: f64 = 0.3 => AtLeast(0.0);
        /// Learned routing: neighbours consulted.
        router_k: u32 = 5 => AtLeast(1.0);
        /// Learned routing: what embeds prompts. `otari:words` compares the words of prompts and needs nothing;
        /// `otari:minilm` compares what they mean and needs `otari guardrails install`; else a model at a provider.
        router_embedding_model: EmbeddingModel = EmbeddingModel::Words;
        /// Learned routing: confidence below which the default answers.
        router_confidence_floor: f64 = 0.0 => Between(0.0, 1.0);
        /// Learned routing: examples needed before it decides.
        router_seed_count: u32 = 20;
        /// Learned routing: how long a caller waits for a decision, embedding included; then the default answers.
        router_decision_timeout_ms: u32 = 5000 => AtLeast(1.0);
        /// Learned routing: what one decision covers.
        router_granularity: RouterGranularity = RouterGranularity::TraceSticky;
        /// Learned routing: examples kept for one user; 0 for all.
        router_max_records_per_user: u32 = 5000;
    }
}

/// Alias → what it stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aliases(pub BTreeMap<String, ModelSelector>);

impl Setting for Aliases {
    const TYPE: &'static str = "a mapping of name to `instance:model`";
    const SCALAR: bool = false;

    fn read(value: &Value, path: &str, report: &mut Report) -> Option<Self> {
        let mut aliases = BTreeMap::new();
        for (name, target) in &Map::read(value, path, report)? {
            let path = format!("{path}.{name}");
            let Some(text) = String::read(target, &path, report) else {
                continue;
            };
            match ModelSelector::parse(&text) {
                Ok(selector) => {
                    aliases.insert(name.clone(), selector);
                }
                Err(_) => report.problem(
                    Problem::new(&path, ProblemKind::WrongType, "expected `instance:model`")
                        .hint("name a provider and one of its models, as `openai:gpt-5`"),
                ),
            }
        }
        Some(Self(aliases))
    }

    fn show(&self) -> Value {
        self.0
            .iter()
            .map(|(name, target)| (name.clone(), Value::from(target.to_string())))
            .collect()
    }
}

/// Routing policies, each as written.
#[derive(Clone, Debug, PartialEq)]
pub struct Policies {
    pub enabled: bool,
    pub policies: Map,
}

impl Default for Policies {
    fn default() -> Self {
        Self {
            enabled: true,
            policies: Map::new(),
        }
    }
}

impl Policies {
    /// The policies by name. A configuration that was checked has no other.
    pub fn specs(&self) -> BTreeMap<String, PolicySpec> {
        let read =
            |(name, value): (&String, &Value)| Some((name.clone(), PolicySpec::read(value).ok()?));
        self.policies.iter().filter_map(read).collect()
    }
}

impl Setting for Policies {
    const TYPE: &'static str = "a mapping";
    const SCALAR: bool = false;

    fn read(value: &Value, path: &str, report: &mut Report) -> Option<Self> {
        let map = Map::read(value, path, report)?;
        let mut reader = Reader::new(&map, path, report);
        let read = Self {
            enabled: reader.take("enabled", true, None),
            policies: reader.take("policies", Map::new(), None),
        };
        reader.warn_of_unknown_keys();
        Some(read)
    }

    fn show(&self) -> Value {
        serde_json::json!({"enabled": self.enabled, "policies": self.policies})
    }
}
