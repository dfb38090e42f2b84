//! What the metrics of calls are told apart by.

use prometheus_client::encoding::EncodeLabelSet;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    pub method: &'static str,
    /// The route template, or `unmatched`: a raw path would let callers grow the label set.
    pub endpoint: &'static str,
    pub status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct EndpointLabels {
    pub method: &'static str,
    pub endpoint: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ModelLabels {
    pub provider: String,
    pub model: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TokenLabels {
    pub provider: String,
    pub model: String,
    pub r#type: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabels {
    pub reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct AbandonedLabels {
    pub(super) provider: String,
    pub(super) model: String,
    /// `timeout`, `build_error` or `upstream_error`.
    pub(super) reason: &'static str,
    /// Of the attempt, from 1.
    pub(super) position: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ProviderLabels {
    /// The instance's name.
    pub(super) provider: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct GuardrailLabels {
    /// The kind of check: a profile's name can be a caller's.
    pub(super) provider: &'static str,
    /// `input` or `output`.
    pub(super) on: &'static str,
    /// `valid`, `flagged`, `redacted`, `inconclusive` or `unavailable`.
    pub(super) verdict: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct LineLabels {
    /// `completed`, `failed` or `retried`.
    pub(super) outcome: &'static str,
}
