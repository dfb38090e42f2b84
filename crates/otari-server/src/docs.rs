//! `/openapi.json`, an API page that needs no network, and the page at `/`.

use axum::Json;
use axum::response::Html;

use crate::openapi;

/// The OpenAPI document
pub(crate) async fn get_openapi() -> Json<utoipa::openapi::OpenApi> {
    Json(openapi::document())
}

/// Reads `/openapi.json` in the browser; loads nothing from elsewhere.
pub(crate) async fn get_docs() -> Html<&'static str> {
    Html(include_str!("docs/api.html"))
}

pub(crate) async fn get_welcome() -> Html<&'static str> {
    Html(include_str!("docs/welcome.html"))
}
