//! Guardrails: checks of what goes to a model and of what comes back.
//!
//! A call's checks are those its caller asks for, made stricter by those the operator demands. Each names a profile;
//! behind a profile stands a service, rules in this process, a provider's moderation, or a model that is asked.

mod document;
mod entry;
mod judge;
mod likeness;
mod listed;
mod merge;
mod moderation;
mod output;
mod profile;
mod remote;
mod results;
mod rules;
mod screen;
mod trial;
mod verdict;
mod window;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use otari_config::{GuardrailSpec, ProfileSpec};
use otari_tools::url_guard::{UrlGuard, UrlPolicy};
use otari_tools::{GuardedClient, Refusal};

use crate::encoder::SharedEncoder;
use crate::error::GatewayError;

pub use listed::{ListedProfile, ListedProfiles};
pub use trial::{GuardrailTrial, TrialError};
pub use verdict::{Blocked, Violation};

pub(crate) use entry::{Entry, entries};
pub(crate) use output::OutputChecks;
pub(crate) use results::{ResultChecks, WITHHELD};
pub(crate) use screen::{AnswerChecks, Asker, Screen, Screened};
pub(crate) use verdict::{Told, header};
pub(crate) use window::Window;

use merge::merged;
use profile::{Check, Means, configured};

const CONNECT_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// What the operator configured.
#[derive(Clone, Debug, Default)]
pub struct GuardrailOptions {
    /// The service behind profiles that nothing else stands behind.
    pub url: Option<String>,
    /// Callers may name services on this host and in private networks.
    pub allow_private_hosts: bool,
    /// Demanded of every generation.
    pub mandates: Vec<GuardrailSpec>,
    pub profiles: BTreeMap<String, ProfileSpec>,
    /// The installed encoder.
    pub encoder: Option<PathBuf>,
}

/// Every guardrail there is.
pub(crate) struct Guardrails {
    configured: Option<String>,
    specs: BTreeMap<String, ProfileSpec>,
    mandates: Vec<GuardrailSpec>,
    behind: ArcSwap<Behind>,
    pub(crate) encoder: Arc<SharedEncoder>,
    /// For addresses of the operator's.
    trusted: GuardedClient,
    /// For addresses of callers'.
    guarded: GuardedClient,
}

/// Who stands behind the profiles, as long as the service stays where it is.
#[derive(Default)]
struct Behind {
    service: Option<String>,
    profiles: HashMap<String, Means>,
}

/// The stored setting that goes before the configured address.
const SERVICE_SETTING: &str = "guardrails_url";

impl Guardrails {
    pub(crate) fn new(options: GuardrailOptions) -> Self {
        let GuardrailOptions {
            url,
            allow_private_hosts,
            mandates,
            profiles,
            encoder,
        } = options;
        let operator = UrlGuard::new(UrlPolicy::operator());
        let callers = UrlGuard::new(if allow_private_hosts {
            UrlPolicy::operator()
        } else {
            UrlPolicy::default()
        });
        let guardrails = Self {
            configured: url.filter(|url| !url.trim().is_empty()),
            specs: profiles,
            mandates,
            behind: ArcSwap::default(),
            encoder: Arc::new(SharedEncoder::new(encoder)),
            trusted: GuardedClient::new(operator, CONNECT_TIMEOUT),
            guarded: GuardedClient::new(callers, CONNECT_TIMEOUT),
        };
        guardrails.apply(&[]);
        guardrails
    }

    /// Takes the stored address of the service into force, or the configured one where none is stored.
    pub(crate) fn apply(&self, stored: &[(String, String)]) {
        let stored = stored.iter().find(|(key, _)| key == SERVICE_SETTING);
        let stored = stored.and_then(|(_, text)| serde_json::from_str::<Option<String>>(text).ok());
        let service = stored.flatten().or_else(|| self.configured.clone());
        if self.behind.load().service == service && service.is_some() {
            return;
        }
        let profiles = self.specs.iter().map(|(name, spec)| {
            let means = configured(name, spec.clone(), service.as_deref());
            (name.clone(), means)
        });
        let profiles = profiles.collect();
        self.behind.store(Arc::new(Behind { service, profiles }));
    }

    /// The address of the service in force.
    pub(crate) fn service(&self) -> Option<String> {
        self.behind.load().service.clone()
    }

    /// The checks of one call, or why one of them cannot be asked for. Every address is checked, whatever the entry is
    /// for.
    pub(crate) async fn screen(
        &self,
        asked: &[Entry],
        of_policy: &[GuardrailSpec],
    ) -> Result<Screen, GatewayError> {
        if asked.is_empty() && of_policy.is_empty() && self.mandates.is_empty() {
            return Ok(Screen::default());
        }
        let entries = merged(asked, self.mandates.iter().chain(of_policy));
        let mut checks = Vec::with_capacity(entries.len());
        for entry in entries {
            let means = self.means(&entry).await?;
            checks.push(Check { entry, means });
        }
        Ok(Screen::new(&checks))
    }

    async fn means(&self, entry: &Entry) -> Result<Means, GatewayError> {
        if let Some(url) = &entry.url {
            let trusted = entry.url_is_operators || self.is_own(url);
            if !trusted {
                let checked = self.guarded.guard().check_resolved(url).await;
                checked.map_err(|refusal| refused(entry, &refusal))?;
            }
            return Ok(Means::Remote {
                url: url.clone(),
                trusted,
                scope: None,
            });
        }
        let behind = self.behind.load();
        if let Some(means) = behind.profiles.get(&entry.profile) {
            return Ok(means.clone());
        }
        Means::unconfigured(entry, behind.service.as_deref())
    }

    /// The operator's own service stays reachable when a caller writes its address out.
    fn is_own(&self, url: &str) -> bool {
        let given = url.trim_end_matches('/');
        let behind = self.behind.load();
        let service = behind.service.as_deref();
        service.map(|own| own.trim_end_matches('/')) == Some(given)
    }

    fn client(&self, trusted: bool) -> &GuardedClient {
        if trusted {
            &self.trusted
        } else {
            &self.guarded
        }
    }
}

fn refused(entry: &Entry, refusal: &Refusal) -> GatewayError {
    GatewayError::InvalidRequest(format!(
        "the url of guardrail '{}' cannot be used: {refusal}",
        entry.profile
    ))
}

impl fmt::Debug for Guardrails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Patterns and addresses are the operator's.
        f.debug_struct("Guardrails")
            .field("mandates", &self.mandates.len())
            .field("profiles", &self.specs.len())
            .finish_non_exhaustive()
    }
}
