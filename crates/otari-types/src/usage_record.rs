//! One line of the usage log, and the charges that belong to it.

use serde::{Deserialize, Serialize};

use crate::{AccountId, Amounts, NanoUsd, Timestamp, TokenUsage};

/// How a call, or one attempt of it, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CallStatus {
    Success,
    Error,
    /// A failed attempt that a later one made good; neither a request nor an error in the analytics.
    Absorbed,
}

impl CallStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::Absorbed => "absorbed",
        }
    }
}

/// What one ended call adds to one account when its row reaches the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    pub account: AccountId,
    /// What the call cost, in every unit.
    pub amounts: Amounts,
    /// The part of `amounts` that was drawn from this node's lease: zero in every unit that had no limit when
    /// the hold was taken, so that a limit set meanwhile never finds a lease that was not granted.
    pub from_lease: Amounts,
}

/// A row of the usage log together with its charges: the unit the journal keeps and the drainer commits.
///
/// `id` makes it idempotent: a record that is replayed changes nothing the second time. As JSON it is what a journal
/// holds: written for every call, so without what is not known, and in whole numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsageRecord {
    pub id: String,
    /// When the call was admitted.
    #[serde(with = "crate::clock::micros")]
    pub timestamp: Timestamp,
    pub status: CallStatus,
    /// The route template, e.g. `/v1/chat/completions`.
    pub endpoint: String,
    /// Bare model id as sent upstream.
    pub model: String,
    /// Provider instance name; `None` when the selector never resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_id: Option<String>,
    /// Where the row came from: `gateway` for calls served here.
    pub source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_label: Option<String>,
    /// `None` when the provider reported none and none was estimated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<TokenUsage>,
    /// `usage` was estimated from text lengths because the stream carried none.
    pub usage_estimated: bool,
    /// `None` when the model has no price.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "optional_nanos"
    )]
    pub cost: Option<NanoUsd>,
    /// `[{meter, units, rate_per_million, cost}]` as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pricing_breakdown: Option<String>,
    /// Extra billing facts as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billing_meters: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// The upstream's status for provider faults, else the gateway's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    pub latency_ms: i64,
    /// Time to the first streamed chunk; `None` for calls that did not stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_chunk_ms: Option<i64>,
    pub counts_toward_budget: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection_reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt_position: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt_count: Option<i64>,
    /// Shared by all attempts of one routed call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_group_id: Option<String>,
    /// The `x-request-id` of the HTTP request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    pub charges: Vec<Charge>,
}

/// As [`crate::money::nanos`], for what may have no price.
mod optional_nanos {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::NanoUsd;

    #[expect(clippy::ref_option, reason = "serde passes a reference")]
    pub(super) fn serialize<S: Serializer>(
        usd: &Option<NanoUsd>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        usd.map(|usd| usd.0).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<NanoUsd>, D::Error> {
        Ok(Option::deserialize(deserializer)?.map(NanoUsd))
    }
}

impl UsageRecord {
    /// A record of this gateway about which nothing else is known yet.
    pub fn new(id: impl Into<String>, timestamp: Timestamp, status: CallStatus) -> Self {
        Self {
            id: id.into(),
            timestamp,
            status,
            endpoint: String::new(),
            model: String::new(),
            provider: None,
            user_id: None,
            api_key_id: None,
            source: "gateway".to_owned(),
            source_label: None,
            usage: None,
            usage_estimated: false,
            cost: None,
            pricing_breakdown: None,
            billing_meters: None,
            error_message: None,
            status_code: None,
            latency_ms: 0,
            first_chunk_ms: None,
            counts_toward_budget: true,
            policy_name: None,
            selection_reason: None,
            attempt_position: None,
            attempt_count: None,
            request_group_id: None,
            request_id: None,
            charges: Vec::new(),
        }
    }
}
