//! Checking a list of permitted models before it is stored.

use otari_config::section::tools::SearchProvider;
use otari_gateway::{AllowList, Gateway};
use otari_providers::catalog;

use crate::error::ApiError;

/// Refuses entries that could never match, or that match less than they seem to.
pub(crate) fn check(gateway: &Gateway, entries: &[String]) -> Result<(), ApiError> {
    entries
        .iter()
        .try_for_each(|entry| check_entry(gateway, entry))
}

/// A key's list may only narrow its owner's.
pub(crate) fn check_within(key: &[String], owner: Option<&[String]>) -> Result<(), ApiError> {
    let Some(owner) = owner else { return Ok(()) };
    let within = AllowList::new(key.to_vec()).is_within(&AllowList::new(owner.to_vec()));
    if within {
        return Ok(());
    }
    Err(ApiError::bad_request(
        "allowed_models of a key must be within the allowed_models of its user; widen the user's list first",
    ))
}

fn check_entry(gateway: &Gateway, entry: &str) -> Result<(), ApiError> {
    let refuse = |why: &str| {
        Err(ApiError::bad_request(format!(
            "allowed_models entry '{entry}' {why}"
        )))
    };
    if gateway.targets.aliases().has_name(entry) {
        return refuse("is an alias; name the model it stands for as provider:model");
    }
    let Some((instance, model)) = entry.split_once(':') else {
        return refuse("is not of the form provider:model, provider:* or provider:prefix*");
    };
    if instance.is_empty() || model.is_empty() || instance.contains('*') {
        return refuse("is not of the form provider:model, provider:* or provider:prefix*");
    }
    if model.strip_suffix('*').unwrap_or(model).contains('*') {
        return refuse("may have one '*', at its end");
    }
    let known = gateway.targets.instances.load().contains_key(instance)
        || catalog::find(instance).is_some()
        || SearchProvider::named(instance).is_some();
    if !known {
        return refuse("names a provider that is neither configured nor known");
    }
    Ok(())
}
