//! What the configuration alone says, for the command line.

use std::sync::Arc;

use otari_config::Config;
use otari_gateway::{Explanation, Simulated, explain_configured};
use otari_types::{Clock, SystemClock};

use crate::compose::{ComposeError, instances, unusable_instances};

/// Parts that cannot work as configured, each of which would end a start.
pub fn configured_problems(config: &Config) -> Vec<ComposeError> {
    unusable_instances(config)
}

/// What the configured policies would do, by name; only the one called `name` where one is given. Stored policies and
/// the state of providers are not known here.
pub fn explain_policies(
    config: &Config,
    name: Option<&str>,
    simulated: &Simulated,
) -> Result<Vec<(String, Explanation)>, ComposeError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let instances = instances(config, &clock)?;
    let is_served = |instance: &str| instances.contains_key(instance);
    let specs = config.routing.routing.specs().into_iter();
    let asked = specs.filter(|(policy, _)| name.is_none_or(|name| name == policy));
    Ok(asked
        .map(|(policy, spec)| (policy, explain_configured(&spec, simulated, &is_served)))
        .collect())
}
