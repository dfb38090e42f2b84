//! The walk of a chat call: admit → plan → dispatch → relay → settle.

use otari_providers::quirk::reasoning_outside_completion;

use crate::Gateway;
use crate::admit::{Refused, admit};
use crate::chat_request::ChatRequest;
use crate::dispatch::dispatch;
use crate::error::GatewayError;
use crate::inbound::{Inbound, Reply, ReplyBody};
use crate::plan::plan;
use crate::relay::{Relabel, RelayStream, Source, relay_whole};
use crate::settle::{Settlement, log_refusal};

impl Gateway {
    /// Answers one Chat Completions request.
    pub async fn chat(&self, inbound: &Inbound) -> Result<Reply, GatewayError> {
        let request = ChatRequest::parse(&inbound.body)?;
        let refuse = |refused: Refused| {
            log_refusal(self, inbound, &refused, &request.model);
            refused.error
        };
        let admitted = admit(self, inbound, &request).await.map_err(refuse)?;
        let (target, billed, rate) = (
            admitted.target.clone(),
            admitted.billed.clone(),
            admitted.rate,
        );
        let plan = plan(&target).map_err(|error| {
            refuse(Refused {
                error,
                billed: Some(billed),
                target: Some(target.clone()),
                unlogged: false,
            })
        })?;
        let relabel = Relabel(target.is_alias.then(|| target.requested.clone()));
        let mut settlement = Settlement::open(self, inbound, admitted, request.prompt_bytes);

        let mut last = GatewayError::ModelNotFound(target.requested.clone());
        for attempt in &plan.attempts {
            let answered = match dispatch(&self.transport, inbound, &request, attempt).await {
                Ok(answered) => answered,
                Err(error) => {
                    last = error;
                    continue;
                }
            };
            let from = Source {
                instance: attempt.instance.name.clone(),
                reasoning_outside: reasoning_outside_completion(attempt.instance.provider.quirks),
            };
            let body = if request.stream {
                let keepalive = self.settings.keepalive;
                let stream =
                    RelayStream::open(answered, from, relabel, settlement, keepalive).await?;
                ReplyBody::Stream(Box::new(stream))
            } else {
                ReplyBody::Json(relay_whole(answered, &from, &relabel, &mut settlement).await?)
            };
            return Ok(Reply { body, rate });
        }
        settlement.fail(&last).await;
        Err(last)
    }
}
