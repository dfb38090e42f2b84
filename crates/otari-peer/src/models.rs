//! From a model's name to the attempts that serve it.

use axum::http::StatusCode;
use otari_platform::ResolveRequest;

use crate::config::{Credential, PeerConfig, Rates, User};
use crate::refusal::Refusal;

/// A model of a provider.
#[derive(Debug)]
pub(crate) struct Served<'a> {
    /// The entry under `providers`.
    pub(crate) name: &'a str,
    pub(crate) credential: &'a Credential,
    pub(crate) model: &'a str,
}

impl PeerConfig {
    /// What `asked` is served by for `user`, in the order it is tried; never empty.
    pub(crate) fn served<'a>(
        &'a self,
        user: &User,
        asked: &'a ResolveRequest,
    ) -> Result<Vec<Served<'a>>, Refusal> {
        let ResolveRequest { provider, model } = asked;
        let named = match provider {
            Some(provider) => format!("{provider}:{model}"),
            None => model.clone(),
        };
        let listed = self.models.get(&named).filter(|_| provider.is_none());
        let served: Option<Vec<Served<'_>>> = match (listed, provider) {
            (Some(models), _) => models
                .iter()
                .map(|model| {
                    let (provider, model) = otari_platform::split_selector(model);
                    self.one(provider?, model)
                })
                .collect(),
            (None, Some(provider)) => self.one(provider, model).map(|one| vec![one]),
            (None, None) => None,
        };
        if !user.may_use(&named) {
            let detail = format!("Model '{named}' is not permitted for this token");
            return Err(Refusal::new(StatusCode::FORBIDDEN, detail));
        }
        served.ok_or_else(|| {
            let detail = format!(
                "Model '{named}' is not known here: use provider:model, or one of the platform's own names"
            );
            Refusal::new(StatusCode::NOT_FOUND, detail)
        })
    }

    fn one<'a>(&'a self, provider: &str, model: &'a str) -> Option<Served<'a>> {
        let (name, credential) = self.providers.get_key_value(provider)?;
        let models = credential.models.as_ref();
        let is_offered = models.is_none_or(|models| models.iter().any(|one| one == model));
        is_offered.then_some(Served {
            name,
            credential,
            model,
        })
    }

    /// What a model of a provider entry costs.
    pub(crate) fn rates(&self, name: &str, model: &str) -> Option<&Rates> {
        let exact = self.prices.get(&format!("{name}:{model}"));
        exact.or_else(|| self.prices.get(&format!("{name}:*")))
    }
}

impl User {
    fn may_use(&self, named: &str) -> bool {
        let Some(allowed) = &self.allowed_models else {
            return true;
        };
        allowed.iter().any(|entry| match entry.strip_suffix('*') {
            Some(prefix) => named.starts_with(prefix),
            None => entry == named,
        })
    }
}
