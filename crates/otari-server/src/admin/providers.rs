//! `GET /v1/providers`: what is known of each configured instance. Nothing here comes from the provider.

use axum::Json;
use axum::extract::State;
use otari_metering::PriceBook;
use otari_providers::{Capability, Instance, Provider};
use serde::Serialize;
use utoipa::ToSchema;

use crate::extract::Operator;
use crate::state::App;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProviderList {
    /// By name.
    providers: Vec<ProviderEntry>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ProviderEntry {
    /// What model selectors begin with.
    instance: String,
    /// The provider's id in the catalogue.
    provider_type: &'static str,
    name: &'static str,
    doc_url: Option<&'static str>,
    /// Always null; clients expect the member.
    description: Option<&'static str>,
    /// The environment variable that may hold the key.
    env_key: Option<&'static str>,
    /// Where the vendor publishes its prices, as far as the bundled list knows.
    pricing_urls: Vec<String>,
    capabilities: ProviderCapabilities,
}

#[derive(Debug, Serialize, ToSchema)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the shape that clients of this route know"
)]
struct ProviderCapabilities {
    streaming: bool,
    reasoning: bool,
    vision: bool,
    pdf: bool,
    embeddings: bool,
    image_generation: bool,
    /// Speech or transcription.
    audio: bool,
    rerank: bool,
    /// Natively; the route works on every chat provider.
    responses_api: bool,
    moderation: bool,
    list_models: bool,
}

impl From<&Instance> for ProviderEntry {
    fn from(instance: &Instance) -> Self {
        let provider = instance.provider;
        // A server that speaks a vendor's format does not charge the vendor's prices.
        let pricing_urls = if provider.compatible {
            Vec::new()
        } else {
            PriceBook::bundled().pricing_urls(provider.id).to_vec()
        };
        Self {
            instance: instance.name.clone(),
            provider_type: provider.id,
            name: provider.name,
            doc_url: (!provider.docs.is_empty()).then_some(provider.docs),
            description: None,
            env_key: provider.key_env.first().copied(),
            pricing_urls,
            capabilities: provider.into(),
        }
    }
}

impl From<&Provider> for ProviderCapabilities {
    fn from(provider: &Provider) -> Self {
        Self {
            streaming: provider.can(Capability::Streaming),
            reasoning: provider.can(Capability::Reasoning),
            vision: provider.can(Capability::Vision),
            pdf: provider.can(Capability::Pdf),
            embeddings: provider.can(Capability::Embeddings),
            image_generation: provider.can(Capability::Images),
            audio: provider.can(Capability::Speech) || provider.can(Capability::Transcription),
            rerank: provider.can(Capability::Rerank),
            responses_api: provider.can(Capability::Responses),
            moderation: provider.can(Capability::Moderation),
            list_models: provider.can(Capability::ListModels),
        }
    }
}

/// List providers
///
/// Each configured instance, and each provider whose credential is in the environment.
#[utoipa::path(
    get, path = "/v1/providers", tag = "providers", operation_id = "list_providers",
    responses((status = 200, body = ProviderList))
)]
pub(crate) async fn list_providers(State(app): State<App>, _: Operator) -> Json<ProviderList> {
    let instances = app.gateway.targets.instances.load();
    let mut providers: Vec<ProviderEntry> = instances
        .values()
        // Local servers are usable without being configured; nobody said that they are there.
        .filter(|instance| !instance.implicit)
        .map(|instance| ProviderEntry::from(instance.as_ref()))
        .collect();
    providers.sort_by(|one, other| one.instance.cmp(&other.instance));
    Json(ProviderList { providers })
}
