use otari_types::{CacheConvention, NanoUsd, Rate, TokenUsage};
use proptest::prelude::*;

use super::*;
use crate::Tier;

fn rate(text: &str) -> Rate {
    Rate::parse(text).unwrap()
}

fn claude() -> Price {
    Price {
        input: rate("3"),
        output: rate("15"),
        cache_read: Some(rate("0.3")),
        cache_write: Some(rate("3.75")),
        cache_write_1h: Some(rate("6")),
        tiers: Vec::new(),
    }
}

#[test]
fn a_plain_call_costs_and_shows_what_the_api_shows() {
    let price = Price {
        input: rate("2.5"),
        output: rate("10"),
        ..Price::default()
    };
    let usage = TokenUsage {
        input: 11,
        output: 29,
        ..TokenUsage::default()
    };
    let cost = cost(&price, &usage);
    assert_eq!(cost.total, NanoUsd::parse("0.0003175").unwrap());
    assert_eq!(
        cost.breakdown_json(),
        r#"[{"meter":"input","units":11,"rate_per_million":2.5,"cost":0.0000275},{"meter":"output","units":29,"rate_per_million":10.0,"cost":0.00029}]"#
    );
    assert_eq!(
        cost.meters_json(),
        r#"{"total_input_tokens":11,"fresh_input_tokens":11,"cache_read_tokens":0,"cache_write_tokens":0,"cache_write_1h_tokens":0,"completion_tokens":29}"#
    );
}

#[test]
fn both_conventions_price_the_same_tokens_alike() {
    let inclusive = TokenUsage {
        input: 1_000,
        output: 10,
        cache_read: 600,
        cache_write: 300,
        cache_write_1h: 100,
        ..TokenUsage::default()
    };
    let additive = TokenUsage {
        input: 100,
        convention: CacheConvention::Additive,
        ..inclusive
    };
    let bill = cost(&claude(), &inclusive);
    assert_eq!(bill, cost(&claude(), &additive));
    // 100×3 + 10×15 + 600×0.3 + 200×3.75 + 100×6, per million.
    assert_eq!(bill.total, NanoUsd::parse("0.00198").unwrap());
    let meters: Vec<Meter> = bill.lines.iter().map(|line| line.meter).collect();
    assert_eq!(
        meters,
        [
            Meter::Input,
            Meter::Output,
            Meter::CacheRead,
            Meter::CacheWrite5m,
            Meter::CacheWrite1h
        ]
    );
}

#[test]
fn a_bucket_without_a_rate_stays_fresh_and_1h_falls_back_to_5m() {
    let price = Price {
        cache_read: None,
        cache_write_1h: None,
        ..claude()
    };
    let usage = TokenUsage {
        input: 1_000,
        cache_read: 600,
        cache_write: 300,
        cache_write_1h: 300,
        ..TokenUsage::default()
    };
    let bill = cost(&price, &usage);
    assert_eq!(bill.meters.fresh_input_tokens, 700);
    assert_eq!(bill.total, NanoUsd::parse("0.003225").unwrap());
}

#[test]
fn cached_tokens_that_exceed_the_prompt_lose_the_discount() {
    let usage = TokenUsage {
        input: 100,
        cache_read: 101,
        ..TokenUsage::default()
    };
    let bill = cost(&claude(), &usage);
    assert!(bill.cache_counts_dropped);
    assert_eq!(bill.total, NanoUsd::parse("0.0003").unwrap());
    assert_eq!(bill.meters.cache_read_tokens, 0);
}

#[test]
fn a_tier_is_a_cliff_chosen_by_all_input() {
    let price = Price {
        tiers: vec![Tier {
            min_input_tokens: 200,
            input: Some(rate("6")),
            ..Tier::default()
        }],
        ..claude()
    };
    let usage = |input| TokenUsage {
        input,
        cache_read: 100,
        convention: CacheConvention::Additive,
        ..TokenUsage::default()
    };
    let below = cost(&price, &usage(99));
    let reached = cost(&price, &usage(100));
    assert_eq!(below.total, NanoUsd::parse("0.000327").unwrap());
    assert_eq!(reached.total, NanoUsd::parse("0.00063").unwrap());
}

#[test]
fn rounding_happens_once() {
    // Two lines of half a nano-dollar each are one nano-dollar together, not two and not none.
    let price = Price {
        input: Rate(50_000),
        output: Rate(50_000),
        ..Price::default()
    };
    let usage = TokenUsage {
        input: 1,
        output: 1,
        ..TokenUsage::default()
    };
    assert_eq!(cost(&price, &usage).total, NanoUsd(1));
}

#[test]
fn negative_and_absurd_counts_neither_credit_nor_overflow() {
    let negative = TokenUsage {
        input: -5,
        output: -5,
        cache_read: -5,
        cache_write: -1,
        cache_write_1h: 7,
        ..TokenUsage::default()
    };
    assert_eq!(cost(&claude(), &negative).total, NanoUsd::ZERO);
    let absurd = TokenUsage {
        input: i64::MAX,
        output: i64::MAX,
        cache_read: i64::MAX,
        cache_write: i64::MAX,
        cache_write_1h: i64::MAX,
        reasoning: 0,
        convention: CacheConvention::Additive,
    };
    let priciest = Price {
        input: Rate(i64::MAX),
        output: Rate(i64::MAX),
        cache_read: Some(Rate(i64::MAX)),
        cache_write: Some(Rate(i64::MAX)),
        cache_write_1h: Some(Rate(i64::MAX)),
        tiers: Vec::new(),
    };
    assert_eq!(cost(&priciest, &absurd).total, NanoUsd(i64::MAX));
}

fn any_price() -> impl Strategy<Value = Price> {
    let rate = || (0..10_000_000_000i64).prop_map(Rate);
    let maybe = move || proptest::option::of(rate());
    (rate(), rate(), maybe(), maybe(), maybe()).prop_map(
        |(input, output, cache_read, cache_write, cache_write_1h)| Price {
            input,
            output,
            cache_read,
            cache_write,
            cache_write_1h,
            tiers: Vec::new(),
        },
    )
}

fn any_usage() -> impl Strategy<Value = TokenUsage> {
    let count = || -10..5_000_000i64;
    (count(), count(), count(), count(), count(), any::<bool>()).prop_map(
        |(input, output, cache_read, cache_write, cache_write_1h, additive)| TokenUsage {
            input,
            output,
            cache_read,
            cache_write,
            cache_write_1h,
            reasoning: 0,
            convention: if additive {
                CacheConvention::Additive
            } else {
                CacheConvention::Inclusive
            },
        },
    )
}

proptest! {
    #[test]
    fn lines_add_up_and_every_token_is_billed_once(price in any_price(), usage in any_usage()) {
        let bill = cost(&price, &usage);
        let sum: ExactUsd = bill.lines.iter().map(|line| line.cost).sum();
        prop_assert_eq!(sum.round(), bill.total);
        prop_assert!(bill.lines.iter().all(|line| line.units > 0));
        let input: i64 = bill.lines.iter().filter(|l| l.meter != Meter::Output).map(|l| l.units).sum();
        prop_assert_eq!(input, bill.meters.total_input_tokens);
    }

    #[test]
    fn more_tokens_never_cost_less(price in any_price(), usage in any_usage(), more in 0..1_000_000i64) {
        let before = cost(&price, &usage).total;
        let output = TokenUsage { output: usage.output.saturating_add(more), ..usage };
        prop_assert!(cost(&price, &output).total >= before);
        if usage.convention == CacheConvention::Additive {
            let input = TokenUsage { input: usage.input.saturating_add(more), ..usage };
            prop_assert!(cost(&price, &input).total >= before);
        }
    }

    #[test]
    fn exact_dollars_print_as_the_number_they_are(units in 0..i64::MAX, rate in 0..i64::MAX) {
        let text = ExactUsd(Rate(rate).times(units)).to_string();
        let (whole, fraction) = text.split_once('.').unwrap();
        let scaled: i128 = format!("{whole}{fraction:0<14}").parse().unwrap();
        prop_assert_eq!(scaled, Rate(rate).times(units));
    }
}
