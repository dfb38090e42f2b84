//! What the answers about search tools hold.

use otari_store::search_tools::{self, SearchToolRow};
use otari_types::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::admin::secrets::opens;
use crate::state::App;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SearchToolsList {
    pub(super) stored: Vec<StoredSearchTool>,
    pub(super) config: Vec<ConfiguredSearchTool>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StoredSearchTool {
    pub(super) name: String,
    pub(super) provider: String,
    pub(super) api_base: Option<String>,
    /// The end of the key, for recognising it.
    pub(super) last4: Option<String>,
    pub(super) timeout: Option<f64>,
    #[schema(value_type = Object)]
    pub(super) options: Value,
    #[schema(value_type = String, format = DateTime)]
    pub(super) created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub(super) updated_at: Timestamp,
    /// Whether the keys at hand open its key.
    pub(super) decryptable: bool,
    /// Whether it takes the place of a configured one.
    pub(super) shadows_config: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConfiguredSearchTool {
    pub(super) name: String,
    pub(super) provider: &'static str,
    pub(super) api_base: Option<String>,
    pub(super) has_api_key: bool,
    /// Whether a stored one takes its place.
    pub(super) shadowed: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SearchProviderInfo {
    #[schema(example = "exa")]
    pub(super) id: &'static str,
    pub(super) requires_api_key: bool,
    pub(super) requires_api_base: bool,
    pub(super) default_api_base: Option<&'static str>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reencrypted {
    /// Sealed again under the first key.
    pub(super) reencrypted: usize,
    /// None of the keys opens these.
    pub(super) unreadable: usize,
}

impl StoredSearchTool {
    pub(super) fn of(row: SearchToolRow, app: &App) -> Self {
        let sealed = row.sealed_key.as_deref();
        Self {
            decryptable: opens(app, search_tools::TABLE, &row.name, sealed),
            shadows_config: app.config.tools.search_tools.0.contains_key(&row.name),
            timeout: row.timeout_ms.map(seconds),
            options: serde_json::from_str(&row.options).unwrap_or_default(),
            name: row.name,
            provider: row.provider,
            api_base: row.api_base,
            last4: row.key_last4,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53 milliseconds")]
fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}
