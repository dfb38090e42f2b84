//! `/v1/responses`: creating responses, and those that are kept.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header;
use otari_gateway::{ItemsPage, Surface};
use serde::Serialize;
use utoipa::ToSchema;

use crate::data::inference::generate;
use crate::error::ApiError;
use crate::extract::{AnyKey, QueryArgs, query_problem};
use crate::state::App;

const ITEMS_DEFAULT: i64 = 20;
const ITEMS_MAX: i64 = 100;

/// Create a response
///
/// OpenAI's Responses API on every chat provider. Where the provider has it natively the request passes as it is;
/// otherwise it is translated, and what the provider cannot hold is refused by name.
#[utoipa::path(
    post, path = "/v1/responses", tag = "responses", operation_id = "create_response",
    request_body(content = Object, description = "An OpenAI Responses request"),
    responses(
        (status = 200, description = "A response, or server-sent events when `stream` is true"),
        (status = 401, description = "Missing or invalid API key"),
        (status = 402, description = "The model has no price and `require_pricing` is on"),
        (status = 403, description = "Not permitted, blocked, or over budget"),
        (status = 422, description = "Invalid body"),
        (status = 429, description = "Rate limited, here or by the provider"),
        (status = 502, description = "The provider failed"),
        (status = 504, description = "The provider did not answer in time"),
    )
)]
pub(crate) async fn create_response(
    State(app): State<App>,
    request: Request,
) -> Result<Response, ApiError> {
    generate(&app, request, Surface::Responses, "/v1/responses").await
}

/// Get a response
///
/// As it was answered, while it is kept (`responses_retention_days`). With the master key, `user` names its owner.
#[utoipa::path(
    get, path = "/v1/responses/{response_id}", tag = "responses", operation_id = "get_response",
    params(("response_id" = String, Path), ("user" = Option<String>, Query)),
    responses((status = 200, description = "The response"), (status = 404, description = "Unknown, expired or of another user"))
)]
pub(crate) async fn get_response(
    State(app): State<App>,
    caller: AnyKey,
    Path(id): Path<String>,
    query: QueryArgs,
) -> Result<Response, ApiError> {
    if query.bool("stream")? == Some(true) {
        return Err(ApiError::bad_request(
            "A kept response is whole: stream must be false",
        ));
    }
    let user = caller.owner(query.one("user"))?;
    Ok(json_body(app.gateway.response(&user, &id).await?))
}

/// List input items
///
/// What the request of a response added to the conversation.
#[utoipa::path(
    get, path = "/v1/responses/{response_id}/input_items", tag = "responses", operation_id = "list_response_input_items",
    params(
        ("response_id" = String, Path), ("after" = Option<String>, Query), ("limit" = Option<i64>, Query),
        ("order" = Option<String>, Query), ("user" = Option<String>, Query),
    ),
    responses((status = 200, description = "A list of items"), (status = 404, description = "Unknown, expired or of another user"))
)]
pub(crate) async fn list_input_items(
    State(app): State<App>,
    caller: AnyKey,
    Path(id): Path<String>,
    query: QueryArgs,
) -> Result<Response, ApiError> {
    let limit = query.int("limit")?.unwrap_or(ITEMS_DEFAULT);
    if !(1..=ITEMS_MAX).contains(&limit) {
        let message = "Input should be between 1 and 100";
        return Err(query_problem("limit", "out_of_range", message));
    }
    let ascending = match query.one("order") {
        None | Some("desc") => false,
        Some("asc") => true,
        Some(_) => {
            let message = "Input should be 'asc' or 'desc'";
            return Err(query_problem("order", "literal_error", message));
        }
    };
    let page = ItemsPage {
        after: query.one("after").map(str::to_owned),
        limit: usize::try_from(limit).unwrap_or_default(),
        ascending,
    };
    let user = caller.owner(query.one("user"))?;
    let items = app.gateway.response_items(&user, &id, &page).await?;
    Ok(json_body(items))
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeletedResponse {
    id: String,
    #[schema(example = "response")]
    object: &'static str,
    deleted: bool,
}

/// Delete a response
///
/// Here, and at the provider where that keeps it too.
#[utoipa::path(
    delete, path = "/v1/responses/{response_id}", tag = "responses", operation_id = "delete_response",
    params(("response_id" = String, Path), ("user" = Option<String>, Query)),
    responses((status = 200, body = DeletedResponse), (status = 404, description = "Unknown, expired or of another user"))
)]
pub(crate) async fn delete_response(
    State(app): State<App>,
    caller: AnyKey,
    Path(id): Path<String>,
    query: QueryArgs,
) -> Result<Json<DeletedResponse>, ApiError> {
    let user = caller.owner(query.one("user"))?;
    app.gateway.delete_response(&user, &id).await?;
    Ok(Json(DeletedResponse {
        id,
        object: "response",
        deleted: true,
    }))
}

/// Cancel a response
///
/// Only background responses can be cancelled, and the gateway runs none: always an error that says so.
#[utoipa::path(
    post, path = "/v1/responses/{response_id}/cancel", tag = "responses", operation_id = "cancel_response",
    params(("response_id" = String, Path), ("user" = Option<String>, Query)),
    responses((status = 400, description = "Not a background response"), (status = 404, description = "Unknown, expired or of another user"))
)]
pub(crate) async fn cancel_response(
    State(app): State<App>,
    caller: AnyKey,
    Path(id): Path<String>,
    query: QueryArgs,
) -> Result<Response, ApiError> {
    let user = caller.owner(query.one("user"))?;
    app.gateway.response(&user, &id).await?;
    Err(ApiError::bad_request(
        "Only responses created with background=true can be cancelled",
    ))
}

fn json_body(body: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
