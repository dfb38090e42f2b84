//! A call the gateway makes of its own for somebody's: a guardrail that asks a model. Held, billed, and a row of its
//! own under an endpoint of its own.

use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;

use crate::Gateway;
use crate::admit::Billed;
use crate::error::GatewayError;
use crate::hybrid::ControlPlane;
use crate::in_flight::Underway;
use crate::inbound::{Inbound, Origin};
use crate::plan::{Attempt, Plan, Resilience};
use crate::reserve::{Demand, reserve};
use crate::settle::Settlement;

/// The request it is, of the call `origin`.
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

/// Room for it. The model is the operator's choice: the caller's list of models does not apply.
pub(crate) async fn begin(
    gateway: &Gateway,
    origin: &Origin,
    billed: &Billed,
    model: &str,
    demand: Demand,
) -> Result<(Plan, Settlement), GatewayError> {
    let plan = match &gateway.control {
        ControlPlane::Platform(platform) => Box::pin(platform.plan(model, billed.token()?)).await?,
        ControlPlane::Own => own_plan(gateway, origin, model).await?,
    };
    let reserved = reserve(gateway, billed, demand, &plan.first.target).await;
    let reserved = reserved.map_err(|refused| refused.error)?;
    let settlement = Settlement::open(gateway, origin, billed, &plan, reserved, demand);
    Ok((plan, settlement))
}

async fn own_plan(gateway: &Gateway, origin: &Origin, model: &str) -> Result<Plan, GatewayError> {
    let target = gateway
        .targets
        .resolve(model, None, origin.received_at)
        .await?;
    Ok(Plan {
        first: Attempt {
            target,
            reason: "guardrail".into(),
            platform: None,
        },
        rest: Vec::new(),
        label: None,
        route: None,
        guardrails: Vec::new(),
        resilience: Resilience::default(),
    })
}
