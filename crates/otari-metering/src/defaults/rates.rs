//! The rates of one listed model: plain or tiered, constant or changing with date and time of day.

use otari_types::{Rate, Timestamp};
use serde::Deserialize;

use crate::{Price, Tier};

/// One set of rates, or several of which the last that applies counts.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum ModelPrices {
    Conditional(Vec<ConditionalRates>),
    Constant(Box<ListedRates>),
}

#[derive(Deserialize)]
pub(super) struct ConditionalRates {
    #[serde(default)]
    constraint: Option<Constraint>,
    prices: ListedRates,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Constraint {
    From {
        start_date: String,
    },
    /// UTC; the end may lie before the start, then the period spans midnight.
    Daily {
        start_time: String,
        end_time: String,
    },
}

/// Rates per million tokens; members in other units (images, minutes, searches) are only noticed.
#[derive(Default, Deserialize)]
pub(super) struct ListedRates {
    input_mtok: Option<ListedRate>,
    output_mtok: Option<ListedRate>,
    cache_read_mtok: Option<ListedRate>,
    cache_write_mtok: Option<ListedRate>,
    cache_write_1h_mtok: Option<ListedRate>,
    #[serde(flatten)]
    other_units: OtherUnits,
}

/// Whether there was any member that is not a rate per token of text.
#[derive(Default)]
struct OtherUnits {
    any: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ListedRate {
    Flat(Rate),
    Tiered { base: Rate, tiers: Vec<ListedTier> },
}

#[derive(Deserialize)]
struct ListedTier {
    /// Applies above this many input tokens, not at it.
    start: i64,
    price: Rate,
}

impl ModelPrices {
    /// The price at a moment; `None` when the model has no rate per token then.
    pub(super) fn at(&self, at: Timestamp, model: &str) -> Option<Price> {
        match self {
            Self::Constant(rates) => rates.price(model),
            Self::Conditional(periods) => periods
                .iter()
                .rev()
                .find(|period| period.constraint.as_ref().is_none_or(|rule| rule.holds(at)))?
                .prices
                .price(model),
        }
    }
}

impl Constraint {
    fn holds(&self, at: Timestamp) -> bool {
        match self {
            Self::From { start_date } => {
                Timestamp::parse(start_date).is_some_and(|start| start <= at)
            }
            Self::Daily {
                start_time,
                end_time,
            } => {
                let now = at.as_secs().rem_euclid(86_400);
                let Some((start, end)) = second_of_day(start_time).zip(second_of_day(end_time))
                else {
                    return false;
                };
                if end < start {
                    now >= start || now < end
                } else {
                    now >= start && now < end
                }
            }
        }
    }
}

/// `00:30:00Z` as seconds since midnight.
fn second_of_day(text: &str) -> Option<i64> {
    Timestamp::parse(&format!("1970-01-01T{text}"))
        .map(|moment| moment.as_secs().rem_euclid(86_400))
}

impl ListedRates {
    /// An input rate is what makes a price; output of input-only models is free.
    fn price(&self, model: &str) -> Option<Price> {
        let Some(input) = &self.input_mtok else {
            return self.is_free_of_charge(model).then(Price::default);
        };
        let base = |rate: &Option<ListedRate>| rate.as_ref().map(ListedRate::base);
        Some(Price {
            input: input.base(),
            output: base(&self.output_mtok).unwrap_or(Rate::ZERO),
            cache_read: base(&self.cache_read_mtok),
            cache_write: base(&self.cache_write_mtok),
            cache_write_1h: base(&self.cache_write_1h_mtok),
            tiers: self.tiers(),
        })
    }

    /// A model listed without any rate is free only if its very name says so. Elsewhere it means "not known", and
    /// a free model passes exhausted budgets, so this must not be guessed.
    fn is_free_of_charge(&self, model: &str) -> bool {
        let no_rate = self.output_mtok.is_none()
            && self.cache_read_mtok.is_none()
            && self.cache_write_mtok.is_none()
            && !self.other_units.any;
        no_rate && model.ends_with(":free")
    }

    /// The data set tiers each rate by itself; our tiers carry all rates that change at a threshold.
    fn tiers(&self) -> Vec<Tier> {
        let mut tiers: Vec<Tier> = Vec::new();
        let mut place = |rate: &Option<ListedRate>, set: fn(&mut Tier, Rate)| {
            for step in rate.iter().flat_map(ListedRate::steps) {
                let min_input_tokens = step.start.saturating_add(1);
                let index = tiers
                    .iter()
                    .position(|tier| tier.min_input_tokens == min_input_tokens)
                    .unwrap_or_else(|| {
                        tiers.push(Tier {
                            min_input_tokens,
                            ..Tier::default()
                        });
                        tiers.len() - 1
                    });
                if let Some(tier) = tiers.get_mut(index) {
                    set(tier, step.price);
                }
            }
        };
        place(&self.input_mtok, |tier, rate| tier.input = Some(rate));
        place(&self.output_mtok, |tier, rate| tier.output = Some(rate));
        place(&self.cache_read_mtok, |tier, rate| {
            tier.cache_read = Some(rate);
        });
        place(&self.cache_write_mtok, |tier, rate| {
            tier.cache_write = Some(rate);
        });
        place(&self.cache_write_1h_mtok, |tier, rate| {
            tier.cache_write_1h = Some(rate);
        });
        tiers.sort_by_key(|tier| tier.min_input_tokens);
        carry_forward(&mut tiers);
        tiers
    }
}

/// A higher tier that leaves a rate out keeps the one of the tier below, because each rate steps on its own.
fn carry_forward(tiers: &mut [Tier]) {
    let mut below = Tier::default();
    for tier in tiers {
        tier.input = tier.input.or(below.input);
        tier.output = tier.output.or(below.output);
        tier.cache_read = tier.cache_read.or(below.cache_read);
        tier.cache_write = tier.cache_write.or(below.cache_write);
        tier.cache_write_1h = tier.cache_write_1h.or(below.cache_write_1h);
        below = tier.clone();
    }
}

impl ListedRate {
    fn base(&self) -> Rate {
        match self {
            Self::Flat(rate) | Self::Tiered { base: rate, .. } => *rate,
        }
    }

    fn steps(&self) -> &[ListedTier] {
        match self {
            Self::Flat(_) => &[],
            Self::Tiered { tiers, .. } => tiers,
        }
    }
}

impl<'de> Deserialize<'de> for OtherUnits {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members =
            std::collections::BTreeMap::<String, serde::de::IgnoredAny>::deserialize(deserializer)?;
        Ok(Self {
            any: !members.is_empty(),
        })
    }
}
