//! What models cost.

use otari_types::{ModelSelector, Rate, Timestamp};
use serde_json::{Value, json};

use crate::problem::{Problem, ProblemKind, Report};
use crate::section::section;
use crate::setting::Limit::AtLeast;
use crate::setting::{Map, Reader, Setting, wrong_type};

section! {
    /// Prices.
    Pricing("Pricing") {
        /// Refuse models without a price with 402.
        require_pricing: bool = true;
        /// Fall back to the bundled list of public prices.
        default_pricing: bool = false;
        /// Prices by `instance:model`. They seed the database: a model that has a price there keeps it.
        pricing: Prices = Prices::default();
    }
}

/// The `pricing` block in file order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prices(pub Vec<PriceEntry>);

/// Rates of one model, per million units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceEntry {
    /// In canonical form, `instance:model`.
    pub model: ModelSelector,
    pub rates: PriceRates,
    pub tiers: Vec<PriceTier>,
    /// From when it holds; unset means from the first start that sees it.
    pub effective_at: Option<Timestamp>,
}

/// The five rates, each US dollars per million tokens. Of a tier, those it overrides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PriceRates {
    pub input: Option<Rate>,
    pub output: Option<Rate>,
    pub cache_read: Option<Rate>,
    pub cache_write: Option<Rate>,
    pub cache_write_1h: Option<Rate>,
}

/// Rates that hold for a whole request once its input is large enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceTier {
    pub min_input_tokens: u64,
    pub rates: PriceRates,
}

impl PriceRates {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            input: reader.optional("input_price_per_million", Some(AtLeast(0.0))),
            output: reader.optional("output_price_per_million", Some(AtLeast(0.0))),
            cache_read: reader.optional("cache_read_price_per_million", Some(AtLeast(0.0))),
            cache_write: reader.optional("cache_write_price_per_million", Some(AtLeast(0.0))),
            cache_write_1h: reader.optional("cache_write_1h_price_per_million", Some(AtLeast(0.0))),
        }
    }

    fn show(&self) -> Value {
        [
            ("input_price_per_million", self.input),
            ("output_price_per_million", self.output),
            ("cache_read_price_per_million", self.cache_read),
            ("cache_write_price_per_million", self.cache_write),
            ("cache_write_1h_price_per_million", self.cache_write_1h),
        ]
        .into_iter()
        .filter_map(|(name, rate)| rate.map(|rate| (name.to_owned(), rate.show())))
        .collect()
    }
}

impl Setting for Rate {
    const TYPE: &'static str = "a number of dollars";

    fn read(value: &Value, path: &str, report: &mut Report) -> Option<Self> {
        let read = match value {
            Value::Number(number) => Self::parse(&number.to_string()),
            Value::String(text) => Self::parse(text),
            other => return wrong_type(other, Self::TYPE, path, report),
        };
        read.map_err(|error| {
            report.problem(Problem::new(
                path,
                ProblemKind::WrongType,
                error.to_string(),
            ));
        })
        .ok()
    }

    fn show(&self) -> Value {
        Value::from(self.to_string())
    }
}

impl Setting for Timestamp {
    const TYPE: &'static str = "an ISO 8601 date and time";

    fn read(value: &Value, path: &str, report: &mut Report) -> Option<Self> {
        match value.as_str().and_then(Self::parse) {
            Some(moment) => Some(moment),
            None => wrong_type(value, Self::TYPE, path, report),
        }
    }

    fn show(&self) -> Value {
        Value::from(self.to_string())
    }
}

impl Setting for Prices {
    const TYPE: &'static str = "a mapping of `instance:model` to rates";
    const SCALAR: bool = false;

    fn read(value: &Value, path: &str, report: &mut Report) -> Option<Self> {
        let map = Map::read(value, path, report)?;
        let entries = map
            .iter()
            .filter_map(|(key, entry)| price(key, entry, path, report));
        Some(Self(entries.collect()))
    }

    fn show(&self) -> Value {
        self.0
            .iter()
            .map(|entry| {
                let mut shown = entry.rates.show();
                if let Some(shown) = shown.as_object_mut() {
                    let tiers = entry.tiers.iter().map(|tier| {
                        json!({"min_input_tokens": tier.min_input_tokens, "rates": tier.rates.show()})
                    });
                    shown.insert("pricing_tiers".to_owned(), tiers.collect());
                    shown.insert("effective_at".to_owned(), entry.effective_at.show());
                }
                (entry.model.to_string(), shown)
            })
            .collect()
    }
}

fn price(key: &str, entry: &Value, path: &str, report: &mut Report) -> Option<PriceEntry> {
    let path = format!("{path}.{key}");
    let Ok(model) = ModelSelector::parse(key) else {
        let problem = Problem::new(&path, ProblemKind::InvalidName, "expected `instance:model`");
        report.problem(problem);
        return None;
    };
    let map = Map::read(entry, &path, report)?;
    let mut reader = Reader::new(&map, &path, report);
    for name in ["input_price_per_million", "output_price_per_million"] {
        reader.required::<Value>(name, None);
    }
    let rates = PriceRates::read(&mut reader);
    let effective_at = reader.optional("effective_at", None);
    let tiers = reader
        .optional::<Vec<Value>>("pricing_tiers", None)
        .unwrap_or_default();
    let tiers_path = reader.path("pricing_tiers");
    reader.warn_of_unknown_keys();
    let tiers = read_tiers(&tiers, &tiers_path, report);
    Some(PriceEntry {
        model,
        rates,
        tiers,
        effective_at,
    })
}

fn read_tiers(tiers: &[Value], path: &str, report: &mut Report) -> Vec<PriceTier> {
    let mut read: Vec<PriceTier> = Vec::new();
    for (index, tier) in tiers.iter().enumerate() {
        let path = format!("{path}[{index}]");
        let Some(map) = Map::read(tier, &path, report) else {
            continue;
        };
        let mut reader = Reader::new(&map, &path, report);
        let threshold = reader.required::<u64>("min_input_tokens", Some(AtLeast(1.0)));
        let rates = PriceRates::read(&mut reader);
        reader.warn_of_unknown_keys();
        if rates == PriceRates::default() {
            let message = "overrides no rate";
            report.problem(Problem::new(&path, ProblemKind::Missing, message));
        }
        let Some(min_input_tokens) = threshold else {
            continue;
        };
        if read
            .iter()
            .any(|tier| tier.min_input_tokens == min_input_tokens)
        {
            let message = "another tier has the same `min_input_tokens`";
            report.problem(Problem::new(&path, ProblemKind::Conflict, message));
        }
        read.push(PriceTier {
            min_input_tokens,
            rates,
        });
    }
    read
}
