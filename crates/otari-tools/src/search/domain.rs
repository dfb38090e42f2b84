//! Which sites results may come from.

use url::Url;

/// Allowed and blocked sites. `example.com` means itself and its subdomains, `example.com/blog` what lies under that
/// path. Blocked wins; with an empty allow-list everything else is allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DomainFilter {
    allowed: Vec<Site>,
    blocked: Vec<Site>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Site {
    host: String,
    /// Empty, or begins with a slash.
    path: String,
}

/// What no result can be on: two lists of allowed sites without one in common.
fn nowhere() -> Site {
    Site {
        host: "invalid.".to_owned(),
        path: String::new(),
    }
}

impl DomainFilter {
    /// Entries may carry a scheme, a `*.` and a path; empty ones are ignored.
    pub fn new<'a>(
        allowed: impl IntoIterator<Item = &'a str>,
        blocked: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Self {
            allowed: allowed.into_iter().filter_map(Site::read).collect(),
            blocked: blocked.into_iter().filter_map(Site::read).collect(),
        }
    }

    /// One list in which a leading `-` blocks (`search_domain_filter`).
    pub fn signed<'a>(entries: impl IntoIterator<Item = &'a str>) -> Self {
        let (blocked, allowed): (Vec<&str>, Vec<&str>) = entries
            .into_iter()
            .partition(|entry| entry.trim_start().starts_with('-'));
        let blocked = blocked.into_iter();
        Self::new(
            allowed,
            blocked.map(|entry| entry.trim_start().trim_start_matches('-')),
        )
    }

    pub fn permits(&self, url: &str) -> bool {
        if self.allowed.is_empty() && self.blocked.is_empty() {
            return true;
        }
        let Ok(url) = Url::parse(url) else {
            return false;
        };
        let on = |sites: &[Site]| sites.iter().any(|site| site.holds(&url));
        !on(&self.blocked) && (self.allowed.is_empty() || on(&self.allowed))
    }

    /// What both filters permit.
    #[must_use]
    pub fn within(mut self, outer: &Self) -> Self {
        self.blocked.extend(outer.blocked.iter().cloned());
        if outer.allowed.is_empty() {
            return self;
        }
        if self.allowed.is_empty() {
            self.allowed.clone_from(&outer.allowed);
            return self;
        }
        let pairs = self.allowed.iter().flat_map(|inner| {
            outer.allowed.iter().filter_map(move |outer| {
                let narrower = inner.lies_in(outer).then_some(inner);
                narrower.or_else(|| outer.lies_in(inner).then_some(outer))
            })
        });
        let mut common: Vec<Site> = pairs.cloned().collect();
        if common.is_empty() {
            common.push(nowhere());
        }
        self.allowed = common;
        self
    }

    pub(super) fn allowed_hosts(&self) -> impl Iterator<Item = &str> {
        self.allowed.iter().map(|site| site.host.as_str())
    }

    /// Hosts blocked as a whole.
    pub(super) fn blocked_hosts(&self) -> impl Iterator<Item = &str> {
        let whole = self.blocked.iter().filter(|site| site.path.is_empty());
        whole.map(|site| site.host.as_str())
    }
}

impl Site {
    fn read(entry: &str) -> Option<Self> {
        let entry = entry.trim();
        let entry = entry.split_once("://").map_or(entry, |(_, rest)| rest);
        let (host, path) = entry.split_once('/').unwrap_or((entry, ""));
        let host = host.strip_prefix("*.").unwrap_or(host);
        let host = host.trim_matches('.').to_lowercase();
        let path = path.trim_end_matches('/');
        (!host.is_empty()).then(|| Self {
            // Results name hosts in their ASCII form.
            host: idna::domain_to_ascii(&host).unwrap_or(host),
            path: if path.is_empty() {
                String::new()
            } else {
                format!("/{path}")
            },
        })
    }

    fn holds(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default().trim_end_matches('.');
        self.covers(host, url.path())
    }

    fn lies_in(&self, wider: &Self) -> bool {
        wider.covers(&self.host, &self.path)
    }

    fn covers(&self, host: &str, path: &str) -> bool {
        let at_host = host
            .strip_suffix(self.host.as_str())
            .is_some_and(|before| before.is_empty() || before.ends_with('.'));
        let under = path.strip_prefix(self.path.as_str()).is_some_and(|after| {
            self.path.is_empty() || after.is_empty() || after.starts_with('/')
        });
        at_host && under
    }
}
