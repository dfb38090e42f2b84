//! The data set as text with an index: providers are known, their models are read when asked for.

use std::borrow::Cow;
use std::ops::Range;

use otari_types::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Listed;
use super::matching::{Rule, with_dashed_dates};
use super::rates::ModelPrices;

/// A price data set, bundled or fetched. Holds the text and an index of its providers, not the tree.
#[derive(Debug, Default)]
pub struct PriceBook {
    text: Cow<'static, str>,
    providers: Vec<ProviderEntry>,
}

/// Why a price data set cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PriceBookError {
    #[error("the price data is not in the expected format: {0}")]
    Format(#[from] serde_json::Error),
    #[error("the price data lists no providers")]
    Empty,
}

/// A provider's header; `models` is where its models are in the text.
#[derive(Debug)]
pub(super) struct ProviderEntry {
    id: String,
    provider_match: Option<Rule>,
    model_match: Option<Rule>,
    fallbacks: Vec<String>,
    pricing_urls: Vec<String>,
    models: Range<usize>,
}

#[derive(Deserialize)]
struct ProviderRow<'a> {
    id: String,
    #[serde(default)]
    provider_match: Option<Rule>,
    #[serde(default)]
    model_match: Option<Rule>,
    #[serde(default)]
    fallback_model_providers: Vec<String>,
    #[serde(default)]
    pricing_urls: Vec<String>,
    #[serde(borrow)]
    models: &'a RawValue,
}

#[derive(Deserialize)]
struct ModelRow<'a> {
    id: Cow<'a, str>,
    #[serde(rename = "match")]
    rule: Rule,
    #[serde(default)]
    context_window: Option<i64>,
    #[serde(borrow)]
    prices: &'a RawValue,
}

impl PriceBook {
    /// Indexes a data set in the published format. The models themselves are checked by [`PriceBook::check`].
    pub fn open(text: impl Into<Cow<'static, str>>) -> Result<Self, PriceBookError> {
        let text = text.into();
        let rows: Vec<ProviderRow<'_>> = serde_json::from_str(&text)?;
        if rows.is_empty() {
            return Err(PriceBookError::Empty);
        }
        let base = text.as_ptr().addr();
        let providers = rows
            .into_iter()
            .map(|row| {
                // `models` borrows from `text`, so this is its place in it.
                let start = row.models.get().as_ptr().addr() - base;
                ProviderEntry {
                    id: row.id.to_lowercase(),
                    provider_match: row.provider_match,
                    model_match: row.model_match,
                    fallbacks: row.fallback_model_providers,
                    pricing_urls: row.pricing_urls,
                    models: start..start + row.models.get().len(),
                }
            })
            .collect();
        Ok(Self { text, providers })
    }

    /// Reads every model once, so that a fetched data set is refused as a whole or accepted as a whole.
    /// Returns how many models it lists.
    pub fn check(&self) -> Result<usize, PriceBookError> {
        let mut count = 0;
        self.for_each_model(|_, _, prices| {
            serde_json::from_str::<ModelPrices>(prices)?;
            count += 1;
            Ok(())
        })?;
        Ok(count)
    }

    /// Visits provider id, model id and the JSON of its rates.
    pub(super) fn for_each_model(
        &self,
        mut visit: impl FnMut(&str, &str, &str) -> Result<(), serde_json::Error>,
    ) -> Result<(), PriceBookError> {
        for provider in &self.providers {
            for model in self.models(provider)? {
                visit(&provider.id, &model.id, model.prices.get())?;
            }
        }
        Ok(())
    }

    /// Where the provider of that name publishes its prices; empty for an unknown one.
    pub fn pricing_urls(&self, provider: &str) -> &[String] {
        self.provider(provider)
            .map_or(&[], |provider| &provider.pricing_urls)
    }

    /// A provider by its exact id.
    pub(super) fn provider_called(&self, id: &str) -> Option<&ProviderEntry> {
        self.providers.iter().find(|provider| provider.id == id)
    }

    /// A provider by id, else the first that claims the name by its own rule (`bedrock` is `aws`).
    pub(super) fn provider(&self, name: &str) -> Option<&ProviderEntry> {
        let name = name.trim().to_lowercase();
        self.provider_called(&name)
            .or_else(|| self.first_matching(|provider| provider.provider_match.as_ref(), &name))
    }

    /// The first provider whose rule claims models of that name.
    pub(super) fn provider_known_for(&self, model: &str) -> Option<&ProviderEntry> {
        self.first_matching(|provider| provider.model_match.as_ref(), model)
    }

    fn first_matching(
        &self,
        rule: fn(&ProviderEntry) -> Option<&Rule>,
        name: &str,
    ) -> Option<&ProviderEntry> {
        self.providers
            .iter()
            .find(|provider| rule(provider).is_some_and(|rule| rule.matches(name)))
    }

    /// A model's price at a provider or those it resells; `model` in lower case. `None` as well when the model is
    /// listed without a rate per token.
    pub(super) fn listed(
        &self,
        provider: &ProviderEntry,
        model: &str,
        at: Timestamp,
    ) -> Option<Listed> {
        let search = |model: &str| {
            self.listed_at(provider, model, at).or_else(|| {
                provider
                    .fallbacks
                    .iter()
                    .filter_map(|id| self.provider_called(id))
                    .find_map(|fallback| self.listed_at(fallback, model, at))
            })
        };
        search(model).or_else(|| search(&with_dashed_dates(model)?))
    }

    fn listed_at(&self, provider: &ProviderEntry, model: &str, at: Timestamp) -> Option<Listed> {
        let found = self
            .models(provider)
            .ok()?
            .into_iter()
            .find(|row| row.rule.matches(model))?;
        let prices: ModelPrices = serde_json::from_str(found.prices.get()).ok()?;
        Some(Listed {
            price: prices.at(at, &found.id)?,
            provider: provider.id.clone(),
            model: found.id.into_owned(),
            context_window: found.context_window,
        })
    }

    fn models(&self, provider: &ProviderEntry) -> Result<Vec<ModelRow<'_>>, serde_json::Error> {
        serde_json::from_str(self.text.get(provider.models.clone()).unwrap_or("[]"))
    }
}
