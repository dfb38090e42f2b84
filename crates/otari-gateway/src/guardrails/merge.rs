//! What a caller asks for and what the operator demands, as one list. A caller tightens or adds, never weakens.

use otari_config::GuardrailSpec;

use super::entry::Entry;

/// The caller's entries, in their order, then what is only demanded. Where both name a profile: one check, the
/// operator's address and options, the stricter of both modes, both directions.
pub(super) fn merged<'a>(
    asked: &[Entry],
    demanded: impl Iterator<Item = &'a GuardrailSpec>,
) -> Vec<Entry> {
    let mut mandates: Vec<Entry> = Vec::new();
    for spec in demanded {
        let mandate = Entry::from(spec);
        match mandates
            .iter_mut()
            .find(|other| other.profile == mandate.profile)
        {
            Some(other) => other.tighten(&mandate),
            None => mandates.push(mandate),
        }
    }
    if mandates.is_empty() {
        return asked.to_vec();
    }
    // The last of several entries for one profile counts.
    let mut entries: Vec<Entry> = Vec::new();
    for entry in asked {
        match entries
            .iter_mut()
            .find(|other| other.profile == entry.profile)
        {
            Some(other) => *other = entry.clone(),
            None => entries.push(entry.clone()),
        }
    }
    for mandate in mandates {
        match entries
            .iter_mut()
            .find(|entry| entry.profile == mandate.profile)
        {
            Some(entry) => {
                entry.tighten(&mandate);
                entry.url = mandate.url;
                entry.url_is_operators = true;
                entry.kwargs = mandate.kwargs;
            }
            None => entries.push(mandate),
        }
    }
    entries
}

impl Entry {
    fn tighten(&mut self, other: &Self) {
        self.mode = self.mode.max(other.mode);
        self.on_unavailable = self.on_unavailable.max(other.on_unavailable);
        for direction in &other.on {
            if !self.on.contains(direction) {
                self.on.push(*direction);
            }
        }
    }
}

impl From<&GuardrailSpec> for Entry {
    fn from(spec: &GuardrailSpec) -> Self {
        Self {
            profile: spec.profile.clone(),
            mode: spec.mode,
            on_unavailable: spec.on_unavailable,
            on: spec.on.clone(),
            url: spec.url.clone(),
            url_is_operators: true,
            kwargs: spec.validate_kwargs.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use otari_config::{Direction, GuardrailMode, OnUnavailable};
    use serde_json::json;

    use super::*;

    fn spec(value: serde_json::Value) -> GuardrailSpec {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_caller_tightens_or_adds_and_never_weakens() {
        let demanded = [
            spec(
                json!({"profile": "pii", "mode": "block", "on": ["input", "output"], "url": "http://own", "validate_kwargs": {"a": 1}}),
            ),
            spec(json!({"profile": "tone", "mode": "monitor", "on_unavailable": "monitor"})),
            spec(json!({"profile": "only", "mode": "block"})),
        ];
        let entry = |profile: &str, mode, on_unavailable, url: Option<&str>| Entry {
            profile: profile.to_owned(),
            mode,
            on_unavailable,
            on: vec![Direction::Input],
            url: url.map(str::to_owned),
            url_is_operators: false,
            kwargs: None,
        };
        let asked = [
            entry(
                "pii",
                GuardrailMode::Monitor,
                OnUnavailable::Monitor,
                Some("http://mine"),
            ),
            entry(
                "tone",
                GuardrailMode::Block,
                OnUnavailable::Block,
                Some("http://mine"),
            ),
            entry(
                "mine",
                GuardrailMode::Monitor,
                OnUnavailable::Block,
                Some("http://mine"),
            ),
            entry("pii", GuardrailMode::Monitor, OnUnavailable::Monitor, None),
        ];
        let merged = merged(&asked, demanded.iter());
        let names: Vec<&str> = merged.iter().map(|entry| entry.profile.as_str()).collect();
        assert_eq!(names, ["pii", "tone", "mine", "only"]);
        let [pii, tone, mine, only] = &merged[..] else {
            panic!()
        };
        assert_eq!(
            (pii.mode, pii.on_unavailable),
            (GuardrailMode::Block, OnUnavailable::Block)
        );
        assert_eq!(pii.on, [Direction::Input, Direction::Output]);
        assert_eq!(
            (pii.url.as_deref(), pii.url_is_operators),
            (Some("http://own"), true)
        );
        assert!(pii.kwargs.is_some());
        assert_eq!(
            (tone.mode, tone.on_unavailable),
            (GuardrailMode::Block, OnUnavailable::Block)
        );
        assert_eq!(
            tone.url, None,
            "a caller does not redirect a demanded check"
        );
        assert!(!mine.url_is_operators);
        assert_eq!(only.mode, GuardrailMode::Block);
    }

    #[test]
    fn without_a_mandate_everything_asked_for_is_checked() {
        let entry = |mode| Entry {
            mode,
            ..Entry::from(&spec(json!({"profile": "a", "mode": "block"})))
        };
        let asked = [entry(GuardrailMode::Block), entry(GuardrailMode::Monitor)];
        assert_eq!(merged(&asked, [].iter()).len(), 2);
    }
}
