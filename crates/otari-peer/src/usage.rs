//! `POST /gateway/usage`

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use otari_metering::cost_of_all;
use otari_platform::{Pricing, Receipt, ReportStatus, UsageForm, UsageReport, UsageStatus};
use otari_types::{CacheConvention, NanoUsd, TokenUsage};

use crate::Peer;
use crate::books::{Entry, Recorded};
use crate::fault::{On, with_faults};
use crate::gate::Gateway;
use crate::refusal::Refusal;

pub(crate) async fn report(
    State(peer): State<Peer>,
    gateway: Result<Gateway, Refusal>,
    body: Bytes,
) -> Response {
    with_faults(&peer, On::Usage, None, async {
        gateway?;
        answer(&peer, &body)
    })
    .await
}

fn answer(peer: &Peer, body: &[u8]) -> Result<Response, Refusal> {
    let report: UsageReport = serde_json::from_slice(body).map_err(|error| {
        Refusal::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("No usage report: {error}"),
        )
    })?;
    let Some((entry, earlier)) = peer.books.find(&report.correlation_id) else {
        let detail = format!("Nothing was resolved as '{}'", report.correlation_id);
        return Err(Refusal::new(StatusCode::NOT_FOUND, detail));
    };
    // It is sent until its answer arrives: the second time changes nothing.
    if let Some(receipt) = earlier {
        return Ok(Json(receipt).into_response());
    }
    let priced = report.usage.and_then(|usage| price(peer, &entry, usage));
    let receipt = receipt(&report, priced.as_ref());
    let recorded = Recorded {
        at: peer.clock.now(),
        report,
        attempt: entry,
        cost_usd: priced.map(|(cost, _)| cost),
    };
    if peer.books.record(recorded.clone(), receipt.clone()) {
        (peer.sink)(&recorded);
    }
    Ok(Json(receipt).into_response())
}

/// What it cost, and where the price came from.
fn price(peer: &Peer, entry: &Entry, usage: UsageForm) -> Option<(NanoUsd, String)> {
    let rates = peer.config.rates(&entry.provider, &entry.model)?;
    let credential = peer.config.providers.get(&entry.provider)?;
    let usage = TokenUsage {
        input: usage.prompt_tokens,
        output: usage.completion_tokens,
        cache_read: usage.cache_read_tokens,
        cache_write: usage.cache_write_tokens,
        convention: if credential.counts_cached_apart(&entry.provider) {
            CacheConvention::Additive
        } else {
            CacheConvention::Inclusive
        },
        ..TokenUsage::default()
    };
    let cost = cost_of_all(&rates.price(), &[usage]).total;
    Some((cost, rates.source.clone()))
}

fn receipt(report: &UsageReport, priced: Option<&(NanoUsd, String)>) -> Receipt {
    let outcome = match report.status {
        ReportStatus::Success => "success",
        ReportStatus::Error => "error",
    };
    let cost = priced.map_or(NanoUsd::ZERO, |(cost, _)| *cost);
    Receipt {
        correlation_id: report.correlation_id.clone(),
        status: Some("completed".to_owned()),
        outcome: Some(outcome.to_owned()),
        cost_usd: Some(micros(cost).into()),
        currency: Some("USD".to_owned()),
        usage_status: Some(match report.usage {
            Some(_) => UsageStatus::Reported,
            None => UsageStatus::Unknown,
        }),
        pricing: Some(Pricing {
            source: priced.map(|(_, source)| source.clone()),
        }),
    }
}

/// Dollars with six places, rounded half up.
fn micros(cost: NanoUsd) -> String {
    let micros = cost.0.max(0).saturating_add(500) / 1000;
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}
