//! Prices for models nobody has priced: a published data set, bundled, searched by provider and model name.
//!
//! Only rates per token are ever taken from it. Routes billed by the image, the call or the minute must not ask,
//! because a name that matches would give them a rate in the wrong unit.
//!
//! Cost: the file is 0.8 MB of text inside the binary. Opening it keeps one small header per provider; a look-up
//! reads the models of the few providers it considers, which takes a tenth of a millisecond, or a few milliseconds at the largest.
//! Callers cache the answer per instance, model and hour (rates may change by date and by time of day).

mod book;
mod changes;
mod matching;
mod rates;

use std::sync::OnceLock;

use otari_types::Timestamp;

use crate::Price;
pub use book::{PriceBook, PriceBookError};
pub use changes::Change;

/// The release of the data set in `data/prices.json`.
pub const BUNDLED_VERSION: &str = "genai-prices 0.2.1";

const BUNDLED: &str = include_str!("../data/prices.json");

/// Which model is to be priced.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The name the operator gave the instance.
    pub instance: &'a str,
    /// The provider type in the catalogue.
    pub provider: &'a str,
    /// The bare model id as sent upstream.
    pub model: &'a str,
    pub at: Timestamp,
    /// False when the instance speaks a vendor's format without being that vendor, or runs on the operator's own
    /// machine: then neither the type nor the model's name may borrow a vendor's price.
    pub inherits_vendor_prices: bool,
}

/// A price from the data set, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub price: Price,
    /// Ids within the data set, not of our catalogue.
    pub provider: String,
    pub model: String,
    /// Tokens.
    pub context_window: Option<i64>,
}

impl PriceBook {
    /// The data set this binary was built with, opened on first use.
    pub fn bundled() -> &'static Self {
        static BOOK: OnceLock<PriceBook> = OnceLock::new();
        // The file is checked by a test; an unreadable one prices nothing rather than stopping the gateway.
        BOOK.get_or_init(|| Self::open(BUNDLED).unwrap_or_default())
    }

    /// Finds the price of a model: a backend pinned in the model id, the instance's own name, its provider type,
    /// whoever is known for such model names, and last the vendor inside a dotted id (`us.anthropic.claude-…`).
    pub fn lookup(&self, query: &Query<'_>) -> Option<Listed> {
        let model = query.model.trim().to_lowercase();
        if !query.inherits_vendor_prices {
            return self.lookup_by_name_alone(query, &model);
        }
        self.lookup_pinned(query, &model)
            .or_else(|| self.listed(self.provider(query.instance)?, &model, query.at))
            .or_else(|| self.listed(self.provider(query.provider)?, &model, query.at))
            .or_else(|| self.listed(self.provider_known_for(&model)?, &model, query.at))
            .or_else(|| self.lookup_dotted(&model, query.at))
    }

    /// A compatible endpoint is a vendor only if its instance is called exactly like one, and never the vendor
    /// whose format it borrows: `openai` inside `openai_compatible`.
    fn lookup_by_name_alone(&self, query: &Query<'_>, model: &str) -> Option<Listed> {
        let name = query.instance.trim().to_lowercase();
        let provider = self.provider_called(&name)?;
        (!query.provider.contains(&name)).then(|| self.listed(provider, model, query.at))?
    }

    /// `org/model:backend` at a router is billed at that backend's rates, listed as `<router>_<backend>`.
    fn lookup_pinned(&self, query: &Query<'_>, model: &str) -> Option<Listed> {
        let (model, backend) = model.rsplit_once(':')?;
        [query.provider, query.instance]
            .into_iter()
            .find_map(|router| {
                let provider =
                    self.provider_called(&format!("{}_{backend}", router.to_lowercase()))?;
                self.listed(provider, model, query.at)
            })
    }

    /// Only a word can be a vendor: the dot in `gpt-4.1` or `qwen2.5-72b` belongs to a version.
    fn lookup_dotted(&self, model: &str, at: Timestamp) -> Option<Listed> {
        model.match_indices('.').find_map(|(dot, _)| {
            let (before, after) = model.split_at_checked(dot)?;
            let rest = after.strip_prefix('.')?;
            let vendor = before.rsplit('.').next()?;
            let is_word = !vendor.is_empty()
                && vendor
                    .bytes()
                    .all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
            self.listed(is_word.then(|| self.provider(vendor))??, rest, at)
        })
    }
}

#[cfg(test)]
mod tests;
