//! `/v1/routing/preferences/rank` and `/v1/routing/status`: teaching the learned router, and what it knows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use axum::extract::State;
use axum::{Extension, Json};
use otari_config::{PolicySpec, Router};
use otari_gateway::{Lesson, Origin, Policy, TeachError};
use otari_types::UserId;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::mistakes;
use crate::admin::users::known_user;
use crate::admin::workspaces::known_workspace;
use crate::error::{ApiError, Problems};
use crate::extract::{JsonBody, Operator, QueryArgs, query_problem};
use crate::middleware::edge::RequestId;
use crate::state::App;

const EXAMPLES_MAX: usize = 100;

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct RankRequest {
    /// Whose requests are decided by these examples.
    user_id: String,
    /// This deployment's, or left out.
    workspace_id: Option<String>,
    /// 1 to 100 of them.
    examples: Vec<ScoredExample>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ScoredExample {
    /// What was asked.
    prompt: String,
    /// Model → how good its answer was, from 0 to 1. An example counts where it has a score for every model of a
    /// policy's router.
    scores: BTreeMap<String, f64>,
    /// Requests with this in `Otari-Router-Task` are decided by examples of the task alone.
    task_id: Option<String>,
    /// Who judged.
    #[serde(default = "human")]
    label_source: String,
}

fn human() -> String {
    "human".to_owned()
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RankResponse {
    recorded: usize,
    /// Examples a pool needs before it decides anything.
    seed_count: u32,
    /// Those that the examples went to.
    pools: Vec<RecordedPool>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordedPool {
    /// Null: all of the user's examples.
    task_id: Option<String>,
    records: i64,
    warm: bool,
}

/// Teach the learned router
///
/// Records how good the answers of models to requests were, all examples or none. Embeddings of a provider are billed
/// to the user.
#[utoipa::path(
    post, path = "/v1/routing/preferences/rank", tag = "routing", operation_id = "rank_candidates",
    request_body = RankRequest,
    responses(
        (status = 200, body = RankResponse),
        (status = 400, description = "A score for a model that nothing serves, or two for one model"),
        (status = 404, description = "Unknown user"),
        (status = 422, description = "Not 1 to 100 examples, a prompt without text, or a score that is not from 0 to 1"),
        (status = 502, description = "The prompts could not be embedded; nothing was recorded"),
    )
)]
pub(crate) async fn rank_candidates(
    State(app): State<App>,
    _: Operator,
    Extension(request_id): Extension<RequestId>,
    JsonBody(body): JsonBody<RankRequest>,
) -> Result<Json<RankResponse>, ApiError> {
    check(&body)?;
    if let Some(workspace) = &body.workspace_id {
        known_workspace(&app, workspace)?;
    }
    let user = UserId::from(body.user_id.as_str());
    let lessons: Vec<Lesson> = body.examples.into_iter().map(lesson).collect();
    let tasks: BTreeSet<String> = lessons
        .iter()
        .filter_map(|lesson| lesson.task_id.clone())
        .collect();
    let origin = Origin {
        endpoint: "routing/preferences/rank",
        request_id: request_id.0.into(),
        started: Instant::now(),
        received_at: app.gateway.clock.now(),
        traceparent: None,
    };
    let taught = app.gateway.teach_router(&user, origin, lessons).await;
    let recorded = taught.map_err(refusal)?;
    let seed_count = app.gateway.learned.options.seed_count;
    let pools = app.gateway.router_pools(&user).await?;
    let pool = |task_id, records| RecordedPool {
        task_id,
        records,
        warm: records >= i64::from(seed_count),
    };
    let of_tasks = pools.tasks.into_iter();
    let of_tasks = of_tasks.filter(|(task, _)| tasks.contains(task));
    let of_tasks = of_tasks.map(|(task, records)| pool(Some(task), records));
    Ok(Json(RankResponse {
        recorded,
        seed_count,
        pools: std::iter::once(pool(None, pools.all))
            .chain(of_tasks)
            .collect(),
    }))
}

fn lesson(example: ScoredExample) -> Lesson {
    let task = example.task_id.map(|task| task.trim().to_owned());
    Lesson {
        prompt: example.prompt,
        scores: example.scores,
        task_id: task.filter(|task| !task.is_empty()),
        label_source: example.label_source,
    }
}

fn refusal(error: TeachError) -> ApiError {
    match error {
        TeachError::NoSuchUser(_) => ApiError::not_found(error.to_string()),
        TeachError::NoSuchModel(..) | TeachError::SameModel(..) => {
            ApiError::bad_request(error.to_string())
        }
        TeachError::Embedding { .. } => ApiError::bad_gateway(&error.to_string()),
        TeachError::Gateway(error) => error.into(),
        TeachError::Store(error) => error.into(),
    }
}

fn check(body: &RankRequest) -> Result<(), ApiError> {
    let mut problems = Problems::default();
    if body.examples.is_empty() {
        let message = "List should have at least 1 item";
        problems.add(&["examples"], "too_short", message);
    }
    if body.examples.len() > EXAMPLES_MAX {
        let message = format!("List should have at most {EXAMPLES_MAX} items");
        problems.add(&["examples"], "too_long", message);
    }
    for (index, example) in body.examples.iter().enumerate() {
        let index = index.to_string();
        if example.prompt.trim().is_empty() {
            let message = "String should have at least 1 character";
            problems.add(&["examples", &index, "prompt"], "string_too_short", message);
        }
        if example.scores.is_empty() {
            let message = "Dictionary should have at least 1 item";
            problems.add(&["examples", &index, "scores"], "too_short", message);
        }
        for (model, score) in &example.scores {
            if !(0.0..=1.0).contains(score) {
                let message = "Input should be from 0 to 1";
                problems.add(&["examples", &index, "scores", model], "range", message);
            }
        }
    }
    problems.refuse()
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RouterStatus {
    user_id: String,
    workspace_id: String,
    embedding_model: String,
    seed_count: u32,
    /// `trace_sticky` or `step`.
    granularity: String,
    alpha: f64,
    k: u32,
    confidence_floor: f64,
    /// What requests without a task are decided by: all of the user's examples.
    default_pool: PoolStatus,
    tasks: Vec<TaskPool>,
    /// The policies of the user that ask the learned router.
    policies: Vec<LearnedPolicy>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PoolStatus {
    records: i64,
    warm: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TaskPool {
    task_id: String,
    records: i64,
    warm: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LearnedPolicy {
    name: String,
    backend: String,
    candidates: Vec<String>,
    /// What answers where the router declines.
    default_target: String,
}

/// What the learned router knows of a user
#[utoipa::path(
    get, path = "/v1/routing/status", tag = "routing", operation_id = "routing_memory_status",
    params(("user_id" = String, Query)),
    responses((status = 200, body = RouterStatus), (status = 404, description = "Unknown user"))
)]
pub(crate) async fn routing_memory_status(
    State(app): State<App>,
    _: Operator,
    query: QueryArgs,
) -> Result<Json<RouterStatus>, ApiError> {
    let user = query.one("user_id").map(UserId::from);
    let user = user.ok_or_else(|| query_problem("user_id", "missing", "Field required"))?;
    known_user(&app.gateway.store, Some(&user)).await?;
    let pools = app.gateway.router_pools(&user).await?;
    let options = &app.gateway.learned.options;
    let warm = |records| records >= i64::from(options.seed_count);
    let policies = app.gateway.policies.known_to(Some(&user));
    let mut policies: Vec<LearnedPolicy> = policies
        .iter()
        .filter_map(|policy| learned_policy(policy))
        .collect();
    policies.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Json(RouterStatus {
        user_id: user.to_string(),
        workspace_id: app.workspace_id.clone(),
        embedding_model: options.embedding_model.to_string(),
        seed_count: options.seed_count,
        granularity: options.granularity.as_str().to_owned(),
        alpha: options.alpha,
        k: options.k,
        confidence_floor: options.confidence_floor,
        default_pool: PoolStatus {
            records: pools.all,
            warm: warm(pools.all),
        },
        tasks: pools
            .tasks
            .into_iter()
            .map(|(task_id, records)| TaskPool {
                task_id,
                records,
                warm: warm(records),
            })
            .collect(),
        policies,
    }))
}

/// The learned router weighs quality against cost: it wants every cost.
pub(super) async fn check_prices(app: &App, spec: &PolicySpec) -> Result<(), ApiError> {
    let now = app.gateway.clock.now();
    let mut wrong = Vec::new();
    for (at, entry) in spec.select.iter().enumerate() {
        if entry.router != Some(Router::Knn) {
            continue;
        }
        for (index, selector) in entry.candidates.iter().enumerate() {
            let target = app.gateway.targets.resolve(selector, None, now).await?;
            if target.price.is_none() {
                let message = format!(
                    "'{selector}' has no price, and the learned router weighs quality against cost: set one with \
                     POST /v1/pricing"
                );
                let path = format!("select.{at}.candidates.{index}");
                wrong.push(json!({"path": path, "message": message}));
            }
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(mistakes(&wrong))
    }
}

fn learned_policy(policy: &Policy) -> Option<LearnedPolicy> {
    let PolicySpec { select, .. } = &policy.spec;
    let entry = select
        .iter()
        .find(|entry| entry.router == Some(Router::Knn))?;
    let default = select.iter().find_map(|entry| entry.default.clone());
    Some(LearnedPolicy {
        name: policy.name.clone(),
        backend: Router::Knn.name().to_owned(),
        candidates: entry.candidates.clone(),
        default_target: default.unwrap_or_default(),
    })
}
