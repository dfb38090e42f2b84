//! A call the gateway makes of its own for somebody's: a guardrail that asks a model, an image that is described, a
//! request that is embedded. Held, billed, and a row of its own under an endpoint of its own.

use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use otari_providers::{UpstreamError, UpstreamErrorKind};
use otari_translate::Surface;
use serde_json::Value;

use crate::Gateway;
use crate::admit::Billed;
use crate::dispatch::{Outgoing, Parsed};
use crate::error::GatewayError;
use crate::guardrails::Asker;
use crate::hybrid::ControlPlane;
use crate::in_flight::Underway;
use crate::inbound::{Inbound, Origin, ReplyBody};
use crate::plan::{Attempt, Plan, Resilience};
use crate::request::Request;
use crate::reserve::{Demand, reserve};
use crate::settle::Settlement;
use crate::thread::Thread;
use crate::walk::Answered;

/// Which model is asked, for whom and what for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SideCall<'a> {
    pub(crate) asker: Asker<'a>,
    /// The route of its row.
    pub(crate) endpoint: &'static str,
    /// The operator's choice: the caller's list of models does not apply.
    pub(crate) model: &'a str,
    /// Why the model was chosen, as its row says.
    pub(crate) reason: &'static str,
}

impl SideCall<'_> {
    /// One chat completion: the provider's whole answer to `body`, a request without `stream`.
    pub(crate) async fn chat(&self, body: &Value) -> Result<Bytes, GatewayError> {
        let inbound = self.inbound(body.to_string());
        let request = Request::parse(Surface::Chat, None, &inbound.body)?;
        let (plan, mut settlement) = self.begin(&inbound, request.demand).await?;
        let Asker {
            gateway, billed, ..
        } = self.asker;
        let thread = Thread::default();
        let outgoing = Outgoing {
            inbound: &inbound,
            body: &inbound.body,
            request: &request,
            expanded: None,
            thread: &thread,
            user: &billed.user,
            label: None,
            parsed: Parsed::default(),
            output: None,
            tools: None,
            understanding: None,
        };
        let answer = gateway
            .attempt_all(&plan, billed, outgoing, &mut settlement)
            .await;
        match answer {
            Ok(Answered {
                body: ReplyBody::Json(body),
                ..
            }) => Ok(body),
            Ok(_) => {
                let message = "the answer is not whole";
                let error = UpstreamError::new(UpstreamErrorKind::Malformed, message);
                Err(GatewayError::upstream(self.model, error))
            }
            Err(error) => {
                settlement.fail(&error).await;
                Err(error)
            }
        }
    }

    /// The request it is.
    pub(crate) fn inbound(&self, body: String) -> Inbound {
        inbound(self.asker.origin, self.endpoint, body)
    }

    /// Room for it.
    pub(crate) async fn begin(
        &self,
        inbound: &Inbound,
        demand: Demand,
    ) -> Result<(Plan, Settlement), GatewayError> {
        let Asker {
            gateway, billed, ..
        } = self.asker;
        let chosen = Chosen {
            model: self.model,
            reason: self.reason,
        };
        begin(gateway, billed, inbound, chosen, demand).await
    }
}

/// The operator's choice: the caller's list of models does not apply.
#[derive(Clone, Copy)]
pub(crate) struct Chosen<'a> {
    pub(crate) model: &'a str,
    /// Why, as the row says.
    pub(crate) reason: &'static str,
}

/// A request of the call `origin`.
pub(crate) fn inbound(origin: &Origin, endpoint: &'static str, body: String) -> Inbound {
    Inbound {
        origin: Origin {
            endpoint,
            started: Instant::now(),
            ..origin.clone()
        },
        headers: HeaderMap::new(),
        body: Bytes::from(body),
        named: None,
        behalf: None,
        underway: Underway::default(),
    }
}

/// Room for a call to `chosen`.
pub(crate) async fn begin(
    gateway: &Gateway,
    billed: &Billed,
    inbound: &Inbound,
    chosen: Chosen<'_>,
    demand: Demand,
) -> Result<(Plan, Settlement), GatewayError> {
    let origin = &inbound.origin;
    let plan = match &gateway.control {
        ControlPlane::Platform(platform) => {
            Box::pin(platform.plan(chosen.model, billed.token()?)).await?
        }
        ControlPlane::Own => own_plan(gateway, origin, chosen.model, chosen.reason).await?,
    };
    let reserved = reserve(gateway, billed, demand, &plan.first.target).await;
    let reserved = reserved.map_err(|refused| refused.error)?;
    let settlement = Settlement::open(gateway, origin, billed, &plan, reserved, demand);
    Ok((plan, settlement))
}

async fn own_plan(
    gateway: &Gateway,
    origin: &Origin,
    model: &str,
    reason: &'static str,
) -> Result<Plan, GatewayError> {
    let target = gateway
        .targets
        .resolve(model, None, origin.received_at)
        .await?;
    Ok(Plan {
        first: Attempt {
            target,
            reason: reason.into(),
            platform: None,
        },
        rest: Vec::new(),
        label: None,
        route: None,
        guardrails: Vec::new(),
        resilience: Resilience::default(),
    })
}
