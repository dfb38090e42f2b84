//! Second step: which provider and model will be tried, in which order.

use std::sync::Arc;

use otari_providers::Instance;

use crate::error::GatewayError;
use crate::target::Target;

/// The attempts of one call, first to last.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) attempts: Vec<Attempt>,
}

/// One try: an instance and the model to ask it for.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) instance: Arc<Instance>,
    pub(crate) target: Arc<Target>,
}

pub(crate) fn plan(target: &Arc<Target>) -> Result<Plan, GatewayError> {
    match &target.instance {
        Some(instance) => Ok(Plan {
            attempts: vec![Attempt {
                instance: Arc::clone(instance),
                target: Arc::clone(target),
            }],
        }),
        None => Err(GatewayError::UnknownModel(format!(
            "Model '{}' cannot be resolved: use provider:model with a configured provider, or an alias. \
             GET /v1/models lists what is available.",
            target.requested
        ))),
    }
}
