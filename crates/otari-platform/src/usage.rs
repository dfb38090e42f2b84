//! `POST /gateway/usage`: what an attempt came to, and what the platform says it cost.

use otari_types::TokenUsage;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One report. Sent again until it is taken, so a platform must take the same one twice for one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageReport {
    /// The attempt's id.
    pub correlation_id: String,
    pub status: ReportStatus,
    /// No other attempt follows for this call.
    pub is_final_attempt: bool,
    /// Left out where nobody counted: zeros would say that nothing was consumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageForm>,
    /// How the provider failed: `timeout`, `conn_err`, `http_<status>`, `http_<status>_billing`, `unknown`. Left out
    /// where the gateway itself refused, and once the answer had begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_class: Option<String>,
    /// The caller's own word for the work it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_label: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportStatus {
    Success,
    Error,
}

/// Tokens as the provider counted them: Anthropic's prompt tokens are without the cached ones, those of others are
/// with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageForm {
    pub prompt_tokens: i64,
    pub completion_tokens: i64,
    pub total_tokens: i64,
    #[serde(default)]
    pub cache_read_tokens: i64,
    #[serde(default)]
    pub cache_write_tokens: i64,
}

impl From<TokenUsage> for UsageForm {
    fn from(usage: TokenUsage) -> Self {
        Self {
            prompt_tokens: usage.input,
            completion_tokens: usage.output,
            total_tokens: usage.input.saturating_add(usage.output),
            cache_read_tokens: usage.cache_read,
            cache_write_tokens: usage.cache_write,
        }
    }
}

/// The answer to a report, where the platform priced it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    pub correlation_id: String,
    /// `completed`.
    #[serde(default)]
    pub status: Option<String>,
    /// `success` or `error`, as reported.
    #[serde(default)]
    pub outcome: Option<String>,
    /// Dollars as a decimal text with six places.
    #[serde(default)]
    pub cost_usd: Option<Value>,
    #[serde(default)]
    pub currency: Option<String>,
    #[serde(default)]
    pub usage_status: Option<UsageStatus>,
    #[serde(default)]
    pub pricing: Option<Pricing>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageStatus {
    Reported,
    #[serde(other)]
    Unknown,
}

/// Where a price came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pricing {
    /// `organization`, `managed`, `genai_prices`; `None`: there was none, and a cost of zero means "unknown".
    #[serde(default)]
    pub source: Option<String>,
}

impl Receipt {
    /// The cost and its source, where this is the receipt of `correlation_id` and both are known.
    pub fn cost_of(self, correlation_id: &str) -> Option<(String, String)> {
        let reported = self.usage_status == Some(UsageStatus::Reported);
        let source = self.pricing?.source.filter(|source| !source.is_empty())?;
        let cost = match self.cost_usd? {
            Value::String(cost) => is_decimal(&cost).then_some(cost)?,
            Value::Number(cost) => cost.to_string(),
            _ => return None,
        };
        (reported && self.correlation_id == correlation_id).then_some((cost, source))
    }
}

fn is_decimal(text: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once('.') {
        Some((whole, part)) => plain(whole) && plain(part),
        None => plain(text),
    }
}
