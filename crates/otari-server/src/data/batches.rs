//! `/v1/batches`: calls that are made when there is time for them.

mod shape;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, stream};
use http::header;
use otari_gateway::{BatchAnswers, BatchesPage};
use otari_types::UserId;
use serde_json::Value;

use crate::data::inference::inbound;
use crate::error::ApiError;
use crate::extract::{AnyKey, QueryArgs, query_problem};
use crate::state::App;

const LIMIT_DEFAULT: i64 = 20;
const LIMIT_MAX: i64 = 100;

/// Create a batch
///
/// Two shapes. OpenAI's: `input_file_id`, a file of purpose `batch` with one `{custom_id, method, url, body}` a line,
/// and `endpoint`. Or with the requests in it: `model` and `requests` of `{custom_id, body}`. Lines are run by the
/// gateway as calls of whoever asks, on any model, each held, priced and logged like a call that somebody waits for.
#[utoipa::path(
    post, path = "/v1/batches", tag = "batches", operation_id = "create_batch",
    params(("provider" = Option<String>, Query, description = "The instance whose own batches are to be used")),
    request_body(content = Object, description = "`input_file_id` and `endpoint`, or `model` and `requests`; `completion_window` (`24h`), `metadata`, `output_expires_after`, `user`"),
    responses(
        (status = 200, description = "The batch"),
        (status = 400, description = "The model is unknown, or the file has another purpose"),
        (status = 403, description = "Not permitted, blocked, or over budget"),
        (status = 404, description = "There is no such input file, or batches are switched off"),
        (status = 422, description = "Invalid body"),
    )
)]
pub(crate) async fn create_batch(
    State(app): State<App>,
    query: QueryArgs,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let native_at = query.one("provider");
    let inbound = inbound(&app, request, "/v1/batches").await?;
    let batch = app.gateway.create_batch(&inbound, native_at).await?;
    Ok(Json(shape::batch(&batch)))
}

/// List batches
///
/// The caller's own, newest first; with the master key everybody's, or those of `user`.
#[utoipa::path(
    get, path = "/v1/batches", tag = "batches", operation_id = "list_batches",
    params(
        ("provider" = Option<String>, Query, description = "Only of this instance"),
        ("after" = Option<String>, Query), ("limit" = Option<i64>, Query, description = "1 to 100, 20 unless given"),
        ("user" = Option<String>, Query, description = "With the master key: the owner"),
    ),
    responses((status = 200, description = "A page of batches"), (status = 404, description = "`after` is no batch"))
)]
pub(crate) async fn list_batches(
    State(app): State<App>,
    caller: AnyKey,
    query: QueryArgs,
) -> Result<Json<Value>, ApiError> {
    let limit = query.int("limit")?.unwrap_or(LIMIT_DEFAULT);
    let limit = Some(limit).filter(|limit| (1..=LIMIT_MAX).contains(limit));
    let limit = limit.and_then(|limit| u32::try_from(limit).ok());
    let limit = limit.ok_or_else(|| {
        query_problem("limit", "out_of_range", "Input should be between 1 and 100")
    })?;
    let page = BatchesPage {
        owner: owner(&caller, &query),
        provider: query.one("provider").map(str::to_owned),
        after: query.one("after").map(str::to_owned),
        limit,
    };
    let (batches, has_more) = app.gateway.list_batches(&page).await?;
    Ok(Json(shape::list(&batches, has_more)))
}

/// Get a batch
///
/// Where it stands; `request_counts` moves while it is run.
#[utoipa::path(
    get, path = "/v1/batches/{batch_id}", tag = "batches", operation_id = "get_batch",
    params(("batch_id" = String, Path)),
    responses((status = 200, description = "The batch"), (status = 404, description = "Unknown, or of another user"))
)]
pub(crate) async fn get_batch(
    State(app): State<App>,
    caller: AnyKey,
    Path(id): Path<String>,
    query: QueryArgs,
) -> Result<Json<Value>, ApiError> {
    let owner = owner(&caller, &query);
    let batch = app.gateway.batch(owner.as_ref(), &id).await?;
    Ok(Json(shape::batch(&batch)))
}

/// Cancel a batch
///
/// Calls that are under way are finished, and what was answered so far can be read.
#[utoipa::path(
    post, path = "/v1/batches/{batch_id}/cancel", tag = "batches", operation_id = "cancel_batch",
    params(("batch_id" = String, Path)),
    responses(
        (status = 200, description = "The batch"),
        (status = 404, description = "Unknown, or of another user"),
        (status = 409, description = "It has ended already"),
    )
)]
pub(crate) async fn cancel_batch(
    State(app): State<App>,
    caller: AnyKey,
    Path(id): Path<String>,
    query: QueryArgs,
) -> Result<Json<Value>, ApiError> {
    let owner = owner(&caller, &query);
    let batch = app.gateway.cancel_batch(owner.as_ref(), &id).await?;
    Ok(Json(shape::batch(&batch)))
}

/// Get a batch's results
///
/// `{"results": [{"custom_id", "result", "error"}]}`, in the order of the requests. OpenAI's clients read the same
/// from the files of the batch.
#[utoipa::path(
    get, path = "/v1/batches/{batch_id}/results", tag = "batches", operation_id = "get_batch_results",
    params(("batch_id" = String, Path)),
    responses(
        (status = 200, description = "One entry for each request"),
        (status = 404, description = "Unknown, or of another user"),
        (status = 409, description = "It has not ended yet"),
    )
)]
pub(crate) async fn get_batch_results(
    State(app): State<App>,
    caller: AnyKey,
    Path(id): Path<String>,
    query: QueryArgs,
) -> Result<Response, ApiError> {
    let owner = owner(&caller, &query);
    let answers = app.gateway.batch_answers(owner.as_ref(), &id).await?;
    let body = Body::from_stream(results(answers));
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// Whose batches are meant; `None` is everybody's, which only the operator may say.
fn owner(caller: &AnyKey, query: &QueryArgs) -> Option<UserId> {
    let named = || query.one("user").map(UserId::from);
    caller.user().cloned().or_else(named)
}

/// The document, page by page. A store that goes away in the middle cuts it short, so that no reader takes it for whole.
fn results(answers: BatchAnswers) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send {
    enum State {
        Rows(BatchAnswers, bool),
        Ended,
    }
    stream::unfold(State::Rows(answers, true), |state| async move {
        let State::Rows(mut answers, first) = state else {
            return None;
        };
        let page = match answers.next().await {
            Ok(page) => page,
            Err(error) => {
                tracing::error!(%error, "the results of a batch broke off");
                let error = std::io::Error::other("the results cannot be read");
                return Some((Err(error), State::Ended));
            }
        };
        let mut text = String::from(if first { "{\"results\":[" } else { "" });
        if page.is_empty() {
            text.push_str("]}");
            return Some((Ok(Bytes::from(text)), State::Ended));
        }
        for (index, answer) in page.iter().enumerate() {
            if !first || index > 0 {
                text.push(',');
            }
            text.push_str(&shape::result(answer));
        }
        Some((Ok(Bytes::from(text)), State::Rows(answers, false)))
    })
}
