//! The walk of a generation call: admit → plan → reserve → dispatch → relay → settle.

use otari_providers::UpstreamErrorKind;
use otari_translate::Surface;

use crate::Gateway;
use crate::admit::{Billed, Refused, admit};
use crate::dispatch::{Outgoing, Parsed, dispatch};
use crate::error::GatewayError;
use crate::inbound::{Inbound, Reply, ReplyBody};
use crate::plan::{Attempt, Plan, plan};
use crate::relay::{Flow, RelayStream, read_whole};
use crate::request::Request;
use crate::reserve::{reserve, top_up};
use crate::settle::{Settlement, log_refusal};

impl Gateway {
    /// Answers one generation request of any surface.
    pub async fn generate(
        &self,
        surface: Surface,
        inbound: &Inbound,
    ) -> Result<Reply, GatewayError> {
        let request = Request::parse(surface, &inbound.body)?;
        let refuse = |refused: Refused| {
            log_refusal(self, inbound, &refused, &request.model);
            refused.error
        };
        let admitted = admit(self, inbound, request.user.as_deref())
            .await
            .map_err(refuse)?;
        let plan = plan(self, inbound, &request.model, &admitted)
            .await
            .map_err(refuse)?;
        let reserved = reserve(self, &admitted.billed, &request, &plan.first.target)
            .await
            .map_err(refuse)?;
        let settlement = Settlement::open(
            self,
            inbound,
            &admitted.billed,
            &plan,
            reserved,
            request.prompt_bytes,
        );
        let outgoing = Outgoing {
            inbound,
            request: &request,
            label: plan.label.as_deref(),
            parsed: Parsed::default(),
        };
        let body = self
            .attempt_all(&plan, &admitted.billed, outgoing, settlement)
            .await?;
        Ok(Reply {
            body,
            rate: admitted.rate,
        })
    }

    /// Walks the attempts until one answers. A failure before the first byte of an answer moves on; one of the
    /// gateway's own does not.
    async fn attempt_all(
        &self,
        plan: &Plan,
        billed: &Billed,
        mut outgoing: Outgoing<'_>,
        mut settlement: Settlement,
    ) -> Result<ReplyBody, GatewayError> {
        let mut rest = plan.rest.iter();
        let mut attempt = &plan.first;
        loop {
            let error = match self.attempt(attempt, &mut outgoing, &mut settlement).await {
                Ok(Answer::Whole(bytes)) => return Ok(ReplyBody::Json(bytes)),
                Ok(Answer::Stream(flow)) => {
                    let keepalive = self.settings.keepalive;
                    let stream = RelayStream::new(flow, settlement, keepalive);
                    return Ok(ReplyBody::Stream(Box::new(stream)));
                }
                Err(error) => error,
            };
            let next = rest.next().filter(|_| moves_on(&error));
            let Some(next) = next else {
                settlement.fail(&error).await;
                return Err(exhausted(plan, error));
            };
            settlement.absorb(&error);
            attempt = next;
            settlement.aim(attempt);
            if let Some(reserved) = settlement.reserved() {
                let room = top_up(self, billed, outgoing.request, &attempt.target, reserved).await;
                if let Err(error) = room {
                    settlement.fail(&error).await;
                    return Err(error);
                }
            }
        }
    }

    async fn attempt(
        &self,
        attempt: &Attempt,
        outgoing: &mut Outgoing<'_>,
        settlement: &mut Settlement,
    ) -> Result<Answer, GatewayError> {
        let (answered, passage) = dispatch(self, outgoing, attempt).await?;
        let instance = attempt.instance()?.name.as_str();
        let told = |error| GatewayError::upstream(instance, error);
        if outgoing.request.stream {
            let keepalive = self.settings.keepalive;
            let flow = Flow::open(answered, passage, instance, settlement, keepalive).await;
            return flow.map(Answer::Stream).map_err(told);
        }
        let whole = read_whole(answered, passage, settlement).await;
        whole.map(Answer::Whole).map_err(told)
    }
}

enum Answer {
    /// Complete and settled.
    Whole(bytes::Bytes),
    Stream(Flow),
}

/// Whether the next candidate may do better: the provider failed, or has no place for what was asked.
fn moves_on(error: &GatewayError) -> bool {
    matches!(
        error,
        GatewayError::Upstream(_) | GatewayError::Unsupported { .. }
    )
}

/// A single candidate's failure is told as if it had been named; of several only that all failed.
fn exhausted(plan: &Plan, last: GatewayError) -> GatewayError {
    match last {
        GatewayError::Upstream(failure) if !plan.rest.is_empty() => GatewayError::AllFailed {
            timed_out: failure.error.kind == UpstreamErrorKind::Timeout,
        },
        other => other,
    }
}
