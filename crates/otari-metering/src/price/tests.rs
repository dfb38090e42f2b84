use otari_types::Rate;

use super::*;

#[test]
fn a_price_reads_and_shows_the_api_members() {
    let text =
        r#"{"input_price_per_million":2.5,"output_price_per_million":10,"pricing_tiers":null}"#;
    let price: Price = serde_json::from_str(text).unwrap();
    assert_eq!(price.input, Rate::parse("2.5").unwrap());
    assert_eq!(
        serde_json::to_string(&price).unwrap(),
        r#"{"input_price_per_million":2.5,"output_price_per_million":10.0,"cache_read_price_per_million":null,"cache_write_price_per_million":null,"cache_write_1h_price_per_million":null,"pricing_tiers":[]}"#
    );
    assert!(serde_json::from_str::<Price>(r#"{"input_price_per_million":1}"#).is_err());
}

#[test]
fn every_problem_is_reported_at_once() {
    let text = r#"{"input_price_per_million":-1,"output_price_per_million":1,"pricing_tiers":[
        {"min_input_tokens":0,"input_price_per_million":1},
        {"min_input_tokens":10},
        {"min_input_tokens":10,"output_price_per_million":-2}]}"#;
    let price: Price = serde_json::from_str(text).unwrap();
    let messages: Vec<String> = price
        .validate()
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        messages,
        [
            "input_price_per_million must not be negative",
            "pricing_tiers[0].min_input_tokens must be greater than 0",
            "pricing_tiers[1] must set at least one rate",
            "pricing_tiers[2].min_input_tokens repeats 10",
            "pricing_tiers[2].output_price_per_million must not be negative",
        ]
    );
}

#[test]
fn the_highest_tier_reached_wins_and_what_it_omits_stays() {
    let mut price = Price {
        input: Rate(1),
        output: Rate(2),
        cache_write: Some(Rate(3)),
        ..Price::default()
    };
    price.tiers = vec![
        Tier {
            min_input_tokens: 200,
            input: Some(Rate(20)),
            ..Tier::default()
        },
        Tier {
            min_input_tokens: 100,
            input: Some(Rate(10)),
            output: Some(Rate(11)),
            ..Tier::default()
        },
    ];
    assert_eq!(price.rates_at(99).input, Rate(1));
    assert_eq!(price.rates_at(100).output, Rate(11));
    let top = price.rates_at(200);
    assert_eq!((top.input, top.output), (Rate(20), Rate(2)));
    assert_eq!(top.cache_write_1h, Some(Rate(3)));
}

#[test]
fn only_a_price_that_can_never_charge_is_free() {
    assert!(Price::default().is_free());
    let tiered = Price {
        tiers: vec![Tier {
            min_input_tokens: 5,
            input: Some(Rate(1)),
            ..Tier::default()
        }],
        ..Price::default()
    };
    assert!(!tiered.is_free());
    let written = Price {
        cache_write: Some(Rate(1)),
        ..Price::default()
    };
    assert!(!written.is_free());
}
