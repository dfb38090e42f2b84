//! What a model takes in: by the operator's word for it, else by what is known of it and of its provider.

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
                && !reads_text_only(&target.model)
        };
        let pdf = said.pdf.unwrap_or_else(|| known(Capability::Pdf));
        Self {
            image: said.image.unwrap_or_else(|| known(Capability::Vision)),
            pdf,
            office: pdf && takes_office(target, surface),
        }
    }
}

/// Families of models that take nothing but text wherever they are served, by how their names begin. From their makers'
/// model cards; what is not in here is judged by its provider.
const TEXT_ONLY: &[&str] = &[
    "codestral",
    "command-r",
    "deepseek-chat",
    "deepseek-coder",
    "deepseek-r1",
    "deepseek-reasoner",
    "deepseek-v3",
    "devstral-small-2505",
    "devstral-small-2507",
    "glm-4.5-air",
    "glm-4.6",
    "gpt-3.5",
    "gpt-4-0613",
    "gpt-oss",
    "kimi-k2-instruct",
    "llama-3.1",
    "llama-3.3",
    "llama3.1",
    "llama3.3",
    "meta-llama-3.1",
    "meta-llama-3.3",
    "ministral-8b-2410",
    "mistral-7b",
    "mistral-large-2407",
    "mistral-large-2411",
    "mistral-nemo",
    "mixtral",
    "o1-mini",
    "o3-mini",
    "open-mistral",
    "phi-4-mini-instruct",
    "qwen2.5-coder",
    "qwen3-coder",
    "qwq",
];
/// Words in the names of those that see after all.
const SEES: &[&str] = &["vision", "-vl", "omni"];

fn reads_text_only(model: &str) -> bool {
    let model = model.to_ascii_lowercase();
    // Routers put the maker in front: `meta-llama/llama-3.3-70b`, `openai/gpt-oss-20b`.
    let name = model.rsplit('/').next().unwrap_or_default();
    // `glm-4.6v` is another model than `glm-4.6`.
    let begins = |family: &str| {
        let rest = name.strip_prefix(family);
        rest.is_some_and(|rest| !rest.starts_with('v'))
    };
    TEXT_ONLY.iter().any(|family| begins(family)) && !SEES.iter().any(|word| name.contains(word))
}

/// These formats have no other documents than PDF and text; elsewhere it is the provider's to refuse one.
fn takes_office(target: &Target, surface: Surface) -> bool {
    let route = target
        .instance
        .as_ref()
        .map(|instance| route(surface, instance));
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
    let provider = target
        .instance
        .as_ref()
        .map(|instance| instance.provider.id);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_that_see_nothing_are_known_by_their_family() {
        for model in [
            "gpt-3.5-turbo",
            "openai/gpt-oss-120b",
            "accounts/fireworks/models/deepseek-v3p1",
            "Llama-3.3-70B-Instruct",
            "glm-4.6",
            "o3-mini",
        ] {
            assert!(reads_text_only(model), "{model}");
        }
        for model in [
            "gpt-4o",
            "o3",
            "llama-3.2-90b-vision-preview",
            "llama-4-scout",
            "qwen3-vl-235b",
            "glm-4.6v",
            "deepseek-vl2",
            "claude-sonnet-5",
            "",
        ] {
            assert!(!reads_text_only(model), "{model}");
        }
    }
}
