//! Every row that lists its models is asked for them, and `GET /v1/models` shows them.

use otari_providers::{Capability, Dialect};
use otari_testkit::Script;
use serde_json::{Value, json};

use super::fleet::{Fleet, Station};
use super::{Checked, Problems, ensure};

const LISTED: &str = "m-listed";

fn list(dialect: Dialect) -> Value {
    match dialect {
        Dialect::AnthropicMessages => {
            json!({"data": [{"type": "model", "id": LISTED, "display_name": "M"}], "has_more": false, "last_id": LISTED})
        }
        Dialect::Gemini => json!({"models": [{"name": format!("models/{LISTED}")}]}),
        Dialect::Vertex => {
            json!({"publisherModels": [{"name": format!("publishers/google/models/{LISTED}"), "versionId": "1"}]})
        }
        Dialect::BedrockConverse => json!({"modelSummaries": [{"modelId": LISTED}]}),
        Dialect::CohereV2 => json!({"models": [{"name": LISTED}], "next_page_token": ""}),
        Dialect::Watsonx => json!({"resources": [{"model_id": LISTED, "label": "M"}]}),
        Dialect::AzureInference => {
            json!({"model_name": LISTED, "model_type": "chat-completion", "model_provider_name": "M"})
        }
        _ => json!({"object": "list", "data": [{"id": LISTED, "object": "model"}]}),
    }
}

#[tokio::test]
async fn every_row_that_lists_models_is_asked() {
    let fleet = Fleet::start().await;
    for station in &fleet.stations {
        let list = Script::json(200, &list(station.provider.dialect));
        station.upstream.always(list);
    }
    let shown = fleet
        .app
        .client
        .get("/v1/models", &fleet.key)
        .await
        .expect(200);
    let shown: Vec<&str> = shown["data"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|model| model["id"].as_str())
        .collect();
    let mut problems = Problems::default();
    for station in &fleet.stations {
        problems.note(station.provider.id, check(&fleet, station, &shown));
    }
    problems.none();
}

fn check(fleet: &Fleet, station: &Station, shown: &[&str]) -> Checked {
    let provider = station.provider;
    let requests = station.upstream.captured();
    if !provider.can(Capability::ListModels) || station.is_built_in() {
        ensure!(requests.is_empty(), "was asked");
        return Ok(());
    }
    let id = format!("{}:{LISTED}", provider.id);
    ensure!(requests.len() == 1, "was asked {} times", requests.len());
    for request in &requests {
        ensure!(request.method == "GET", "asked by {}", request.method);
        let path = station.path(provider.paths.models, "");
        fleet.check_envelope(station, request, &path)?;
    }
    ensure!(shown.contains(&id.as_str()), "{id} is not shown");
    Ok(())
}
