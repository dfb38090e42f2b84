//! Reading a file of lines into the store. Lines that are wrong fail the batch, each named by its number.

use std::collections::HashSet;

use bytes::Bytes;
use otari_store::batch_lines;
use otari_store::batches::{self as rows, BatchRow, BatchStatus};
use otari_wire::ndjson::LineBuffer;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::error::GatewayError;

use super::endpoint::Endpoint;
use super::engine::Engine;
use super::native::Lines;
use super::request::CUSTOM_ID_MAX;

/// Lines put into the store together, and their bytes.
const TOGETHER: usize = 500;
const TOGETHER_BYTES: usize = 4 * 1024 * 1024;
/// Mistakes that are told; after so many nobody reads on.
const MISTAKES_MAX: usize = 20;
/// Different models that are looked at.
const MODELS_MAX: usize = 16;

#[derive(Deserialize)]
struct Line<'a> {
    custom_id: Option<String>,
    method: Option<String>,
    url: Option<String>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
}

/// Where the reading stands.
#[derive(Default)]
struct Reading {
    lines: Vec<(String, String)>,
    bytes: usize,
    stored: usize,
    seen: HashSet<String>,
    mistakes: Vec<Value>,
    /// Of all lines, the first first; beyond a few nobody asks how many.
    models: Vec<String>,
}

impl Engine {
    /// Takes all lines of a new batch in. `None`: it has ended, or is another node's.
    pub(super) async fn validate(
        &self,
        batch: &BatchRow,
    ) -> Result<Option<BatchRow>, GatewayError> {
        let store = &self.gateway.store;
        batch_lines::clear(store, &batch.id).await?;
        let mut reading = Reading::default();
        match self.read(batch, &mut reading).await {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(GatewayError::FileNotFound(id)) => {
                let message = format!("The input file '{id}' is gone");
                reading.mistake("file_not_found", None, &message);
            }
            Err(error) => return Err(error),
        }
        if reading.mistakes.is_empty() && reading.seen.is_empty() {
            reading.mistake("empty_file", None, "The input file has no lines");
        }
        if !reading.mistakes.is_empty() {
            let mistakes = Value::Array(reading.mistakes).to_string();
            batch_lines::clear(store, &batch.id).await?;
            rows::end(
                store,
                &batch.id,
                &self.node,
                BatchStatus::Failed,
                Some(&mistakes),
            )
            .await?;
            return Ok(None);
        }
        let total = i64::try_from(reading.stored).unwrap_or(i64::MAX);
        let instances = self.instances(batch, &reading.models).await?;
        let provider = instances.first().cloned().flatten();
        let only = provider.clone().filter(|_| instances.len() == 1);
        let lines = Lines {
            instance: only,
            models: Some(reading.models.len()).filter(|models| *models < MODELS_MAX),
            count: reading.stored,
        };
        let native = match self.gateway.native_of(batch, lines) {
            Ok(native) => native,
            Err((code, message)) => {
                let mistake =
                    json!([{"code": code, "message": message, "param": null, "line": null}]);
                batch_lines::clear(store, &batch.id).await?;
                let mistake = mistake.to_string();
                let end = rows::end(
                    store,
                    &batch.id,
                    &self.node,
                    BatchStatus::Failed,
                    Some(&mistake),
                );
                end.await?;
                return Ok(None);
            }
        };
        let begun = rows::begin(
            store,
            &batch.id,
            &self.node,
            total,
            provider.as_deref(),
            native.as_deref(),
        )
        .await?;
        Ok(if begun {
            rows::get(store, &batch.id).await?
        } else {
            None
        })
    }

    /// `false`: it is another node's by now.
    async fn read(&self, batch: &BatchRow, reading: &mut Reading) -> Result<bool, GatewayError> {
        let id = batch.input_file_id.as_deref().unwrap_or_default();
        let files = self.gateway.files()?;
        let file = files.get(&batch.user_id, id).await?;
        let mut bytes = files.open(&file, None).await?;
        let mut buffer = LineBuffer::default();
        loop {
            let chunk = bytes.next().await.map_err(GatewayError::Storage)?;
            let Some(chunk) = chunk else { break };
            buffer.push(&chunk);
            loop {
                match buffer.next_line() {
                    Ok(Some(line)) => self.take(batch, reading, &line),
                    Ok(None) => break,
                    Err(_) => {
                        let number = reading.seen.len() + 1;
                        reading.mistake("line_too_long", Some(number), "The line is too long");
                        return Ok(true);
                    }
                }
                if reading.is_over() {
                    return Ok(true);
                }
                if reading.is_full() && !self.store_lines(batch, reading).await? {
                    return Ok(false);
                }
            }
        }
        if let Some(line) = buffer.into_rest() {
            self.take(batch, reading, &line);
        }
        self.store_lines(batch, reading).await
    }

    async fn store_lines(
        &self,
        batch: &BatchRow,
        reading: &mut Reading,
    ) -> Result<bool, GatewayError> {
        let (store, id) = (&self.gateway.store, &batch.id);
        let first = i64::try_from(reading.stored).unwrap_or(i64::MAX);
        batch_lines::append(store, id, first, &reading.lines).await?;
        reading.stored += reading.lines.len();
        reading.lines.clear();
        reading.bytes = 0;
        let kept = rows::renew(store, id, &self.node, self.lease_end()).await?;
        Ok(kept.is_some())
    }

    fn take(&self, batch: &BatchRow, reading: &mut Reading, line: &Bytes) {
        let number = reading.seen.len() + 1;
        match checked(batch, line, &reading.seen) {
            Ok((custom_id, body)) => {
                if reading.models.len() < MODELS_MAX
                    && let Some(model) = model(&body)
                    && !reading.models.contains(&model)
                {
                    reading.models.push(model);
                }
                reading.bytes += body.len();
                reading.seen.insert(custom_id.clone());
                reading.lines.push((custom_id, body));
            }
            Err((code, message)) => {
                reading.mistake(code, Some(number), message);
                // So that the next line has the next number.
                reading.seen.insert(format!("\0{number}"));
            }
        }
        let max = self.options.max_lines;
        if reading.seen.len() > max {
            let message = format!("A batch has at most {max} lines");
            reading.mistake("too_many_lines", None, &message);
        }
    }

    /// The instances of a batch's models, each once; `None` for one that nothing serves.
    async fn instances(
        &self,
        batch: &BatchRow,
        models: &[String],
    ) -> Result<Vec<Option<String>>, GatewayError> {
        let now = self.gateway.clock.now();
        let mut instances = Vec::new();
        for model in models {
            let targets = &self.gateway.targets;
            let target = targets.resolve(model, Some(&batch.user_id), now).await?;
            if !instances.contains(&target.instance_name) {
                instances.push(target.instance_name.clone());
            }
        }
        Ok(instances)
    }
}

impl Reading {
    fn mistake(&mut self, code: &str, line: Option<usize>, message: &str) {
        let mistake = json!({"code": code, "message": message, "param": null, "line": line});
        self.mistakes.push(mistake);
    }

    fn is_over(&self) -> bool {
        let too_many = |mistake: &Value| mistake.get("line").is_some_and(Value::is_null);
        self.mistakes.len() >= MISTAKES_MAX || self.mistakes.iter().any(too_many)
    }

    fn is_full(&self) -> bool {
        self.lines.len() >= TOGETHER || self.bytes >= TOGETHER_BYTES
    }
}

fn checked(
    batch: &BatchRow,
    line: &[u8],
    seen: &HashSet<String>,
) -> Result<(String, String), (&'static str, &'static str)> {
    let line: Line<'_> = serde_json::from_slice(line).map_err(|_| {
        let message = "The line is not a JSON object with `custom_id`, `method`, `url` and `body`";
        ("invalid_json_line", message)
    })?;
    let custom_id = line
        .custom_id
        .filter(|id| (1..=CUSTOM_ID_MAX).contains(&id.len()));
    let custom_id = custom_id.ok_or((
        "missing_custom_id",
        "`custom_id` should be a text of 1 to 512 characters",
    ))?;
    if seen.contains(&custom_id) {
        return Err(("duplicate_custom_id", "Another line has this `custom_id`"));
    }
    if line
        .method
        .is_some_and(|method| !method.eq_ignore_ascii_case("POST"))
    {
        return Err(("invalid_method", "`method` should be 'POST'"));
    }
    let url = line.url.as_deref().map(Endpoint::parse);
    if url.is_some_and(|url| url.is_none_or(|url| url.path() != batch.endpoint)) {
        return Err((
            "mismatched_endpoint",
            "`url` should be the endpoint of the batch",
        ));
    }
    let body = line.body.filter(|body| body.get().starts_with('{'));
    let body = body.ok_or(("missing_body", "`body` should be an object"))?;
    Ok((custom_id, body.get().to_owned()))
}

fn model(body: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Body {
        model: Option<String>,
    }
    serde_json::from_str::<Body>(body).ok()?.model
}
