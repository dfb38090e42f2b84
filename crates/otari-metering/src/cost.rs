//! What a call cost: measured tokens times the rates that held, summed exactly and rounded once.

use std::fmt;

use otari_types::{CacheConvention, NanoUsd, Rate, TokenUsage, write_scaled};
use serde::{Serialize, Serializer, ser};

use crate::Price;

/// What is counted on one line of a bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Meter {
    Input,
    Output,
    CacheRead,
    #[serde(rename = "cache_write_5m")]
    CacheWrite5m,
    #[serde(rename = "cache_write_1h")]
    CacheWrite1h,
}

/// One line of `pricing_breakdown`: so many units at this rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CostLine {
    pub meter: Meter,
    pub units: i64,
    /// Dollars per million units.
    #[serde(rename = "rate_per_million")]
    pub rate: Rate,
    /// Exact and unrounded, so that the lines always add up.
    pub cost: ExactUsd,
}

/// An exact amount in 1e-14 dollars: a rate times a count loses nothing here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExactUsd(pub i128);

/// What was metered, for the `billing_meters` of a usage row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BillingMeters {
    pub total_input_tokens: i64,
    /// Input billed at the plain input rate, cached tokens without a rate of their own included.
    pub fresh_input_tokens: i64,
    pub cache_read_tokens: i64,
    pub cache_write_tokens: i64,
    pub cache_write_1h_tokens: i64,
    pub completion_tokens: i64,
}

/// A settled cost with the arithmetic that led to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    pub total: NanoUsd,
    /// Lines with units only.
    pub lines: Vec<CostLine>,
    pub meters: BillingMeters,
    /// The provider reported more cached tokens than input tokens, so no discount was given. Worth a warning.
    pub cache_counts_dropped: bool,
}

impl Cost {
    /// `[{"meter","units","rate_per_million","cost"}]` as a usage row keeps it.
    pub fn breakdown_json(&self) -> String {
        to_json(&self.lines)
    }

    /// The `billing_meters` object as a usage row keeps it.
    pub fn meters_json(&self) -> String {
        to_json(&self.meters)
    }
}

/// Prices measured usage. Negative counts are taken as zero: usage is what a provider claims, and a claim must
/// never credit a budget.
pub fn cost(price: &Price, usage: &TokenUsage) -> Cost {
    let (counts, cache_counts_dropped) = Counts::of(usage);
    let rates = price.rates_at(counts.total_input);
    let write_5m = counts.cache_write - counts.cache_write_1h;
    let mut fresh = counts.total_input;
    let mut lines = Vec::with_capacity(5);
    let mut cached = |meter, units: i64, rate: Option<Rate>| {
        if let Some(rate) = rate {
            fresh -= units;
            lines.push(CostLine::new(meter, units, rate));
        }
    };
    cached(Meter::CacheRead, counts.cache_read, rates.cache_read);
    cached(Meter::CacheWrite5m, write_5m, rates.cache_write);
    cached(
        Meter::CacheWrite1h,
        counts.cache_write_1h,
        rates.cache_write_1h,
    );
    lines.insert(0, CostLine::new(Meter::Output, counts.output, rates.output));
    lines.insert(0, CostLine::new(Meter::Input, fresh, rates.input));
    lines.retain(|line| line.units > 0);
    Cost {
        total: lines.iter().map(|line| line.cost).sum::<ExactUsd>().round(),
        lines,
        meters: BillingMeters {
            total_input_tokens: counts.total_input,
            fresh_input_tokens: fresh,
            cache_read_tokens: counts.cache_read,
            cache_write_tokens: counts.cache_write,
            cache_write_1h_tokens: counts.cache_write_1h,
            completion_tokens: counts.output,
        },
        cache_counts_dropped,
    }
}

/// Prices a call of several requests to its provider, each at the rates of its own size.
pub fn cost_of_all(price: &Price, turns: &[TokenUsage]) -> Cost {
    let mut sum = Cost::default();
    for usage in turns {
        let one = cost(price, usage);
        for line in one.lines {
            let same = |known: &&mut CostLine| known.meter == line.meter && known.rate == line.rate;
            match sum.lines.iter_mut().find(same) {
                Some(known) => {
                    let units = known.units.saturating_add(line.units);
                    *known = CostLine::new(line.meter, units, line.rate);
                }
                None => sum.lines.push(line),
            }
        }
        sum.meters.add(one.meters);
        sum.cache_counts_dropped |= one.cache_counts_dropped;
    }
    sum.total = sum
        .lines
        .iter()
        .map(|line| line.cost)
        .sum::<ExactUsd>()
        .round();
    sum
}

impl BillingMeters {
    fn add(&mut self, other: Self) {
        let add = |mine: &mut i64, theirs: i64| *mine = mine.saturating_add(theirs);
        add(&mut self.total_input_tokens, other.total_input_tokens);
        add(&mut self.fresh_input_tokens, other.fresh_input_tokens);
        add(&mut self.cache_read_tokens, other.cache_read_tokens);
        add(&mut self.cache_write_tokens, other.cache_write_tokens);
        add(&mut self.cache_write_1h_tokens, other.cache_write_1h_tokens);
        add(&mut self.completion_tokens, other.completion_tokens);
    }
}

/// Usage brought to one convention: every bucket is a part of `total_input`.
struct Counts {
    total_input: i64,
    output: i64,
    cache_read: i64,
    cache_write: i64,
    cache_write_1h: i64,
}

impl Counts {
    fn of(usage: &TokenUsage) -> (Self, bool) {
        let input = usage.input.max(0);
        let mut cache_read = usage.cache_read.max(0);
        let mut cache_write = usage.cache_write.max(0);
        let cached = cache_read.saturating_add(cache_write);
        let dropped = usage.convention == CacheConvention::Inclusive && cached > input;
        let total_input = match usage.convention {
            CacheConvention::Inclusive => input,
            CacheConvention::Additive => input.saturating_add(cached),
        };
        // Also when an additive sum saturates: a bucket must never outgrow the total it is a part of.
        if dropped || cached > total_input || cached == i64::MAX {
            (cache_read, cache_write) = (0, 0);
        }
        let counts = Self {
            total_input,
            output: usage.output.max(0),
            cache_read,
            cache_write,
            cache_write_1h: usage.cache_write_1h.clamp(0, cache_write),
        };
        (counts, dropped)
    }
}

impl CostLine {
    fn new(meter: Meter, units: i64, rate: Rate) -> Self {
        Self {
            meter,
            units,
            rate,
            cost: ExactUsd(rate.times(units)),
        }
    }
}

impl ExactUsd {
    const DIGITS: u32 = 14;

    /// Half-up to the nano-dollar, saturating: the one place where precision is given up.
    pub fn round(self) -> NanoUsd {
        // Far beyond what a NanoUsd holds, and far enough from i128's end for the rounding itself.
        const LIMIT: i128 = i128::MAX / 4;
        Rate::round(self.0.clamp(-LIMIT, LIMIT))
    }
}

impl std::iter::Sum for ExactUsd {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self(0), |total, item| Self(total.0.saturating_add(item.0)))
    }
}

impl fmt::Display for ExactUsd {
    /// A plain decimal number of dollars without trailing zeros.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.0, Self::DIGITS)
    }
}

impl Serialize for ExactUsd {
    /// The exact decimal as a JSON number; a raw value keeps it from going through a float.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::value::RawValue::from_string(self.to_string())
            .map_err(ser::Error::custom)?
            .serialize(serializer)
    }
}

/// JSON text of a value made of numbers and fixed names only, which cannot fail to serialise.
pub(crate) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;
