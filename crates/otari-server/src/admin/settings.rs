//! `/v1/settings`: the configuration in force, and the settings that change without a restart.

mod fields;

use axum::Json;
use axum::extract::State;
use otari_gateway::{MissingUsagePolicy, SettingError, VisionStrategy};
use otari_store::runtime_settings;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::admin::tri_state;
use crate::error::{ApiError, Problems};
use crate::extract::{JsonBody, Operator};
use crate::state::App;

pub(crate) use fields::ConfigField;

/// Settings that may be unset.
const NULLABLE: &[&str] = &["vision_describe_model"];

#[expect(clippy::struct_excessive_bools, reason = "the members clients know")]
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GatewaySettings {
    /// `standalone` or `hybrid`.
    mode: &'static str,
    version: String,
    model_discovery: bool,
    default_pricing: bool,
    require_pricing: bool,
    /// `configured`, or `generated` at the first start.
    master_key_source: &'static str,
    /// Whether provider credentials can be stored.
    secret_key_configured: bool,
    /// Every plain setting with its value in force; secrets are left out.
    config: Vec<ConfigField>,
}

/// Members left out stay.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(crate) struct UpdateSettings {
    #[serde(default, deserialize_with = "tri_state::read")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<bool>)]
    require_pricing: Option<Option<bool>>,
    #[serde(default, deserialize_with = "tri_state::read")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<bool>)]
    default_pricing: Option<Option<bool>>,
    #[serde(default, deserialize_with = "tri_state::read")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<bool>)]
    reject_user_mismatch: Option<Option<bool>>,
    #[serde(default, deserialize_with = "tri_state::read")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>)]
    budget_estimate_default_output_tokens: Option<Option<u32>>,
    /// `estimate`, `fail` or `allow_free`.
    #[serde(default, deserialize_with = "tri_state::read")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    stream_missing_usage_policy: Option<Option<MissingUsagePolicy>>,
    #[serde(default, deserialize_with = "tri_state::read")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<bool>)]
    model_discovery: Option<Option<bool>>,
    /// 0 keeps no list.
    #[serde(default, deserialize_with = "tri_state::read")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>)]
    model_cache_ttl_seconds: Option<Option<u32>>,
    /// Above 0.
    #[serde(default, deserialize_with = "tri_state::read")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    model_discovery_timeout_seconds: Option<Option<f64>>,
    #[serde(default, deserialize_with = "tri_state::read")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    model_discovery_negative_ttl_seconds: Option<Option<f64>>,
    #[serde(default, deserialize_with = "tri_state::read")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<bool>)]
    file_understanding_enabled: Option<Option<bool>>,
    /// `describe`, `ocr` or `off`.
    #[serde(default, deserialize_with = "tri_state::read")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    vision_strategy: Option<Option<VisionStrategy>>,
    /// Null: images are not described.
    #[serde(default, deserialize_with = "tri_state::read")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    vision_describe_model: Option<Option<String>>,
    /// Above 0.
    #[serde(default, deserialize_with = "tri_state::read")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>)]
    vision_describe_max_tokens: Option<Option<u32>>,
    /// Anything else, to be refused by name.
    #[serde(flatten)]
    #[schema(ignore)]
    others: Map<String, Value>,
}

/// Get the settings
#[utoipa::path(
    get, path = "/v1/settings", tag = "settings", operation_id = "get_settings",
    responses((status = 200, body = GatewaySettings), (status = 401, description = "Not the master key"))
)]
pub(crate) async fn get_settings(State(app): State<App>, _: Operator) -> Json<GatewaySettings> {
    Json(shown(&app))
}

/// Change settings
///
/// Stored, and in force at once on every node; stored settings go before the configuration, also after a restart.
#[utoipa::path(
    patch, path = "/v1/settings", tag = "settings", operation_id = "update_settings", request_body = UpdateSettings,
    responses(
        (status = 200, body = GatewaySettings),
        (status = 400, description = "A null, an unknown setting, or one that needs a restart"),
        (status = 422, description = "A value of the wrong type or out of range"),
    )
)]
pub(crate) async fn update_settings(
    State(app): State<App>,
    _: Operator,
    JsonBody(body): JsonBody<UpdateSettings>,
) -> Result<Json<GatewaySettings>, ApiError> {
    let gateway = &app.gateway;
    let changes = checked(&app, &body)?;
    let mut stored = Ok(());
    for (key, value) in &changes {
        stored = runtime_settings::put(&gateway.store, key, &value.to_string()).await;
        if stored.is_err() {
            break;
        }
    }
    // Also after a failure: what is stored is what is in force.
    let applied = gateway.reload().await;
    stored?;
    applied?;
    Ok(Json(shown(&app)))
}

/// The changes, if all of them can be made.
fn checked(app: &App, body: &UpdateSettings) -> Result<Map<String, Value>, ApiError> {
    let Ok(Value::Object(changes)) = serde_json::to_value(body) else {
        return Err(ApiError::internal());
    };
    let settings = app.gateway.settings.hot();
    let mut problems = Problems::default();
    for (key, value) in &changes {
        match settings.with(key, value) {
            Err(SettingError::NotHot) => return Err(not_settable(key)),
            _ if value.is_null() && !NULLABLE.contains(&key.as_str()) => {
                return Err(ApiError::bad_request(format!("'{key}' cannot be null")));
            }
            Err(SettingError::Invalid(message)) => problems.wrong(key, message),
            Ok(_) => {}
        }
    }
    problems.refuse()?;
    Ok(changes)
}

fn not_settable(key: &str) -> ApiError {
    let configured = otari_config::fields().iter().any(|field| field.key == key);
    ApiError::bad_request(if configured {
        format!(
            "'{key}' cannot be changed while the gateway runs; set it in the configuration and restart"
        )
    } else {
        format!("'{key}' is not a setting")
    })
}

fn shown(app: &App) -> GatewaySettings {
    let config = &app.config;
    let hot = app.gateway.settings.hot();
    GatewaySettings {
        mode: config.mode().as_str(),
        version: app.version.clone(),
        model_discovery: hot.model_discovery,
        default_pricing: hot.default_pricing,
        require_pricing: hot.require_pricing,
        master_key_source: if config.auth.master_key.is_some() {
            "configured"
        } else {
            "generated"
        },
        secret_key_configured: config.secret_key().is_some(),
        config: fields::all(config, &hot),
    }
}
