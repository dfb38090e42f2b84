//! Every row with embeddings: two texts in, two vectors out, in OpenAI's shape.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use otari_providers::quirk::answers_int8_vectors;
use otari_providers::{Capability, Dialect, Provider};
use otari_testkit::Script;
use serde_json::{Value, json};

use super::fleet::{Fleet, Station};
use super::{Checked, Problems, ensure};

const PATH: &str = "/v1/embeddings";
const TEXTS: [&str; 2] = ["first text", "second text"];

fn vectors(provider: &Provider) -> [Value; 2] {
    if answers_int8_vectors(provider.quirks) {
        [json!([1.0, -2.0]), json!([127.0, -128.0])]
    } else {
        [json!([0.5, -1.0]), json!([0.25, 2.0])]
    }
}

/// As the provider writes a vector.
fn written(provider: &Provider, vector: Value) -> Value {
    if !answers_int8_vectors(provider.quirks) {
        return vector;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the vectors above are bytes"
    )]
    let bytes = numbers(&vector)
        .into_iter()
        .flatten()
        .map(|number| (number as i8).cast_unsigned());
    json!(STANDARD.encode(bytes.collect::<Vec<u8>>()))
}

/// An answer to both texts, and the tokens it bills.
fn answer(provider: &Provider) -> (Value, Option<i64>) {
    let vectors = vectors(provider).map(|vector| written(provider, vector));
    let dialect = provider.dialect;
    let body = match dialect {
        Dialect::Gemini => {
            let items = vectors.map(|vector| json!({"values": vector}));
            return (json!({"embeddings": items}), None);
        }
        Dialect::Vertex => {
            let items = vectors.map(
                |vector| json!({"embeddings": {"values": vector, "statistics": {"token_count": 5, "truncated": false}}}),
            );
            return (json!({"predictions": items}), Some(10));
        }
        // One text a call: both get the same.
        Dialect::BedrockConverse => {
            let [vector, _] = vectors;
            let body = json!({"embedding": vector, "inputTextTokenCount": 5});
            return (body, Some(10));
        }
        Dialect::HuggingFace | Dialect::Sagemaker => return (json!(vectors), None),
        Dialect::CohereV2 => {
            json!({"id": "e", "embeddings": {"float": vectors}, "meta": {"billed_units": {"input_tokens": 11}}})
        }
        Dialect::Ollama => json!({"model": "m", "embeddings": vectors, "prompt_eval_count": 11}),
        Dialect::Watsonx => {
            let items = vectors.map(|vector| json!({"embedding": vector}));
            json!({"model_id": "m", "results": items, "input_token_count": 11})
        }
        _ => {
            let [first, second] = vectors;
            let item = |index: usize, vector: Value| json!({"object": "embedding", "index": index, "embedding": vector});
            let usage = match dialect {
                Dialect::Voyage => json!({"total_tokens": 11}),
                _ => json!({"prompt_tokens": 11, "total_tokens": 11}),
            };
            // The order is in the index.
            json!({"object": "list", "data": [item(1, second), item(0, first)], "model": "m", "usage": usage})
        }
    };
    (body, Some(11))
}

/// Where the texts are in a request.
fn texts(dialect: Dialect, body: &Value) -> Vec<Value> {
    let list = |at: &str| body[at].as_array().cloned().unwrap_or_default();
    let each = |at: &str, inner: &str| {
        let items = list(at);
        items
            .iter()
            .filter_map(|item| item.pointer(inner).cloned())
            .collect()
    };
    match dialect {
        Dialect::Gemini => each("requests", "/content/parts/0/text"),
        Dialect::Vertex => each("instances", "/content"),
        Dialect::BedrockConverse => vec![body["inputText"].clone()],
        Dialect::CohereV2 => list("texts"),
        Dialect::HuggingFace | Dialect::Sagemaker | Dialect::Watsonx => list("inputs"),
        _ => list("input"),
    }
}

#[tokio::test]
async fn every_row_with_embeddings_answers_them() {
    let fleet = Fleet::start().await;
    let mut problems = Problems::default();
    for station in fleet.that_can(Capability::Embeddings) {
        problems.note(station.provider.id, call(&fleet, station).await);
    }
    problems.none();
    let rows = fleet.app.usage().await;
    for station in fleet.that_can(Capability::Embeddings) {
        problems.note(station.provider.id, check_bill(&rows, station));
    }
    problems.none();
}

async fn call(fleet: &Fleet, station: &Station) -> Checked {
    let (provider, model) = (station.provider, station.embedding_model());
    station
        .upstream
        .always(Script::json(200, &answer(provider).0));
    let body = json!({"model": format!("{}:{model}", provider.id), "input": TEXTS});
    let response = fleet.app.client.post(PATH, &fleet.key, &body).await;
    ensure!(
        response.status == 200,
        "{}: {}",
        response.status,
        response.text()
    );
    let list = response.json();
    ensure!(list["object"] == "list" && list["model"] == model, "{list}");
    ensure!(list["data"].as_array().map(Vec::len) == Some(2), "{list}");
    if station.is_built_in() {
        return Ok(());
    }
    let [first, second] = vectors(provider);
    let second = match provider.dialect {
        Dialect::BedrockConverse => &first,
        _ => &second,
    };
    let found = (&list["data"][0]["embedding"], &list["data"][1]["embedding"]);
    ensure!(numbers(found.0) == numbers(&first), "{list}");
    ensure!(numbers(found.1) == numbers(second), "{list}");

    let path = station.path(provider.paths.embeddings, model);
    let mut seen = Vec::new();
    for request in station.upstream.captured() {
        fleet.check_envelope(station, &request, &path)?;
        let body = request.json();
        let in_path = provider.paths.embeddings.contains("{model}");
        let named = [&body["model"], &body["model_id"]];
        ensure!(
            in_path || named.contains(&&json!(model)),
            "no model: {body}"
        );
        // Gemini repeats it in each of its requests.
        ensure!(
            !in_path || named == [&Value::Null; 2],
            "model in the body: {body}"
        );
        let has_project = provider.dialect != Dialect::Watsonx || body["project_id"].is_string();
        ensure!(has_project, "no project: {body}");
        seen.extend(texts(provider.dialect, &body));
    }
    seen.sort_by_key(Value::to_string);
    ensure!(seen == TEXTS, "sent the texts {seen:?}");
    Ok(())
}

fn numbers(vector: &Value) -> Vec<Option<f64>> {
    vector
        .as_array()
        .into_iter()
        .flatten()
        .map(Value::as_f64)
        .collect()
}

fn check_bill(rows: &[Value], station: &Station) -> Checked {
    let own: Vec<&Value> = rows
        .iter()
        .filter(|row| row["provider"] == station.provider.id)
        .collect();
    let [row] = own.as_slice() else {
        return Err(format!("{} usage rows", own.len()));
    };
    ensure!(
        row["status"] == "success" && row["endpoint"] == PATH,
        "usage row {row}"
    );
    ensure!(
        row["cost"].as_f64().is_some_and(|cost| cost > 0.0),
        "free: {row}"
    );
    let billed = answer(station.provider).1;
    if let Some(tokens) = billed.filter(|_| !station.is_built_in()) {
        ensure!(row["prompt_tokens"] == tokens, "usage row {row}");
    }
    Ok(())
}
