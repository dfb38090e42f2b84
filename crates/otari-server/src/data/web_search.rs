//! `GET /v1/web-search/search`: the gateway's own web search in the form of a search service, for applications and for
//! other gateways.

use axum::Json;
use axum::extract::{Request, State};
use otari_gateway::tools::WebSearch;
use serde::Serialize;
use serde_json::Map;
use utoipa::ToSchema;

use crate::data::inference::inbound;
use crate::error::ApiError;
use crate::extract::{QueryArgs, query_problem};
use crate::state::App;

const RESULTS_MAX: i64 = 20;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Found {
    results: Vec<FoundPage>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FoundPage {
    url: String,
    title: String,
    content: String,
    /// The page's text, where the service delivers it or it was read.
    extracted_content: Option<String>,
    /// As the service writes it.
    published_date: Option<String>,
}

/// The search a query asks for; other members are ignored.
fn asked(query: &QueryArgs) -> Result<WebSearch, ApiError> {
    let text = query.one("q").unwrap_or_default();
    if text.trim().is_empty() {
        return Err(query_problem("q", "missing", "Field required"));
    }
    let max_results = query.int("max_results")?;
    let in_bounds = |most| (1..=RESULTS_MAX).contains(&most);
    if !max_results.is_none_or(in_bounds) {
        let message = "Input should be from 1 to 20";
        return Err(query_problem("max_results", "out_of_range", message));
    }
    let texts = ["search_depth", "topic", "time_range"];
    let given = texts
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), query.one(name)?.into())));
    let mut options: Map<_, _> = given.collect();
    if let Some(answer) = query.bool("include_answer")? {
        options.insert("include_answer".to_owned(), answer.into());
    }
    Ok(WebSearch {
        text: text.to_owned(),
        max_results: max_results.and_then(|most| usize::try_from(most).ok()),
        options,
    })
}

/// Search with the gateway's web search
///
/// Billed as one call of `otari:web_search`.
#[utoipa::path(
    get, path = "/v1/web-search/search", tag = "search", operation_id = "web_search",
    params(
        ("q" = String, Query), ("max_results" = Option<i64>, Query, description = "1 to 20"),
        ("search_depth" = Option<String>, Query), ("topic" = Option<String>, Query), ("time_range" = Option<String>, Query),
        ("include_answer" = Option<bool>, Query),
    ),
    responses(
        (status = 200, body = Found), (status = 400, description = "Web search is not set up"),
        (status = 401, description = "Missing or invalid API key"), (status = 403, description = "Not permitted, switched off, or over budget"),
        (status = 422, description = "Invalid query"), (status = 502, description = "The service failed"),
    )
)]
pub(crate) async fn search_web(
    State(app): State<App>,
    query: QueryArgs,
    request: Request,
) -> Result<Json<Found>, ApiError> {
    let inbound = inbound(&app, request, "/v1/web-search/search").await?;
    let search = asked(&query)?;
    let hits = app.gateway.search_web(&inbound, search).await;
    let pages = hits
        .map_err(super::search::told)?
        .into_iter()
        .map(|hit| FoundPage {
            url: hit.url,
            title: hit.title,
            content: hit.snippet,
            extracted_content: hit.content,
            published_date: hit.published,
        });
    Ok(Json(Found {
        results: pages.collect(),
    }))
}
