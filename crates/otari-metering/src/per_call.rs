//! What calls cost that are billed by the piece: images, moderations, audio, searches, gateway tools.
//!
//! They reuse the input rate of a stored price. A price from the bundled data must never come here: it is quoted
//! per token, and an image would be billed at the price of a million tokens.

use otari_types::{NanoUsd, Rate};
use serde::Serialize;

use crate::Price;
use crate::cost::ExactUsd;

/// How the input rate of a stored price is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallUnit {
    /// Dollars per image, unscaled.
    Image,
    /// Dollars per million calls.
    Call,
}

/// One line of `pricing_breakdown` for something billed by the piece.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallLine {
    pub meter: String,
    pub units: i64,
    /// Exact dollars for one unit.
    pub unit_rate: ExactUsd,
    pub cost: NanoUsd,
}

/// A cost by the piece; no line when it is zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallCost {
    pub total: NanoUsd,
    pub line: Option<CallLine>,
}

/// Prices `count` calls or images; a negative count is taken as zero, because clients choose it.
pub fn per_call_cost(price: &Price, unit: CallUnit, meter: &str, count: i64) -> CallCost {
    let units = count.max(0);
    let unit_rate = unit.rate_of(price.input);
    let total = ExactUsd(unit_rate.0.saturating_mul(i128::from(units))).round();
    let line = (total != NanoUsd::ZERO).then(|| CallLine {
        meter: meter.to_owned(),
        units,
        unit_rate,
        cost: total,
    });
    CallCost { total, line }
}

impl CallUnit {
    fn rate_of(self, rate: Rate) -> ExactUsd {
        ExactUsd(match self {
            Self::Call => rate.times(1),
            Self::Image => rate.times(1_000_000),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(input: &str) -> Price {
        Price {
            input: Rate::parse(input).unwrap(),
            ..Price::default()
        }
    }

    #[test]
    fn an_image_costs_the_rate_and_a_call_a_millionth_of_it() {
        let images = per_call_cost(&price("0.04"), CallUnit::Image, "images", 3);
        assert_eq!(images.total, NanoUsd::parse("0.12").unwrap());
        let searches = per_call_cost(&price("5000"), CallUnit::Call, "searches", 2);
        assert_eq!(searches.total, NanoUsd::parse("0.01").unwrap());
        assert_eq!(
            serde_json::to_string(&searches.line).unwrap(),
            r#"{"meter":"searches","units":2,"unit_rate":0.005,"cost":0.01}"#
        );
    }

    #[test]
    fn nothing_and_less_than_nothing_cost_nothing_and_leave_no_line() {
        for count in [0, -5] {
            let cost = per_call_cost(&price("1"), CallUnit::Image, "images", count);
            assert_eq!((cost.total, cost.line), (NanoUsd::ZERO, None));
        }
    }

    #[test]
    fn an_absurd_bill_saturates() {
        let cost = per_call_cost(
            &Price {
                input: Rate(i64::MAX),
                ..Price::default()
            },
            CallUnit::Image,
            "images",
            i64::MAX,
        );
        assert_eq!(cost.total, NanoUsd(i64::MAX));
    }
}
