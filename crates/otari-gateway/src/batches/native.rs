//! Batches that a provider runs itself, where it has such: handed over as a whole, asked for now and again, and each
//! answer priced and noted like that of a line run here. Guardrails look at every line before, and every answer after.
//!
//! What its lines may cost is held for as long as a node is at the batch.

mod answer;
mod ask;
mod bedrock;
mod bucket;
mod gemini;
mod handover;
mod line;
mod openai;
mod parcel;
mod search;
mod service;
mod vertex;
mod watch;

use std::collections::HashMap;
use std::sync::Arc;

use otari_providers::Instance;
use otari_store::batch_lines::{self, BatchLine, LineResult};
use otari_store::batches::{self as rows, BatchRow};
use otari_translate::Surface;

use crate::Gateway;
use crate::error::GatewayError;
use crate::reserve::Reserved;

use super::endpoint::Endpoint;
use super::engine::Engine;
use super::error_json;

use answer::Answer;
use service::Service;

/// Lines looked up, or noted, together.
const TOGETHER: i64 = 100;

/// What the lines of a file are for.
pub(super) struct Lines {
    /// That of all of them; `None` where they are for several.
    pub(super) instance: Option<String>,
    /// How many models; `None` for more than are counted.
    pub(super) models: Option<usize>,
    pub(super) count: usize,
}

/// Whether providers' batches can hold calls of it.
fn speaks(endpoint: Endpoint) -> bool {
    matches!(
        endpoint,
        Endpoint::Generate(Surface::Chat | Surface::Messages, _)
    )
}

pub(super) fn foreign(name: &str, model: &str) -> GatewayError {
    GatewayError::InvalidRequest(format!(
        "Model '{model}' is not one of '{name}' alone, so the batch cannot go to the batches of that provider"
    ))
}

impl Gateway {
    /// The instance, if its own batches can hold so many calls of this endpoint. `lines`: as many as are known of.
    pub(super) fn native_or_refuse(
        &self,
        name: &str,
        endpoint: Endpoint,
        lines: Option<usize>,
    ) -> Result<String, GatewayError> {
        match self.refusal(name, endpoint, lines) {
            None => Ok(name.to_owned()),
            Some(told) => Err(GatewayError::InvalidRequest(told)),
        }
    }

    fn refusal(&self, name: &str, endpoint: Endpoint, lines: Option<usize>) -> Option<String> {
        const INSTEAD: &str = "leave `provider` out and the gateway runs the batch";
        let Some((instance, _)) = self.service(name, endpoint) else {
            let bucket = match self.targets.instances.load().get(name) {
                Some(instance) if speaks(endpoint) && Service::lacks_bucket(instance) => {
                    " (it needs the `batch_bucket` of its entry in `providers`)"
                }
                _ => "",
            };
            let path = endpoint.path();
            return Some(format!(
                "'{name}' has no batches of its own that could hold calls of {path}{bucket}; {INSTEAD}"
            ));
        };
        let min = Service::min_lines(&instance);
        let too_few = lines.is_some_and(|lines| lines < min);
        too_few.then(|| format!("'{name}' takes batches of {min} lines and more; {INSTEAD}"))
    }

    /// Whose own batches the lines of a file go to, or the code and the text of the mistake.
    pub(super) fn native_of(
        &self,
        batch: &BatchRow,
        lines: Lines,
    ) -> Result<Option<String>, (&'static str, String)> {
        let Some(endpoint) = Endpoint::parse(&batch.endpoint) else {
            return Ok(batch.native.clone());
        };
        match (&batch.native, lines.instance) {
            (Some(name), instance) if instance.as_ref() != Some(name) => {
                let message = format!("Some lines are for other models than those of '{name}'");
                Err(("mismatched_provider", message))
            }
            (Some(name), _) => match self.refusal(name, endpoint, Some(lines.count)) {
                None => Ok(Some(name.clone())),
                Some(told) => Err(("provider_refused", told)),
            },
            (None, Some(instance)) => Ok(lines.models.and_then(|models| {
                self.native_by_choice(&instance, endpoint, models, lines.count)
            })),
            (None, None) => Ok(None),
        }
    }

    /// The same, where the configuration names the instance. `models`: how many the lines are for.
    pub(super) fn native_by_choice(
        &self,
        name: &str,
        endpoint: Endpoint,
        models: usize,
        lines: usize,
    ) -> Option<String> {
        let options = &self.batches.as_ref()?.options;
        let wanted = options.native.iter().any(|native| native == name);
        let (instance, service) = self.service(name, endpoint).filter(|_| wanted)?;
        let fits =
            (models <= 1 || !service.is_of_one_model()) && lines >= Service::min_lines(&instance);
        fits.then(|| name.to_owned())
    }

    fn service(&self, name: &str, endpoint: Endpoint) -> Option<(Arc<Instance>, Service)> {
        let instance = self
            .targets
            .instances
            .load()
            .get(name)
            .filter(|_| speaks(endpoint))?
            .clone();
        let service = Service::of(&instance)?;
        Some((instance, service))
    }
}

/// A batch at its provider.
pub(super) struct Native {
    engine: Arc<Engine>,
    batch: BatchRow,
    surface: Surface,
    instance: Arc<Instance>,
    service: Service,
    /// By line.
    holds: HashMap<i64, Reserved>,
}

impl Engine {
    /// `false`: another process goes on with it.
    pub(super) async fn run_native(self: Arc<Self>, batch: BatchRow) -> Result<bool, GatewayError> {
        let name = batch.native.clone().unwrap_or_default();
        let endpoint = Endpoint::parse(&batch.endpoint);
        let found = endpoint.and_then(|endpoint| {
            let (instance, service) = self.gateway.service(&name, endpoint)?;
            Some((endpoint.surface(), instance, service))
        });
        let Some((surface, instance, service)) = found else {
            let answer = error_json(
                "provider_gone",
                "The provider of this batch is not configured any more",
            );
            let store = &self.gateway.store;
            return Ok(batch_lines::give_up(store, &batch.id, &self.node, &answer).await?);
        };
        let native = Native {
            engine: self,
            batch,
            surface,
            instance,
            service,
            holds: HashMap::new(),
        };
        native.run().await
    }
}

impl Native {
    /// What stands in the provider's batch for a line.
    fn custom_id(&self, line: i64) -> String {
        self.service.custom_id(&self.batch.id, line)
    }

    fn gateway(&self) -> &Arc<Gateway> {
        &self.engine.gateway
    }

    /// Keeps the batch for this node; `false` when it is another's.
    async fn keep(&mut self) -> Result<bool, GatewayError> {
        let (until, node) = (self.engine.lease_end(), &self.engine.node);
        match rows::renew(&self.gateway().store, &self.batch.id, node, until).await? {
            Some(batch) => self.batch = batch,
            None => return Ok(false),
        }
        Ok(true)
    }

    async fn give_up(&self, code: &str, message: &str) -> Result<bool, GatewayError> {
        let answer = error_json(code, message);
        let (store, node) = (&self.gateway().store, &self.engine.node);
        Ok(batch_lines::give_up(store, &self.batch.id, node, &answer).await?)
    }

    async fn record(&self, results: &[LineResult]) -> Result<bool, GatewayError> {
        let (store, node) = (&self.gateway().store, &self.engine.node);
        let until = self.engine.lease_end();
        Ok(batch_lines::record(store, &self.batch.id, node, results, until).await?)
    }

    async fn collect(
        &mut self,
        mut answers: HashMap<String, Answer>,
    ) -> Result<bool, GatewayError> {
        let mut after = -1;
        loop {
            let lines = self.lines(after).await?;
            let Some(last) = lines.last() else { break };
            after = last.line;
            let mut results = Vec::new();
            for line in &lines {
                let Some(answer) = answers.remove(&self.custom_id(line.line)) else {
                    continue;
                };
                results.push(match self.settle(line, answer).await {
                    Ok(text) => LineResult {
                        line: line.line,
                        status: 200,
                        answer: text,
                    },
                    Err(error) => self.failed(line.line, error),
                });
            }
            if !self.record(&results).await? {
                return Ok(false);
            }
        }
        let (code, message) = if self.batch.cancelling_at.is_some() {
            (
                "batch_cancelled",
                "The batch was cancelled before this request was made",
            )
        } else {
            (
                "batch_expired",
                "The provider ended the batch without an answer to this request",
            )
        };
        self.give_up(code, message).await
    }

    async fn lines(&self, after: i64) -> Result<Vec<BatchLine>, GatewayError> {
        let store = &self.gateway().store;
        Ok(batch_lines::pending(store, &self.batch.id, after, TOGETHER).await?)
    }

    fn failed(&self, line: i64, error: GatewayError) -> LineResult {
        let (status, answer) = (self.engine.render)(self.surface, error);
        LineResult {
            line,
            status: i64::from(status),
            answer,
        }
    }
}
