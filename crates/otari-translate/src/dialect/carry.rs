//! What becomes of members that have no neutral form, and of values a dialect has no place for.

use crate::call::{Call, Unknown};
use crate::error::TranslateError;
use crate::json::{Object, Raw};
use crate::route::{Path, Wire, path};

use super::Target;

type Result<T> = std::result::Result<T, TranslateError>;

/// Members that say how a provider should store, label or cache a call. The answer is the same without them, so a
/// provider that has no place for them is none the worse.
const HARMLESS: &[&str] = &[
    "cache_control",
    "client_metadata",
    "context_management",
    "include",
    "inference_geo",
    "labels",
    "metadata",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safetySettings",
    "safety_identifier",
    "safety_settings",
    "store",
    "stream_options",
    "top_logprobs",
    "truncation",
];

/// Whether the call came in the very format of `wire`, so that what only that format knows can be carried.
pub(super) fn is_native(call: &Call, wire: Wire) -> bool {
    path(call.surface, wire) == Path::Verbatim
}

/// Carries the members without a neutral form: into a body of their own format as they are, `shared` ones too, and
/// otherwise only if nothing is lost.
pub(super) fn extra(
    call: &Call,
    wire: Wire,
    shared: &[&str],
    target: &Target<'_>,
    body: &mut Object,
) -> Result<()> {
    if is_native(call, wire) {
        for (name, raw) in &call.extra {
            body.set(name.clone(), raw);
        }
        return Ok(());
    }
    extra_of(call, shared, target, body)
}

/// Carries `shared` members as they are, and refuses others unless nothing is lost.
pub(super) fn extra_of(
    call: &Call,
    shared: &[&str],
    target: &Target<'_>,
    body: &mut Object,
) -> Result<()> {
    for (name, raw) in &call.extra {
        if shared.contains(&name.as_str()) {
            body.set(name.clone(), raw);
        } else if !HARMLESS.contains(&name.as_str()) && !is_default(name, raw) {
            refuse(name, target)?;
        }
    }
    Ok(())
}

/// Text alone is what everyone answers with.
fn is_default(name: &str, raw: &Raw) -> bool {
    let kinds: Option<Vec<String>> = serde_json::from_str(raw.get()).ok();
    name == "modalities" && kinds.is_some_and(|kinds| kinds == ["text"])
}

/// Refuses a member of the call, unless what cannot be carried is to be left out.
pub(super) fn refuse(member: &str, target: &Target<'_>) -> Result<()> {
    if target.drop_unsupported {
        return Ok(());
    }
    Err(unsupported(member))
}

/// Refuses the member where it was given and would have made a difference.
pub(super) fn refuse_if(given: bool, member: &str, target: &Target<'_>) -> Result<()> {
    if given {
        refuse(member, target)
    } else {
        Ok(())
    }
}

pub(super) fn unsupported(member: &str) -> TranslateError {
    TranslateError::Unsupported {
        member: member.to_owned(),
    }
}

/// The raw form of a block or tool of this wire's own.
pub(super) fn own(unknown: &Unknown, wire: Wire) -> Result<&Raw> {
    if unknown.wire == wire {
        Ok(&unknown.raw)
    } else {
        Err(unsupported(&unknown.loc))
    }
}

/// A penalty that is there and not zero: clients send zeros by default.
pub(super) fn is_set(penalty: Option<f64>) -> bool {
    penalty.is_some_and(|value| value != 0.0)
}
