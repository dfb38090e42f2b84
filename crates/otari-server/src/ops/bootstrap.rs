//! `GET /v1/bootstrap`: what a client must know before it signs in. Unauthenticated.

use axum::Json;
use serde_json::{Value, json};

/// Deployment facts for clients
#[utoipa::path(get, path = "/v1/bootstrap", tag = "bootstrap", operation_id = "bootstrap", responses((status = 200, description = "Deployment facts")))]
pub(crate) async fn get_bootstrap() -> Json<Value> {
    Json(json!({
        "deployment_type": "standalone",
        "session_type": "local_operator",
        "surfaces": ["budgets", "keys", "models", "pricing", "providers", "routing", "settings", "tools", "usage", "users"],
        "management_url": null,
        "sign_in_methods": ["master_key"],
        "mail_ready": false,
    }))
}
