//! The knobs the walk reads on every call. Those that change at run time are replaced together.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a stream without usage costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingUsagePolicy {
    /// What its text lengths suggest.
    #[default]
    Estimate,
    /// The same, and the row is an error.
    Fail,
    /// Nothing.
    AllowFree,
}

/// What becomes of an image for a model that cannot see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VisionStrategy {
    /// Another model describes it; where none can, a service reads it.
    #[default]
    Describe,
    /// A service reads the text in it.
    Ocr,
    /// It is left out.
    Off,
}

/// What can be changed while the gateway runs, under the names the configuration has for it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, each under its configured name"
)]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HotSettings {
    /// Refuse models without a price.
    pub require_pricing: bool,
    /// Fall back to the bundled list of public prices.
    pub default_pricing: bool,
    /// Refuse a call whose body names another user than its key belongs to.
    pub reject_user_mismatch: bool,
    /// Output tokens assumed for a call that declares no maximum.
    pub budget_estimate_default_output_tokens: u32,
    pub stream_missing_usage_policy: MissingUsagePolicy,
    /// Ask providers for their models.
    pub model_discovery: bool,
    /// How long a model list counts as fresh; zero asks every time.
    pub model_cache_ttl_seconds: u32,
    /// How long one provider may take to list its models. Above zero.
    pub model_discovery_timeout_seconds: f64,
    /// How long a failed listing is remembered. Not below zero.
    pub model_discovery_negative_ttl_seconds: f64,
    /// Make attachments readable for models that cannot take them.
    pub file_understanding_enabled: bool,
    pub vision_strategy: VisionStrategy,
    /// What describes images; `None`: nothing does.
    pub vision_describe_model: Option<String>,
    /// Of one description. Above zero.
    pub vision_describe_max_tokens: u32,
}

/// A value a hot setting cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    #[error("is not a setting that can be changed while the gateway runs")]
    NotHot,
    #[error("{0}")]
    Invalid(String),
}

impl HotSettings {
    /// These settings with `key` set to `value`.
    pub fn with(&self, key: &str, value: &Value) -> Result<Self, SettingError> {
        let invalid = |error: serde_json::Error| SettingError::Invalid(error.to_string());
        let mut all = serde_json::to_value(self).map_err(invalid)?;
        let place = all.get_mut(key).ok_or(SettingError::NotHot)?;
        *place = value.clone();
        let changed: Self = serde_json::from_value(all).map_err(invalid)?;
        let out_of_range = |message: &str| Err(SettingError::Invalid(message.to_owned()));
        if changed.model_discovery_timeout_seconds <= 0.0 {
            return out_of_range("Input should be greater than 0");
        }
        if changed.model_discovery_negative_ttl_seconds < 0.0 {
            return out_of_range("Input should be greater than or equal to 0");
        }
        if changed.vision_describe_max_tokens == 0 {
            return out_of_range("Input should be greater than 0");
        }
        Ok(changed)
    }

    /// These settings under the stored ones. What is stored for others, or by another version, is passed over.
    pub(crate) fn overlaid(&self, stored: &[(String, String)]) -> Self {
        stored.iter().fold(self.clone(), |settings, (key, text)| {
            let value = serde_json::from_str(text).unwrap_or(Value::Null);
            match settings.with(key, &value) {
                Ok(changed) => changed,
                Err(SettingError::NotHot) => settings,
                Err(SettingError::Invalid(problem)) => {
                    tracing::warn!(setting = key, problem, "a stored setting is not used");
                    settings
                }
            }
        })
    }

    pub fn model_cache_ttl(&self) -> Duration {
        Duration::from_secs(u64::from(self.model_cache_ttl_seconds))
    }

    pub fn model_discovery_timeout(&self) -> Duration {
        seconds(self.model_discovery_timeout_seconds)
    }

    pub fn model_discovery_negative_ttl(&self) -> Duration {
        seconds(self.model_discovery_negative_ttl_seconds)
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[derive(Debug)]
pub struct Settings {
    /// As configured, under what is stored.
    pub(crate) configured: HotSettings,
    hot: ArcSwap<HotSettings>,
    /// `None`: no keep-alives.
    pub keepalive: Option<Duration>,
    /// 0: answers of the Responses API are not kept.
    pub responses_retention_days: u32,
    pub budgets_disabled: bool,
}

impl Settings {
    pub fn new(
        configured: HotSettings,
        keepalive: Option<Duration>,
        responses_retention_days: u32,
        budgets_disabled: bool,
    ) -> Self {
        Self {
            hot: ArcSwap::from_pointee(configured.clone()),
            configured,
            keepalive,
            responses_retention_days,
            budgets_disabled,
        }
    }

    /// The settings in force.
    pub fn hot(&self) -> arc_swap::Guard<Arc<HotSettings>> {
        self.hot.load()
    }

    pub(crate) fn set_hot(&self, hot: HotSettings) {
        self.hot.store(Arc::new(hot));
    }

    pub fn require_pricing(&self) -> bool {
        self.hot().require_pricing
    }

    pub fn reject_user_mismatch(&self) -> bool {
        self.hot().reject_user_mismatch
    }

    pub fn default_output_tokens(&self) -> i64 {
        i64::from(self.hot().budget_estimate_default_output_tokens)
    }

    pub fn missing_usage(&self) -> MissingUsagePolicy {
        self.hot().stream_missing_usage_policy
    }
}
