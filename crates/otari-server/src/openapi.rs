//! The OpenAPI document, from the handlers themselves.

use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};

use crate::{admin, data, ops};

#[derive(OpenApi)]
#[openapi(
    info(title = "Otari", description = "An LLM gateway: virtual keys, budgets, usage, any provider."),
    paths(
        data::chat::create_chat_completion,
        data::completions::create_completion,
        data::gemini::generate_content,
        data::messages::create_message,
        data::messages::count_message_tokens,
        data::responses::create_response,
        data::responses::get_response,
        data::responses::list_input_items,
        data::responses::delete_response,
        data::responses::cancel_response,
        data::embeddings::create_embedding,
        data::moderations::create_moderation,
        data::rerank::create_rerank,
        data::images::generate_images,
        data::images::edit_images,
        data::images::vary_image,
        data::audio::create_speech,
        data::audio::create_transcription,
        data::audio::create_translation,
        data::batches::create_batch,
        data::batches::list_batches,
        data::batches::get_batch,
        data::batches::cancel_batch,
        data::batches::get_batch_results,
        data::files::create_file,
        data::files::list_files,
        data::files::get_file,
        data::files::get_file_content,
        data::files::delete_file,
        data::tools::list_tools,
        data::mcp::serve_mcp,
        data::stored_mcp::list_mcp_tools,
        data::stored_mcp::execute_mcp_tool,
        data::web_search::search_web,
        data::search::create_search,
        data::search::create_search_for_tool,
        data::models::list_models,
        data::models::get_model,
        admin::keys::create_key,
        admin::keys::list_keys,
        admin::keys::get_key,
        admin::keys::update_key,
        admin::keys::rotate_key,
        admin::keys::delete_key,
        admin::users::create_user,
        admin::users::list_users,
        admin::users::get_user,
        admin::users::update_user,
        admin::users::delete_user,
        admin::users::get_user_usage,
        admin::budgets::create_budget,
        admin::budgets::list_budgets,
        admin::budgets::get_budget,
        admin::budgets::update_budget,
        admin::budgets::delete_budget,
        admin::budgets::list_reset_logs,
        admin::pricing::set_pricing,
        admin::pricing::list_pricing,
        admin::pricing::get_pricing,
        admin::pricing::delete_pricing,
        admin::aliases::set_alias,
        admin::aliases::list_aliases,
        admin::aliases::delete_alias,
        admin::routing::set_policy,
        admin::routing::list_policies,
        admin::routing::delete_policy,
        admin::routing::explain::explain_policy,
        admin::routing::learned::rank_candidates,
        admin::routing::learned::routing_memory_status,
        admin::settings::get_settings,
        admin::settings::update_settings,
        admin::tool_settings::get_tool_settings,
        admin::tool_settings::update_tool_settings,
        admin::tool_settings::test_tool_service,
        admin::guardrail_profiles::list_guardrail_catalog,
        admin::guardrail_profiles::list_guardrail_profiles,
        admin::search_tools::list_search_tools,
        admin::search_tools::list_search_providers,
        admin::search_tools::create_search_tool,
        admin::search_tools::update_search_tool,
        admin::search_tools::delete_search_tool,
        admin::search_tools::reencrypt_search_tools,
        admin::mcp_servers::list_mcp_servers,
        admin::mcp_servers::create_mcp_server,
        admin::mcp_servers::update_mcp_server,
        admin::mcp_servers::delete_mcp_server,
        admin::code_execution_policy::get_code_execution_policy,
        admin::code_execution_policy::set_code_execution_policy,
        admin::code_execution_policy::clear_code_execution_policy,
        admin::web_search_policy::get_web_search_policy,
        admin::web_search_policy::set_web_search_policy,
        admin::web_search_policy::clear_web_search_policy,
        admin::usage::list_usage,
        admin::usage::count_usage,
        admin::usage::summary::summarize_usage,
        admin::usage::summary::export_usage_summary,
        admin::usage::summary::group_usage_series,
        admin::usage::in_flight::list_in_flight,
        admin::providers::list_providers,
        ops::bootstrap::get_bootstrap,
        ops::health::get_health,
        ops::health::get_liveness,
        ops::health::get_readiness,
    ),
    security(("ApiKeyAuth" = []), ("XApiKeyAuth" = []), ("Bearer" = []))
)]
struct Document;

/// The whole document, with the credentials every operation takes.
pub fn document() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    env!("CARGO_PKG_VERSION").clone_into(&mut document.info.version);
    let components = document.components.get_or_insert_default();
    let header = |name: &str| SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new(name)));
    components.add_security_scheme("ApiKeyAuth", header("Otari-Key"));
    components.add_security_scheme("XApiKeyAuth", header("x-api-key"));
    components.add_security_scheme(
        "Bearer",
        SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
    );
    document
}
