//! The vendors' lists of models, whichever of their shapes.

use serde::Deserialize;
use serde_json::Value;

use super::Listed;

/// Separate members rather than aliases: some servers send several of them.
#[derive(Deserialize)]
struct List {
    /// OpenAI and nearly all.
    data: Option<Vec<Entry>>,
    /// Gemini, Cohere.
    models: Option<Vec<Entry>>,
    /// Bedrock.
    #[serde(rename = "modelSummaries")]
    summaries: Option<Vec<Entry>>,
    /// watsonx.
    resources: Option<Vec<Entry>>,
    /// Vertex AI.
    #[serde(rename = "publisherModels")]
    published: Option<Vec<Entry>>,
    /// Azure AI Inference, whose endpoint may stand for one model.
    model_name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    id: Option<String>,
    #[serde(rename = "modelId")]
    camel_id: Option<String>,
    model_id: Option<String>,
    name: Option<String>,
    created: Option<Value>,
    owned_by: Option<String>,
}

impl Entry {
    fn named(id: String) -> Self {
        Self {
            id: Some(id),
            ..Self::default()
        }
    }
}

pub(super) fn listed(body: &[u8]) -> Option<Vec<Listed>> {
    let entries = match serde_json::from_slice::<List>(body) {
        Ok(list) => list
            .data
            .or(list.models)
            .or(list.summaries)
            .or(list.resources)
            .or(list.published)
            .or_else(|| Some(vec![Entry::named(list.model_name?)]))?,
        // Together answers a bare array.
        Err(_) => serde_json::from_slice(body).ok()?,
    };
    Some(entries.into_iter().filter_map(model).collect())
}

fn model(entry: Entry) -> Option<Listed> {
    let id = entry
        .id
        .or(entry.camel_id)
        .or(entry.model_id)
        .or(entry.name)?;
    // Google lists its models by resource name.
    let id = ["models/", "publishers/google/models/"]
        .iter()
        .find_map(|prefix| id.strip_prefix(prefix))
        .map_or(id.clone(), str::to_owned);
    Some(Listed {
        id,
        created: entry.created,
        owned_by: entry.owned_by,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vendors_list_is_read() {
        for (body, expected) in [
            (
                r#"{"object":"list","data":[{"id":"a","object":"model"}]}"#,
                "a",
            ),
            (r#"[{"id":"a"}]"#, "a"),
            (
                r#"{"data":[{"id":"a","name":"A"}],"models":[{"name":"b"}]}"#,
                "a",
            ),
            (
                r#"{"models":[{"name":"models/gemini-x","displayName":"X"}]}"#,
                "gemini-x",
            ),
            (
                r#"{"models":[{"name":"command-r"}],"next_page_token":""}"#,
                "command-r",
            ),
            (
                r#"{"modelSummaries":[{"modelId":"amazon.nova","modelName":"Nova"}]}"#,
                "amazon.nova",
            ),
            (
                r#"{"publisherModels":[{"name":"publishers/google/models/gemini-x"}]}"#,
                "gemini-x",
            ),
            (r#"{"model_name":"phi-4","model_type":"chat"}"#, "phi-4"),
            (
                r#"{"resources":[{"model_id":"ibm/granite"}]}"#,
                "ibm/granite",
            ),
        ] {
            let models = listed(body.as_bytes()).expect(body);
            assert_eq!(
                models.first().map(|model| model.id.as_str()),
                Some(expected),
                "{body}"
            );
        }
        assert!(listed(b"{\"error\":1}").is_none());
    }
}
