//! Names that stand for models, of aliases and of routing policies: which ones there can be, and for what.

use otari_providers::catalog;
use otari_types::{ModelSelector, UserId};

use crate::error::ApiError;
use crate::state::App;

/// What separates the parts of a selector, and so cannot be in a name.
const SEPARATORS: [char; 2] = [':', '/'];

/// What a name is of.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Alias,
    Policy,
}

/// 400 for a name that cannot be given, to everybody or to this user.
pub(super) fn check(
    app: &App,
    kind: Kind,
    name: &str,
    user: Option<&UserId>,
) -> Result<(), ApiError> {
    let gateway = &app.gateway;
    let (aliases, policies) = (gateway.targets.aliases(), &gateway.policies);
    let (what, of_another, is_configured) = match kind {
        Kind::Alias => (
            "Alias",
            policies.has_name(name).then_some("a routing policy"),
            gateway.configured_aliases().contains_key(name),
        ),
        Kind::Policy => (
            "Routing policy",
            aliases.has_name(name).then_some("an alias"),
            policies.configured().contains_key(name),
        ),
    };
    let is_provider = gateway.targets.instances.load().contains_key(name);
    let why = if name.is_empty() || name.contains(SEPARATORS) {
        "must not be empty or contain ':' or '/'".to_owned()
    } else if let Some(another) = is_provider.then_some("a provider").or(of_another) {
        format!("is the name of {another}")
    } else if user.is_none() && is_configured {
        "is taken by the configuration; change it there".to_owned()
    } else {
        // The other half of "aliases do not chain": no target may turn into an alias afterwards.
        match (kind, aliases.name_into(name)) {
            (Kind::Alias, Some(other)) => format!("is the provider of alias '{other}'"),
            _ => return Ok(()),
        }
    };
    Err(ApiError::bad_request(format!("{what} name '{name}' {why}")))
}

/// A model that an alias or policy called `name` can stand for, or why not: names do not chain.
pub(super) fn model_at_a_provider(
    app: &App,
    name: &str,
    target: &str,
) -> Result<ModelSelector, &'static str> {
    let selector = ModelSelector::parse(target).map_err(|_| "is not of the form provider:model")?;
    let instance = selector.instance.as_str();
    let gateway = &app.gateway;
    if instance == name || gateway.targets.aliases().has_name(instance) {
        return Err("names an alias itself; aliases do not chain");
    }
    if gateway.policies.has_name(instance) {
        return Err("names a routing policy; policies do not chain");
    }
    let by_own_name = catalog::find(instance).is_some()
        && !instance.ends_with("-compatible")
        && !instance.ends_with("_compatible");
    if !by_own_name && !gateway.targets.instances.load().contains_key(instance) {
        return Err("names a provider that is neither configured nor known");
    }
    Ok(selector)
}
