//! A chat model asked for scores, through the formats of chat: a call for each window of documents.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use otari_providers::quirk::{reasoning_outside_completion, writes_thoughts};
use otari_providers::{Dialect, UpstreamError, UpstreamErrorKind};
use otari_translate::dialect::{self, ThinkTags};
use otari_translate::rerank::{self, Ranked, Scored, listwise};
use otari_translate::{Block, Collector, FinishReason, Reply, Surface};
use otari_types::TokenUsage;

use super::rendered;
use super::request::Asked;
use crate::dispatch::{Route, encode as encode_call, refusal, route};
use crate::error::GatewayError;
use crate::pass::{At, DecodeAll, Message, Raw, Reading, Task, Whole, error_in};
use crate::relay::{Meter, upstream_error};
use crate::reserve::Demand;
use crate::settle::Produced;
use crate::unit::Unit;

/// The code of an answer that is no score for each document.
pub const NO_RANKING: &str = "no_ranking";

pub(super) fn encode<'a>(
    at: &At<'_>,
    request: &rerank::Request,
    mark: &str,
    read: &'a DecodeAll<'a>,
) -> Result<Task<'a>, GatewayError> {
    let route = route(Surface::Chat, at.instance)?;
    if at.instance.provider.dialect == Dialect::Echo {
        return Err(GatewayError::InvalidRequest(format!(
            "Provider '{}' repeats what it is told and cannot judge documents",
            at.instance.name
        )));
    }
    let mut demand = Demand {
        max_output: Some(0),
        choices: 1,
        unit: Unit::Tokens,
        ..Demand::default()
    };
    let windows = listwise::windows(request, mark).map_err(refusal)?;
    let mut messages = Vec::with_capacity(windows.len());
    for window in windows {
        let (body, headers) = encode_call(&window.call, at.attempt, at.instance, route, None)?;
        demand.prompt_bytes += body.len();
        let output = window.call.max_output.unwrap_or_default();
        demand.max_output = demand.max_output.map(|sum| sum.saturating_add(output));
        messages.push(message(body, headers, route));
    }
    Ok(Task {
        messages,
        reading: Reading::All(read),
        demand: Some(demand),
    })
}

fn message(body: Bytes, headers: HeaderMap, route: Route) -> Message {
    Message {
        operation: Some(route.operation),
        stream: false,
        content_type: HeaderValue::from_static("application/json"),
        headers,
        body,
    }
}

pub(super) fn decode(
    at: &At<'_>,
    asked: &Asked<'_>,
    mark: &str,
    raws: &[Raw],
) -> Result<Whole, UpstreamError> {
    let windows = listwise::windows(&asked.request, mark).map_err(|_| no_ranking())?;
    let mut ranked = Ranked::default();
    let mut usages = Vec::with_capacity(raws.len());
    let mut generated_bytes = 0;
    for (window, raw) in windows.iter().zip(raws) {
        let (text, produced) = read(at, &raw.body)?;
        generated_bytes += produced.generated_bytes;
        usages.push(produced.usage);
        let scores: Vec<Scored> =
            listwise::scores(&text, window.documents.clone()).ok_or_else(no_ranking)?;
        ranked.results.extend(scores);
    }
    ranked.results.sort_by(|a, b| b.score.total_cmp(&a.score));
    let wanted = asked.request.top_n.unwrap_or(usize::MAX);
    ranked.results.truncate(wanted);
    // Of a part nothing can be said of the whole.
    let usages: Option<Vec<TokenUsage>> = usages.into_iter().collect();
    let usage = usages.and_then(|all| all.into_iter().reduce(TokenUsage::plus));
    ranked.total_tokens = usage.as_ref().map(TokenUsage::total);
    Ok(Whole {
        usage,
        generated_bytes,
        ..rendered(at, asked, &ranked)
    })
}

/// What the model wrote, and what that took.
fn read(at: &At<'_>, body: &[u8]) -> Result<(String, Produced), UpstreamError> {
    error_in(body)?;
    let quirks = at.instance.provider.quirks;
    let route = route(Surface::Chat, at.instance).map_err(|_| no_ranking())?;
    let reading = dialect::Reading {
        seed: "rank",
        choices: 1,
        think_tags: if writes_thoughts(quirks) {
            ThinkTags::On
        } else {
            ThinkTags::Off
        },
    };
    let events = dialect::decode_reply_with(route.wire, body, &reading);
    let events = events.map_err(|error| upstream_error(&error))?;
    let mut meter = Meter::new(reasoning_outside_completion(quirks));
    for event in &events {
        meter.read(event);
    }
    let mut produced = Produced::default();
    meter.report(&mut produced);
    let reply = events.into_iter().collect::<Collector>().into_reply();
    let reply = reply.ok_or_else(no_ranking)?;
    if reply.finish.reason == FinishReason::ContentFilter {
        let message = "the provider's content policy stopped the answer";
        return Err(UpstreamError::new(
            UpstreamErrorKind::ContentFiltered,
            message,
        ));
    }
    Ok((text_of(&reply), produced))
}

fn text_of(reply: &Reply) -> String {
    let texts = reply.blocks.iter().filter_map(|block| match &block.block {
        Block::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

fn no_ranking() -> UpstreamError {
    UpstreamError {
        code: Some(NO_RANKING.to_owned()),
        ..UpstreamError::new(
            UpstreamErrorKind::Malformed,
            "the model's answer is no score for each document",
        )
    }
}
