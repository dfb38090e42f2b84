//! What a model takes in: by the operator's word for it, else by what is known of its provider.

use std::collections::HashMap;

use otari_providers::Capability;
use otari_translate::{Surface, Wire};

use crate::dispatch::route;
use crate::target::Target;

/// What the operator says of a model. `None`: nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Takes {
    pub image: Option<bool>,
    pub pdf: Option<bool>,
}

/// What a target takes as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ability {
    pub(super) image: bool,
    pub(super) pdf: bool,
    /// Documents of other formats too.
    pub(super) office: bool,
}

impl Ability {
    pub(super) fn of(target: &Target, surface: Surface, takes: &HashMap<String, Takes>) -> Self {
        let said = said(target, takes);
        let provider = target.instance.as_ref().map(|instance| instance.provider);
        // Which of a model server's models see is known to who installed them.
        let known = |capability| {
            provider.is_some_and(|provider| !provider.serves_any_model && provider.can(capability))
        };
        let pdf = said.pdf.unwrap_or_else(|| known(Capability::Pdf));
        Self {
            image: said.image.unwrap_or_else(|| known(Capability::Vision)),
            pdf,
            office: pdf && takes_office(target, surface),
        }
    }

    /// Takes whatever may come inline.
    pub(super) fn is_full(self) -> bool {
        self.image && self.pdf && self.office
    }
}

/// These formats have no other documents than PDF and text; elsewhere it is the provider's to refuse one.
fn takes_office(target: &Target, surface: Surface) -> bool {
    let route = target.instance.as_ref().map(|instance| route(surface, instance));
    !matches!(route, Some(Ok(route)) if matches!(route.wire, Wire::Anthropic | Wire::Gemini))
}

/// The most exact name says it; what it leaves open the next one does.
fn said(target: &Target, takes: &HashMap<String, Takes>) -> Takes {
    let mut said = Takes::default();
    if takes.is_empty() {
        return said;
    }
    let model = &target.model;
    let instance = target.instance_name.as_deref();
    let provider = target.instance.as_ref().map(|instance| instance.provider.id);
    let owners = [instance, provider].into_iter().flatten();
    let mut names: Vec<String> = owners
        .flat_map(|owner| [format!("{owner}:{model}"), format!("{owner}/{model}")])
        .collect();
    names.push(model.clone());
    for given in names.iter().filter_map(|name| takes.get(name)) {
        said.image = said.image.or(given.image);
        said.pdf = said.pdf.or(given.pdf);
    }
    said
}
