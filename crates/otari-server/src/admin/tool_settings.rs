//! `/v1/tool-settings`: where the tools' services are and how they behave, changed while the gateway runs.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use http::HeaderMap;
use otari_gateway::tools::ToolSetting;
use otari_store::runtime_settings;
use otari_tools::{GuardedClient, HttpError, HttpLimits, UrlGuard, UrlPolicy};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::error::{ApiError, Problems};
use crate::extract::{JsonBody, Operator};
use crate::state::App;

const TEST_WITHIN: Duration = Duration::from_secs(5);
const GUARDRAILS_URL: &str = "guardrails_url";
const SERVICES: [&str; 3] = ["web_search", "sandbox", "guardrails"];

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ToolSettings {
    fields: Vec<ToolSettingField>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ToolSettingField {
    #[schema(example = "web_search_url")]
    key: &'static str,
    /// `web_search`, `sandbox` or `guardrails`.
    service: &'static str,
    /// `url`, `str`, `int` or `bool`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// In force; null is unset.
    #[schema(value_type = Option<Object>)]
    value: Value,
    description: String,
    options: Option<Vec<String>>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct TestedService {
    url: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServiceTest {
    /// Something answered there, whatever its status.
    ok: bool,
    /// What answered, or why nothing did.
    reason: String,
}

/// Get the tools' settings
#[utoipa::path(
    get, path = "/v1/tool-settings", tag = "tool-settings", operation_id = "get_tool_settings",
    responses((status = 200, body = ToolSettings))
)]
pub(crate) async fn get_tool_settings(State(app): State<App>, _: Operator) -> Json<ToolSettings> {
    Json(shown(&app))
}

/// Change the tools' settings
///
/// In force from the next request on, on every node, and before the configuration after a restart. `null` or a blank
/// text takes a stored value away: the configured one counts again.
#[utoipa::path(
    patch, path = "/v1/tool-settings", tag = "tool-settings", operation_id = "update_tool_settings",
    request_body(content = Object, description = "Any of `web_search_url`, `web_search_engines`, `web_search_max_results`, `web_search_extract`, `web_search_purpose_hint`, `web_search_intercept`, `sandbox_url`, `sandbox_purpose_hint`, `guardrails_url`"),
    responses((status = 200, body = ToolSettings), (status = 422, description = "An unknown setting or a wrong value"))
)]
pub(crate) async fn update_tool_settings(
    State(app): State<App>,
    _: Operator,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> Result<Json<ToolSettings>, ApiError> {
    let mut problems = Problems::default();
    let mut changes = Vec::new();
    for (key, value) in &body {
        match checked(key, value) {
            Ok(value) => changes.push((key, value)),
            Err(message) => problems.wrong(key, message),
        }
    }
    problems.refuse()?;
    let mut stored = Ok(());
    for (key, value) in changes {
        stored = runtime_settings::put(&app.gateway.store, key, &value.to_string()).await;
        if stored.is_err() {
            break;
        }
    }
    // Also after a failure: what is stored is what is in force.
    let applied = app.gateway.reload().await;
    stored?;
    applied?;
    Ok(Json(shown(&app)))
}

/// Try to reach a service
///
/// Answers whether something answers at `url`; redirects are not followed.
#[utoipa::path(
    post, path = "/v1/tool-settings/{service}/test", tag = "tool-settings", operation_id = "test_tool_service",
    params(("service" = String, Path, description = "`web_search`, `sandbox` or `guardrails`")), request_body = TestedService,
    responses((status = 200, body = ServiceTest), (status = 404, description = "Unknown service"))
)]
pub(crate) async fn test_tool_service(
    _: Operator,
    Path(service): Path<String>,
    JsonBody(body): JsonBody<TestedService>,
) -> Result<Json<ServiceTest>, ApiError> {
    if !SERVICES.contains(&service.as_str()) {
        return Err(ApiError::not_found(format!(
            "Unknown service '{service}'; there are {}",
            SERVICES.join(", ")
        )));
    }
    let client = GuardedClient::new(UrlGuard::new(UrlPolicy::operator()), TEST_WITHIN);
    let limits = HttpLimits {
        first_byte: TEST_WITHIN,
        idle: TEST_WITHIN,
        total: TEST_WITHIN,
        body_bytes: 0,
        redirects: 0,
    };
    let (ok, reason) = match client.get(&body.url, HeaderMap::new(), limits).await {
        Ok(answer) => (
            true,
            format!("it answers with status {}", answer.status.as_u16()),
        ),
        Err(HttpError::TooManyRedirects(_)) => (true, "it answers with a redirect".to_owned()),
        Err(error) => (false, error.to_string()),
    };
    Ok(Json(ServiceTest { ok, reason }))
}

/// The value as it is stored, or what is wrong with it.
fn checked(key: &str, value: &Value) -> Result<Value, String> {
    let (_, kind) = about(key).ok_or_else(|| {
        let keys: Vec<_> = keys().collect();
        format!(
            "There is no such tool setting; there are {}",
            keys.join(", ")
        )
    })?;
    let blank = value.as_str().is_some_and(|text| text.trim().is_empty());
    if value.is_null() || blank {
        return Ok(Value::Null);
    }
    let fits = match kind {
        "url" => value.as_str().is_some_and(is_address),
        "int" => value
            .as_u64()
            .is_some_and(|count| (1..=20).contains(&count)),
        "bool" => value.is_boolean(),
        _ => value.is_string(),
    };
    if fits {
        return Ok(value.clone());
    }
    Err(match kind {
        "url" => "Input should be an http(s) address",
        "int" => "Input should be a whole number from 1 to 20",
        "bool" => "Input should be a valid boolean",
        _ => "Input should be a valid string",
    }
    .to_owned())
}

fn is_address(text: &str) -> bool {
    url::Url::parse(text.trim())
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// What it is for, and its type, as existing dashboards know them; `None` for what is no setting.
fn about(key: &str) -> Option<(&'static str, &'static str)> {
    if key == GUARDRAILS_URL {
        return Some(("guardrails", "url"));
    }
    let setting = ToolSetting::ALL
        .into_iter()
        .find(|setting| setting.key() == key)?;
    Some(match setting {
        ToolSetting::WebSearchUrl => ("web_search", "url"),
        ToolSetting::WebSearchMaxResults => ("web_search", "int"),
        ToolSetting::WebSearchExtract | ToolSetting::WebSearchIntercept => ("web_search", "bool"),
        ToolSetting::WebSearchEngines | ToolSetting::WebSearchPurposeHint => ("web_search", "str"),
        ToolSetting::SandboxUrl => ("sandbox", "url"),
        ToolSetting::SandboxPurposeHint => ("sandbox", "str"),
    })
}

fn keys() -> impl Iterator<Item = &'static str> {
    let all = ToolSetting::ALL.into_iter().map(ToolSetting::key);
    all.chain([GUARDRAILS_URL])
}

fn shown(app: &App) -> ToolSettings {
    let set = app.gateway.tools.in_force();
    let documented = otari_config::fields();
    let fields = keys().filter_map(|key| {
        let (service, kind) = about(key)?;
        let setting = ToolSetting::ALL
            .into_iter()
            .find(|setting| setting.key() == key);
        let value = match setting {
            Some(setting) => setting.value(set.section()),
            None => app.gateway.guardrails_url().into(),
        };
        let field = documented.iter().find(|field| field.key == key);
        let description = field.map(|field| field.doc.trim().to_owned());
        Some(ToolSettingField {
            key,
            service,
            kind,
            value,
            description: description.unwrap_or_default(),
            options: None,
        })
    });
    ToolSettings {
        fields: fields.collect(),
    }
}
