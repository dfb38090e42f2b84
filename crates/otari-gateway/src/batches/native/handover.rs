//! Handing a batch over once. That it is about to be is noted first: whoever goes on after a crash looks for it at the
//! provider before handing it over again.

use std::time::Duration;

use otari_store::batches as rows;
use otari_types::Timestamp;

use crate::error::GatewayError;

use super::search::{Found, Wanted};
use super::service::Service;
use super::{Native, parcel};

/// A request that was under way in a crash has ended at the provider by then.
const SETTLED_SECS: i64 = 10;

impl Native {
    /// Sees to it that the provider has the batch, unless it was cancelled before. `false`: another process goes on.
    pub(super) async fn handed_over(&mut self) -> Result<bool, GatewayError> {
        if self.batch.native_id.is_some() {
            return Ok(true);
        }
        if let Some(asked_at) = self.batch.native_asked_at
            && !self.look_for_it(asked_at).await?
        {
            return Ok(false);
        }
        let is_wanted = self.batch.native_id.is_none() && self.batch.cancelling_at.is_none();
        if is_wanted {
            self.submit().await
        } else {
            Ok(true)
        }
    }

    /// Notes what the provider calls the batch, if it has it.
    async fn look_for_it(&mut self, asked_at: Timestamp) -> Result<bool, GatewayError> {
        // It may be run, and cost what it costs.
        self.hold_again().await?;
        let now = self.gateway().clock.now().as_secs();
        let early = asked_at.as_secs().saturating_add(SETTLED_SECS) - now;
        // Not longer than that where the clocks of two nodes are apart.
        let early = early.clamp(0, SETTLED_SECS);
        if early > 0 && !self.wait(Duration::from_secs(early.unsigned_abs())).await? {
            return Ok(false);
        }
        loop {
            let wanted = Wanted {
                batch: &self.batch.id,
                lines: self.batch.total - self.batch.completed - self.batch.failed,
                asked_at,
            };
            let ask = self.service.ask(self.gateway(), &self.instance);
            match ask.find(&wanted).await? {
                Found::Yes(id) => return self.note(id).await,
                Found::No => return Ok(true),
                Found::Perhaps => {}
            }
            if !self.wait(self.engine.options.poll).await? {
                return Ok(false);
            }
        }
    }

    /// Hands the lines over; what cannot be handed over is answered at once.
    async fn submit(&mut self) -> Result<bool, GatewayError> {
        let mut parcel = parcel::Parcel::new(self.service.is_of_one_model());
        let mut after = -1;
        loop {
            let lines = self.lines(after).await?;
            let Some(last) = lines.last() else { break };
            after = last.line;
            let mut refused = Vec::new();
            for line in &lines {
                let prepared = self.prepare(line).await;
                let added = prepared.and_then(|(body, model)| {
                    parcel.add(&self.custom_id(line.line), &body, &model)
                });
                if let Err(error) = added {
                    self.holds.remove(&line.line);
                    refused.push(self.failed(line.line, error));
                }
            }
            if !self.record(&refused).await? {
                return Ok(false);
            }
        }
        if parcel.is_empty() {
            // Nothing is left to be waited for; an id that no provider gave ends the batch.
            return self
                .give_up("provider_refused", "No line could be handed over")
                .await;
        }
        let (gateway, instance) = (self.gateway(), &self.instance);
        if parcel.len() < Service::min_lines(instance) {
            // Some were refused here; the rest is as well run by the gateway, which goes on with it at once.
            rows::keep_here(&gateway.store, &self.batch.id, &self.engine.node).await?;
            return Ok(false);
        }
        let told = |error| GatewayError::upstream(&instance.name, error);
        let packed = self.service.pack(gateway, instance, parcel, &self.batch.id);
        let packed = packed.await.map_err(told)?;
        if !rows::ask_native(&gateway.store, &self.batch.id, &self.engine.node).await? {
            return Ok(false);
        }
        let id = self.service.hand_over(gateway, instance, packed).await;
        let id = id.map_err(told)?;
        self.note(id).await
    }

    async fn note(&mut self, id: String) -> Result<bool, GatewayError> {
        let (store, node) = (&self.gateway().store, &self.engine.node);
        if !rows::set_native_id(store, &self.batch.id, node, &id).await? {
            return Ok(false);
        }
        self.batch.native_id = Some(id);
        Ok(true)
    }
}
