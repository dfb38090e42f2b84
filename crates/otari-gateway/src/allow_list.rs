//! Which models a key may use: exact selectors, `instance:*`, or a trailing glob.

/// A list of patterns on canonical `instance:model` selectors. An empty list permits nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowList(Vec<String>);

impl AllowList {
    pub fn new(entries: Vec<String>) -> Self {
        Self(entries)
    }

    pub fn permits(&self, selector: &str) -> bool {
        self.0.iter().any(|entry| entry_permits(entry, selector))
    }

    /// Whether everything this list permits is permitted by `wider`: a key may only narrow its owner's list.
    pub fn is_within(&self, wider: &Self) -> bool {
        self.0.iter().all(|entry| {
            wider.0.iter().any(
                |outer| match (entry.strip_suffix('*'), outer.strip_suffix('*')) {
                    (Some(inner), Some(outer)) => inner.starts_with(outer),
                    (Some(_), None) => false,
                    (None, _) => entry_permits(outer, entry),
                },
            )
        })
    }
}

fn entry_permits(entry: &str, selector: &str) -> bool {
    match entry.strip_suffix('*') {
        Some(prefix) => selector.starts_with(prefix),
        None => entry == selector,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[&str]) -> AllowList {
        AllowList::new(entries.iter().map(|e| (*e).to_owned()).collect())
    }

    #[test]
    fn exact_whole_instance_and_prefix_entries() {
        let allowed = list(&["openai:gpt-5", "lab:*", "groq:llama*"]);
        for (selector, expected) in [
            ("openai:gpt-5", true),
            ("openai:gpt-5-mini", false),
            ("lab:anything", true),
            ("groq:llama-3", true),
            ("groq:mixtral", false),
        ] {
            assert_eq!(allowed.permits(selector), expected, "{selector}");
        }
        assert!(!list(&[]).permits("openai:gpt-5"));
    }

    #[test]
    fn a_narrower_list_is_within_a_wider_one() {
        let wider = list(&["openai:*", "lab:a"]);
        assert!(list(&["openai:gpt*", "lab:a", "openai:*"]).is_within(&wider));
        assert!(list(&[]).is_within(&wider));
        assert!(!list(&["lab:*"]).is_within(&wider));
        assert!(!list(&["groq:x"]).is_within(&wider));
    }
}
