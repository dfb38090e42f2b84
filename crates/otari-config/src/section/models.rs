//! Which models are offered, and what is known about them.

use crate::section::section;
use crate::setting::Limit::{Above, AtLeast};
use crate::setting::Map;

section! {
    /// Model list and metadata.
    Models("Models") {
        /// Ask providers for their models.
        model_discovery: bool = true;
        /// Seconds a model list is kept and the interval of refreshes; 0 for no cache.
        model_cache_ttl_seconds: u32 = 300;
        /// Seconds a provider may take to list its models.
        model_discovery_timeout_seconds: f64 = 10.0 => Above(0.0);
        /// Seconds a failed listing is remembered.
        model_discovery_negative_ttl_seconds: f64 = 30.0 => AtLeast(0.0);
        /// Fetch the models.dev catalogue for names and context sizes.
        models_dev_metadata: bool = true;
        /// Seconds the models.dev catalogue is kept.
        models_dev_cache_ttl_seconds: u32 = 86_400;
        /// What a model can take in, by model: `{supports_image, supports_pdf}`.
        model_capabilities: Map = Map::new();
    }
}
