//! The price of a model: five rates, and tiers that replace some of them for long prompts.

use std::collections::BTreeSet;

use otari_types::Rate;
use serde::{Deserialize, Deserializer, Serialize};

/// What a model costs, in dollars per million tokens, under the member names of the pricing API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    #[serde(rename = "input_price_per_million")]
    pub input: Rate,
    #[serde(rename = "output_price_per_million")]
    pub output: Rate,
    /// Absent: cached tokens cost what fresh input costs.
    #[serde(rename = "cache_read_price_per_million", default)]
    pub cache_read: Option<Rate>,
    #[serde(rename = "cache_write_price_per_million", default)]
    pub cache_write: Option<Rate>,
    /// Absent: writes with a one-hour lifetime cost what five-minute writes cost.
    #[serde(rename = "cache_write_1h_price_per_million", default)]
    pub cache_write_1h: Option<Rate>,
    #[serde(
        rename = "pricing_tiers",
        default,
        deserialize_with = "null_is_no_tiers"
    )]
    pub tiers: Vec<Tier>,
}

/// Rates for requests whose whole input reaches a threshold; a rate it leaves out stays as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// Counts all input tokens, cached ones included.
    pub min_input_tokens: i64,
    #[serde(rename = "input_price_per_million", default)]
    pub input: Option<Rate>,
    #[serde(rename = "output_price_per_million", default)]
    pub output: Option<Rate>,
    #[serde(rename = "cache_read_price_per_million", default)]
    pub cache_read: Option<Rate>,
    #[serde(rename = "cache_write_price_per_million", default)]
    pub cache_write: Option<Rate>,
    #[serde(rename = "cache_write_1h_price_per_million", default)]
    pub cache_write_1h: Option<Rate>,
}

/// The rates that hold for one request, tier applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    pub input: Rate,
    pub output: Rate,
    pub cache_read: Option<Rate>,
    pub cache_write: Option<Rate>,
    /// Already falls back to `cache_write`.
    pub cache_write_1h: Option<Rate>,
}

/// One thing wrong with a price, naming the member as the API does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PriceProblem {
    #[error("{member} must not be negative")]
    NegativeRate { member: &'static str },
    #[error("pricing_tiers[{tier}].{member} must not be negative")]
    NegativeTierRate { tier: usize, member: &'static str },
    #[error("pricing_tiers[{tier}].min_input_tokens must be greater than 0")]
    Threshold { tier: usize },
    #[error("pricing_tiers[{tier}] must set at least one rate")]
    EmptyTier { tier: usize },
    #[error("pricing_tiers[{tier}].min_input_tokens repeats {threshold}")]
    RepeatedThreshold { tier: usize, threshold: i64 },
}

const MEMBERS: [&str; 5] = [
    "input_price_per_million",
    "output_price_per_million",
    "cache_read_price_per_million",
    "cache_write_price_per_million",
    "cache_write_1h_price_per_million",
];

impl Price {
    /// The rates for a request with `total_input` tokens: the highest tier reached prices the whole request, not
    /// just the tokens beyond its threshold, because that is how providers bill long prompts.
    pub fn rates_at(&self, total_input: i64) -> Rates {
        let tier = self
            .tiers
            .iter()
            .filter(|tier| tier.min_input_tokens <= total_input)
            .max_by_key(|tier| tier.min_input_tokens);
        let pick =
            |tiered: fn(&Tier) -> Option<Rate>, base: Option<Rate>| tier.and_then(tiered).or(base);
        let cache_write = pick(|tier| tier.cache_write, self.cache_write);
        Rates {
            input: tier.and_then(|tier| tier.input).unwrap_or(self.input),
            output: tier.and_then(|tier| tier.output).unwrap_or(self.output),
            cache_read: pick(|tier| tier.cache_read, self.cache_read),
            cache_write,
            cache_write_1h: pick(|tier| tier.cache_write_1h, self.cache_write_1h).or(cache_write),
        }
    }

    /// A free model holds nothing and passes an exhausted budget, so only a price that can never charge is free:
    /// input and output at zero, and no tier or cache rate above zero.
    pub fn is_free(&self) -> bool {
        self.named_rates().all(|(_, rate)| rate <= Rate::ZERO)
            && self
                .tiers
                .iter()
                .flat_map(Tier::named_rates)
                .all(|(_, rate)| rate <= Rate::ZERO)
    }

    /// Everything wrong with this price at once.
    pub fn validate(&self) -> Result<(), Vec<PriceProblem>> {
        let mut problems: Vec<PriceProblem> = self
            .named_rates()
            .filter(|(_, rate)| *rate < Rate::ZERO)
            .map(|(member, _)| PriceProblem::NegativeRate { member })
            .collect();
        let mut thresholds = BTreeSet::new();
        for (index, tier) in self.tiers.iter().enumerate() {
            if tier.min_input_tokens <= 0 {
                problems.push(PriceProblem::Threshold { tier: index });
            } else if !thresholds.insert(tier.min_input_tokens) {
                problems.push(PriceProblem::RepeatedThreshold {
                    tier: index,
                    threshold: tier.min_input_tokens,
                });
            }
            if tier.named_rates().next().is_none() {
                problems.push(PriceProblem::EmptyTier { tier: index });
            }
            problems.extend(
                tier.named_rates()
                    .filter(|(_, rate)| *rate < Rate::ZERO)
                    .map(|(member, _)| PriceProblem::NegativeTierRate {
                        tier: index,
                        member,
                    }),
            );
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }

    fn named_rates(&self) -> impl Iterator<Item = (&'static str, Rate)> {
        named([
            Some(self.input),
            Some(self.output),
            self.cache_read,
            self.cache_write,
            self.cache_write_1h,
        ])
    }
}

impl Tier {
    fn named_rates(&self) -> impl Iterator<Item = (&'static str, Rate)> {
        named([
            self.input,
            self.output,
            self.cache_read,
            self.cache_write,
            self.cache_write_1h,
        ])
    }
}

fn named(rates: [Option<Rate>; 5]) -> impl Iterator<Item = (&'static str, Rate)> {
    MEMBERS
        .into_iter()
        .zip(rates)
        .filter_map(|(member, rate)| rate.map(|rate| (member, rate)))
}

/// Clients send `null` for "no tiers", and the database of an existing installation holds it too.
fn null_is_no_tiers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Tier>, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests;
