//! Every route, grouped by who calls it. All are mounted under `/v1` and, for the newer clients, `/api/v1`.

use std::collections::HashSet;
use std::sync::OnceLock;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, delete, get, patch, post};
use parking_lot::RwLock;

use crate::error::ApiError;
use crate::middleware::edge::edge;
use crate::ops::elsewhere::{ELSEWHERE, managed_elsewhere};
use crate::state::App;
use crate::{admin, cors, data, docs, ops};

pub fn router(app: &App) -> Router {
    // Full paths rather than nesting: a nested router rewrites the address of every request.
    let mut router = Router::new().merge(health("")).merge(health("/api/v1"));
    for prefix in ["/v1", "/api/v1"] {
        router = router.merge(generation(prefix));
        router = match app.gateway.platform() {
            Some(_) => router.merge(elsewhere(prefix)),
            None => router
                .merge(inference(prefix))
                .merge(work(prefix))
                .merge(management(prefix))
                .merge(tool_management(prefix))
                .merge(routing(prefix)),
        };
    }
    // Gemini's clients append a version of their own to the base address.
    for prefix in ["", "/v1", "/api/v1"] {
        router = router.route(
            &format!("{prefix}/v1beta/models/{{*call}}"),
            post(data::gemini::generate_content),
        );
    }
    if app.config.tools.mcp_endpoint && app.gateway.platform().is_none() {
        router = router.route("/mcp", any(data::mcp::serve_mcp));
    }
    if app.config.metrics.enable_metrics {
        router = router.route("/metrics", get(ops::metrics::get_metrics));
    }
    if app.config.server.enable_docs {
        router = router
            .route("/openapi.json", get(docs::get_openapi))
            .route("/docs", get(docs::get_docs))
            .route("/redoc", get(docs::get_docs));
    }
    let router = router
        .route("/", get(docs::get_welcome))
        .fallback(|| async { ApiError::no_such_route() })
        .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() });
    let router = match cors::layer(&app.config.cors.cors_allow_origins) {
        Some(layer) => router.layer(layer),
        None => router,
    };
    router
        .layer(from_fn_with_state(app.clone(), edge))
        .with_state(app.clone())
}

/// The calls that there are in every mode: for virtual keys or the master key naming a user, or in hybrid mode for
/// whomever the platform knows.
fn generation(prefix: &str) -> Router<App> {
    let at = |path: &str| format!("{prefix}{path}");
    Router::new()
        .route(&at("/bootstrap"), get(ops::bootstrap::get_bootstrap))
        .route(
            &at("/chat/completions"),
            post(data::chat::create_chat_completion),
        )
        .route(
            &at("/completions"),
            post(data::completions::create_completion),
        )
        .route(&at("/messages"), post(data::messages::create_message))
        .route(
            &at("/messages/count_tokens"),
            post(data::messages::count_message_tokens),
        )
        .route(&at("/responses"), post(data::responses::create_response))
        // Gemini's newer clients post to the models of version 1.
        .route(
            &at("/models/{*model_id}"),
            post(data::gemini::generate_content),
        )
}

/// What a gateway in hybrid mode leaves to its platform.
fn elsewhere(prefix: &str) -> Router<App> {
    ELSEWHERE.iter().fold(Router::new(), |router, path| {
        let stub = || any(managed_elsewhere);
        router
            .route(&format!("{prefix}{path}"), stub())
            .route(&format!("{prefix}{path}/{{*rest}}"), stub())
    })
}

/// For virtual keys, or the master key naming a user.
fn inference(prefix: &str) -> Router<App> {
    let at = |path: &str| format!("{prefix}{path}");
    Router::new()
        .route(
            &at("/responses/{response_id}"),
            get(data::responses::get_response).delete(data::responses::delete_response),
        )
        .route(
            &at("/responses/{response_id}/input_items"),
            get(data::responses::list_input_items),
        )
        .route(
            &at("/responses/{response_id}/cancel"),
            post(data::responses::cancel_response),
        )
        .route(&at("/embeddings"), post(data::embeddings::create_embedding))
        .route(
            &at("/moderations"),
            post(data::moderations::create_moderation),
        )
        .route(&at("/rerank"), post(data::rerank::create_rerank))
        .route(
            &at("/images/generations"),
            post(data::images::generate_images),
        )
        .route(&at("/images/edits"), post(data::images::edit_images))
        .route(&at("/images/variations"), post(data::images::vary_image))
        .route(&at("/audio/speech"), post(data::audio::create_speech))
        .route(
            &at("/audio/transcriptions"),
            post(data::audio::create_transcription),
        )
        .route(
            &at("/audio/translations"),
            post(data::audio::create_translation),
        )
        .route(&at("/tools"), get(data::tools::list_tools))
        .route(
            &at("/mcp/servers/{mcp_server_id}/tools"),
            get(data::stored_mcp::list_mcp_tools),
        )
        .route(
            &at("/mcp/execute"),
            post(data::stored_mcp::execute_mcp_tool),
        )
        .route(&at("/web-search/search"), get(data::web_search::search_web))
        .route(&at("/search"), post(data::search::create_search))
        .route(
            &at("/search/{search_tool_name}"),
            post(data::search::create_search_for_tool),
        )
        .route(&at("/models"), get(data::models::list_models))
        .route(&at("/models/{*model_id}"), get(data::models::get_model))
}

/// Files and batches, for the same callers.
fn work(prefix: &str) -> Router<App> {
    let at = |path: &str| format!("{prefix}{path}");
    Router::new()
        .route(
            &at("/files"),
            post(data::files::create_file).get(data::files::list_files),
        )
        .route(
            &at("/files/{file_id}"),
            get(data::files::get_file).delete(data::files::delete_file),
        )
        .route(
            &at("/files/{file_id}/content"),
            get(data::files::get_file_content),
        )
        .route(
            &at("/batches"),
            post(data::batches::create_batch).get(data::batches::list_batches),
        )
        .route(&at("/batches/{batch_id}"), get(data::batches::get_batch))
        .route(
            &at("/batches/{batch_id}/cancel"),
            post(data::batches::cancel_batch),
        )
        .route(
            &at("/batches/{batch_id}/results"),
            get(data::batches::get_batch_results),
        )
}

/// Names for models and what they stand for; for the master key.
fn routing(prefix: &str) -> Router<App> {
    let at = |path: &str| format!("{prefix}{path}");
    Router::new()
        .route(
            &at("/aliases"),
            post(admin::aliases::set_alias).get(admin::aliases::list_aliases),
        )
        .route(&at("/aliases/{name}"), delete(admin::aliases::delete_alias))
        .route(
            &at("/routing/policies"),
            post(admin::routing::set_policy).get(admin::routing::list_policies),
        )
        .route(
            &at("/routing/policies/explain"),
            post(admin::routing::explain::explain_policy),
        )
        .route(
            &at("/routing/policies/{name}"),
            delete(admin::routing::delete_policy),
        )
        .route(
            &at("/routing/preferences/rank"),
            post(admin::routing::learned::rank_candidates),
        )
        .route(
            &at("/routing/status"),
            get(admin::routing::learned::routing_memory_status),
        )
}

/// How the tools are set up; for the master key.
fn tool_management(prefix: &str) -> Router<App> {
    let at = |path: &str| format!("{prefix}{path}");
    let of_workspace = |path: &str| format!("{prefix}/workspaces/{{workspace_id}}{path}");
    Router::new()
        .route(
            &at("/tool-settings"),
            get(admin::tool_settings::get_tool_settings)
                .patch(admin::tool_settings::update_tool_settings),
        )
        .route(
            &at("/tool-settings/guardrails/catalog"),
            get(admin::guardrail_profiles::list_guardrail_catalog),
        )
        .route(
            &at("/tool-settings/guardrails/profiles"),
            get(admin::guardrail_profiles::list_guardrail_profiles),
        )
        .route(
            &at("/tool-settings/{service}/test"),
            post(admin::tool_settings::test_tool_service),
        )
        .route(
            &at("/search-tools"),
            post(admin::search_tools::create_search_tool)
                .get(admin::search_tools::list_search_tools),
        )
        .route(
            &at("/search-tools/providers"),
            get(admin::search_tools::list_search_providers),
        )
        .route(
            &at("/search-tools/reencrypt"),
            post(admin::search_tools::reencrypt_search_tools),
        )
        .route(
            &at("/search-tools/{name}"),
            patch(admin::search_tools::update_search_tool)
                .delete(admin::search_tools::delete_search_tool),
        )
        .route(
            &of_workspace("/mcp-servers"),
            post(admin::mcp_servers::create_mcp_server).get(admin::mcp_servers::list_mcp_servers),
        )
        .route(
            &of_workspace("/mcp-servers/{server_id}"),
            patch(admin::mcp_servers::update_mcp_server)
                .delete(admin::mcp_servers::delete_mcp_server),
        )
        .route(
            &of_workspace("/code-execution-policy"),
            get(admin::code_execution_policy::get_code_execution_policy)
                .put(admin::code_execution_policy::set_code_execution_policy)
                .delete(admin::code_execution_policy::clear_code_execution_policy),
        )
        .route(
            &of_workspace("/web-search"),
            get(admin::web_search_policy::get_web_search_policy)
                .put(admin::web_search_policy::set_web_search_policy)
                .delete(admin::web_search_policy::clear_web_search_policy),
        )
}

/// For the master key.
fn management(prefix: &str) -> Router<App> {
    let at = |path: &str| format!("{prefix}{path}");
    Router::new()
        .route(
            &at("/keys"),
            post(admin::keys::create_key).get(admin::keys::list_keys),
        )
        .route(
            &at("/keys/{key_id}"),
            get(admin::keys::get_key)
                .patch(admin::keys::update_key)
                .delete(admin::keys::delete_key),
        )
        .route(&at("/keys/{key_id}/rotate"), post(admin::keys::rotate_key))
        .route(
            &at("/users"),
            post(admin::users::create_user).get(admin::users::list_users),
        )
        .route(
            &at("/users/{user_id}"),
            get(admin::users::get_user)
                .patch(admin::users::update_user)
                .delete(admin::users::delete_user),
        )
        .route(
            &at("/users/{user_id}/usage"),
            get(admin::users::get_user_usage),
        )
        .route(
            &at("/budgets"),
            post(admin::budgets::create_budget).get(admin::budgets::list_budgets),
        )
        .route(
            &at("/budgets/{budget_id}"),
            get(admin::budgets::get_budget)
                .patch(admin::budgets::update_budget)
                .delete(admin::budgets::delete_budget),
        )
        .route(
            &at("/budgets/{budget_id}/reset-logs"),
            get(admin::budgets::list_reset_logs),
        )
        .route(
            &at("/pricing"),
            post(admin::pricing::set_pricing).get(admin::pricing::list_pricing),
        )
        .route(
            &at("/pricing/{*model_key}"),
            get(admin::pricing::get_pricing).delete(admin::pricing::delete_pricing),
        )
        .route(
            &at("/settings"),
            get(admin::settings::get_settings).patch(admin::settings::update_settings),
        )
        .route(&at("/usage"), get(admin::usage::list_usage))
        .route(&at("/usage/count"), get(admin::usage::count_usage))
        .route(
            &at("/usage/summary"),
            get(admin::usage::summary::summarize_usage),
        )
        .route(
            &at("/usage/summary.csv"),
            get(admin::usage::summary::export_usage_summary),
        )
        .route(
            &at("/usage/series"),
            get(admin::usage::summary::group_usage_series),
        )
        .route(
            &at("/usage/in-flight"),
            get(admin::usage::in_flight::list_in_flight),
        )
        .route(&at("/providers"), get(admin::providers::list_providers))
}

fn health(prefix: &str) -> Router<App> {
    let at = |path: &str| format!("{prefix}{path}");
    Router::new()
        .route(&at("/health"), get(ops::health::get_health))
        .route(&at("/health/liveness"), get(ops::health::get_liveness))
        .route(&at("/health/readiness"), get(ops::health::get_readiness))
}

/// A route template that lives as long as the process. The set of templates is closed, so this leaks a few
/// hundred bytes once.
pub(crate) fn interned(template: &str) -> &'static str {
    static TEMPLATES: OnceLock<RwLock<HashSet<&'static str>>> = OnceLock::new();
    let templates = TEMPLATES.get_or_init(RwLock::default);
    if let Some(known) = templates.read().get(template) {
        return known;
    }
    let leaked: &'static str = Box::leak(template.to_owned().into_boxed_str());
    templates.write().insert(leaked);
    leaked
}
