//! OpenAI's batches and those of providers that copied them, each with names of its own: Azure's, Together's, Mistral's.
//!
//! <https://platform.openai.com/docs/api-reference/batch>,
//! <https://learn.microsoft.com/en-us/azure/foundry/openai/how-to/batch>,
//! <https://docs.together.ai/docs/inference/batch/manage>, <https://docs.mistral.ai/api/#tag/batch>

use otari_providers::UpstreamError;
use otari_providers::error::client_safe;
use serde_json::{Value, json};

use super::ask::{Ask, text};
use super::parcel::Parcel;
use super::service::{BATCH_ID, Packed, Service, State};

/// What such providers have in common, where they name it otherwise.
pub(super) struct Ways {
    /// Of the file with the lines.
    pub(super) purpose: &'static str,
    /// Where files are brought, below the files.
    pub(super) upload: &'static str,
    endpoint: &'static str,
}

pub(super) fn ways(service: Service) -> Ways {
    let openai = Ways {
        purpose: "batch",
        upload: "",
        endpoint: "/v1/chat/completions",
    };
    match service {
        // <https://docs.together.ai/docs/inference/batch/tutorial>
        Service::Together => Ways {
            purpose: "batch-api",
            upload: "/upload",
            ..openai
        },
        // The version is no part of what its lines name.
        Service::Azure => Ways {
            endpoint: "/chat/completions",
            ..openai
        },
        _ => openai,
    }
}

/// Brings the lines to the provider.
pub(super) async fn pack(
    ask: &Ask<'_>,
    parcel: &Parcel,
    batch: &str,
) -> Result<Packed, UpstreamError> {
    let endpoint = ways(ask.service).endpoint;
    let members = match ask.service {
        Service::Mistral | Service::Together => String::new(),
        _ => format!("\"method\":\"POST\",\"url\":\"{endpoint}\","),
    };
    let lines = parcel.written("custom_id", &members, "body", "\n");
    let file = ask.upload(&lines).await?;
    let request = match ask.service {
        Service::Mistral => json!({
            "input_files": [file], "endpoint": endpoint, "model": parcel.model(), "metadata": {BATCH_ID: batch},
        }),
        Service::Together => json!({
            "input_file_id": file, "endpoint": endpoint, "completion_window": "24h",
        }),
        _ => json!({
            "input_file_id": file, "endpoint": endpoint, "completion_window": "24h", "metadata": {BATCH_ID: batch},
        }),
    };
    let at = ask.batches("")?;
    let body = request.to_string().into();
    Ok(Packed { at, body })
}

/// Together tells of a batch that was just made within a `job`.
pub(super) fn id(batch: &Value) -> Option<String> {
    let batch = batch.get("job").unwrap_or(batch);
    text(batch, "id")
}

pub(super) fn state(batch: &Value) -> State {
    let status = text(batch, "status").unwrap_or_default();
    let files = |names: [&str; 2]| {
        let named = names.into_iter().filter_map(|name| text(batch, name));
        named.collect()
    };
    // In capitals at Together and Mistral, in words of its own at the latter.
    match status.to_ascii_lowercase().as_str() {
        "completed" | "expired" | "cancelled" if batch.get("output_file").is_none() => {
            State::Ended(files(["output_file_id", "error_file_id"]))
        }
        "success" | "timeout_exceeded" | "cancelled" => {
            State::Ended(files(["output_file", "error_file"]))
        }
        "failed" => {
            State::Failed(told(batch).unwrap_or_else(|| "The provider's batch failed".to_owned()))
        }
        _ => State::Running,
    }
}

fn told(batch: &Value) -> Option<String> {
    let told = batch
        .pointer("/errors/data/0/message")
        .or_else(|| batch.pointer("/errors/0/message"))
        .or_else(|| batch.get("error"));
    client_safe(told?.as_str()?)
}
