//! `/v1/tool-settings/guardrails`: which checks there are, for the forms that set checks up.

use axum::Json;
use axum::extract::State;
use otari_gateway::ListedProfile;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::extract::{AnyKey, Operator};
use crate::state::App;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GuardrailProfiles {
    /// Whether the list is whole.
    available: bool,
    profiles: Vec<GuardrailProfile>,
    /// Why the guardrail service's profiles are missing.
    reason: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GuardrailProfile {
    /// What a check names.
    profile: String,
    /// What stands behind it.
    guardrail: String,
    model_id: Option<String>,
    /// Options of a check, where they are known.
    #[schema(value_type = Vec<Object>)]
    parameters: Vec<Value>,
    parameters_known: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GuardrailCatalog {
    #[schema(value_type = Vec<Object>)]
    guardrails: Vec<Value>,
}

impl From<ListedProfile> for GuardrailProfile {
    fn from(listed: ListedProfile) -> Self {
        let own = Own::of(&listed.guardrail);
        Self {
            parameters: own.map(Own::parameters).unwrap_or_default(),
            parameters_known: own.is_some(),
            profile: listed.profile,
            guardrail: listed.guardrail,
            model_id: listed.model,
        }
    }
}

/// List the guardrail profiles
///
/// Configured ones, the gateway's own, and those of the service at `guardrails_url`.
#[utoipa::path(
    get, path = "/v1/tool-settings/guardrails/profiles", tag = "tool-settings", operation_id = "list_guardrail_profiles",
    responses((status = 200, body = GuardrailProfiles))
)]
pub(crate) async fn list_guardrail_profiles(
    State(app): State<App>,
    _: Operator,
) -> Json<GuardrailProfiles> {
    let listed = app.gateway.guardrail_profiles().await;
    Json(GuardrailProfiles {
        available: listed.service_missing.is_none(),
        profiles: listed.profiles.into_iter().map(Into::into).collect(),
        reason: listed.service_missing,
    })
}

/// List the checks that the gateway makes itself
#[utoipa::path(
    get, path = "/v1/tool-settings/guardrails/catalog", tag = "tool-settings", operation_id = "list_builtin_guardrails",
    responses((status = 200, body = GuardrailCatalog), (status = 401, description = "Missing or invalid API key"))
)]
pub(crate) async fn list_guardrail_catalog(_: AnyKey) -> Json<GuardrailCatalog> {
    Json(GuardrailCatalog {
        guardrails: Own::ALL.iter().map(Own::described).collect(),
    })
}

/// A check that the gateway makes itself. The words of its members are those of existing dashboards.
struct Own {
    name: &'static str,
    title: &'static str,
    about: &'static str,
    category: &'static str,
    backend: &'static str,
    shape: &'static str,
    options: &'static [Parameter],
}

struct Parameter {
    name: &'static str,
    kind: &'static str,
    about: &'static str,
    choices: &'static [&'static str],
    required: bool,
}

impl Parameter {
    const fn optional(name: &'static str, kind: &'static str, about: &'static str) -> Self {
        Self {
            name,
            kind,
            about,
            choices: &[],
            required: false,
        }
    }
}

const THRESHOLD: Parameter = Parameter::optional(
    "threshold",
    "number",
    "Scores from here on are findings, 0 to 1",
);
const KINDS: Parameter = Parameter::optional("kinds", "json", "A list of kinds; all without it");
const ACTION: Parameter = Parameter {
    choices: &["detect", "redact"],
    ..Parameter::optional("action", "enum", "Refuse what is found, or replace it")
};
const MODEL: Parameter = Parameter {
    required: true,
    ..Parameter::optional("model", "string", "instance:model")
};
const POLICY: Parameter = Parameter {
    required: true,
    ..Parameter::optional("policy", "string", "What texts must not do, in words")
};

impl Own {
    const ALL: [Self; 6] = [
        Self {
            name: "prompt-injection",
            title: "Prompt injection",
            about: "Attempts to turn a model against its instructions, by rules in this process",
            category: "prompt_injection",
            backend: "library_wrapped",
            shape: "score",
            options: &[THRESHOLD],
        },
        Self {
            name: "pii",
            title: "Personal data",
            about: "Addresses, numbers of cards, accounts and documents, with their check digits",
            category: "pii",
            backend: "library_wrapped",
            shape: "span",
            options: &[KINDS, ACTION],
        },
        Self {
            name: "secrets",
            title: "Secrets",
            about: "Keys and tokens of known services, private keys",
            category: "pii",
            backend: "library_wrapped",
            shape: "span",
            options: &[KINDS, ACTION],
        },
        Self {
            name: "regex",
            title: "Words and patterns",
            about: "Regular expressions and words that may not occur",
            category: "content_safety",
            backend: "library_wrapped",
            shape: "span",
            options: &[
                Parameter::optional("patterns", "json", "A list of regular expressions"),
                Parameter::optional("deny", "json", "A list of words and phrases"),
                ACTION,
            ],
        },
        Self {
            name: "moderation",
            title: "Moderation",
            about: "A provider's moderations endpoint",
            category: "content_safety",
            backend: "hosted_api",
            shape: "multi_label",
            options: &[
                MODEL,
                THRESHOLD,
                Parameter::optional("categories", "json", "A list of categories; all without it"),
            ],
        },
        Self {
            name: "llm-judge",
            title: "A model as judge",
            about: "Asks a model whether a text breaks a policy",
            category: "general_judge",
            backend: "hosted_api",
            shape: "score",
            options: &[MODEL, POLICY, THRESHOLD],
        },
    ];

    fn of(name: &str) -> Option<&'static Self> {
        const ALL: &[Own] = &Own::ALL;
        ALL.iter().find(|own| own.name == name)
    }

    fn parameters(&self) -> Vec<Value> {
        let described = self.options.iter().map(|option| {
            json!({
                "name": option.name, "type": option.kind, "description": option.about, "required": option.required,
                "choices": (!option.choices.is_empty()).then_some(option.choices), "secret": false, "storable": true,
            })
        });
        described.collect()
    }

    fn described(&self) -> Value {
        json!({
            "guardrail_name": self.name, "display_name": self.title, "description": self.about, "vendor": "Otari",
            "backend": self.backend, "primary_category": self.category, "categories": [self.category],
            "stages": ["input", "output"], "output_shapes": [self.shape], "default_license": "Apache-2.0",
            "create_parameters": self.parameters(), "validate_parameters": [], "requires_api_key": false,
            "multilingual": true, "multimodal": false, "supports_batch": false, "requirement_groups": [],
            "alternate_backends": [], "required_validate_kwargs": [], "optional_validate_kwargs": [], "variant_licenses": [],
        })
    }
}
