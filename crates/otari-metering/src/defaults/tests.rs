use otari_types::{Rate, Timestamp};

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn query<'a>(instance: &'a str, provider: &'a str, model: &'a str) -> Query<'a> {
    Query {
        instance,
        provider,
        model,
        at: at("2026-11-21T12:00:00Z"),
        inherits_vendor_prices: true,
    }
}

fn found(instance: &str, provider: &str, model: &str) -> Option<(String, String)> {
    PriceBook::bundled()
        .lookup(&query(instance, provider, model))
        .map(|listed| (listed.provider, listed.model))
}

/// A small data set in the published format, for rules whose bundled examples may change with a refresh.
const SMALL: &str = r#"[
  {"id":"acme","name":"Acme","models":[
    {"id":"dated","match":{"equals":"dated"},"prices":[
      {"prices":{"input_mtok":1,"output_mtok":2}},
      {"constraint":{"start_date":"2026-06-01"},"prices":{"input_mtok":3,"output_mtok":4}}]},
    {"id":"nightly","match":{"equals":"nightly"},"prices":[
      {"prices":{"input_mtok":1}},
      {"constraint":{"start_time":"22:00:00Z","end_time":"06:00:00Z"},"prices":{"input_mtok":0.5}}]},
    {"id":"tiered","match":{"equals":"tiered"},"context_window":1000000,"prices":{
      "input_mtok":{"base":1,"tiers":[{"start":100,"price":2},{"start":200,"price":3}]},
      "output_mtok":{"base":4,"tiers":[{"start":100,"price":5}]},
      "web_searches_kcount":10}},
    {"id":"by-the-minute","match":{"equals":"by-the-minute"},"prices":{"audio_hours":0.36}},
    {"id":"no-rates","match":{"equals":"no-rates"},"prices":{}},
    {"id":"gift:free","match":{"equals":"gift:free"},"prices":{}}]},
  {"id":"hub_fast","name":"Hub","models":[
    {"id":"org/model","match":{"equals":"org/model"},"prices":{"input_mtok":7}}]},
  {"id":"openai","name":"OpenAI","provider_match":{"contains":"openai"},"model_match":{"starts_with":"gpt-"},"models":[
    {"id":"gpt-9","match":{"starts_with":"gpt-9"},"prices":{"input_mtok":5,"output_mtok":15}}]},
  {"id":"reseller","name":"Reseller","fallback_model_providers":["openai"],"models":[]}
]"#;

fn small(instance: &str, provider: &str, model: &str, when: &str) -> Option<Price> {
    let query = Query {
        at: at(when),
        ..query(instance, provider, model)
    };
    PriceBook::open(SMALL)
        .unwrap()
        .lookup(&query)
        .map(|listed| listed.price)
}

fn input(price: Option<Price>) -> Option<Rate> {
    price.map(|price| price.input)
}

#[test]
fn the_bundled_data_is_readable_to_the_last_model() {
    let count = PriceBook::open(BUNDLED).unwrap().check().unwrap();
    assert!(count > 2_000, "{count}");
}

#[test]
fn instances_types_and_model_names_find_their_vendor() {
    for (instance, provider, model, vendor) in [
        ("openai", "openai", "gpt-4o", "openai"),
        ("work", "openai", "gpt-4.1-mini", "openai"),
        (
            "claude",
            "anthropic",
            "claude-sonnet-4-5-20250929",
            "anthropic",
        ),
        ("gemini", "gemini", "gemini-2.5-flash", "google"),
        (
            "aws",
            "bedrock",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "aws",
        ),
        ("azure", "azureopenai", "gpt-4o", "openai"),
        (
            "somewhere",
            "sagemaker",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "anthropic",
        ),
        (
            "hf",
            "huggingface",
            "openai/gpt-oss-120b:groq",
            "huggingface_groq",
        ),
        ("proxy", "requesty", "gpt-4o", "openai"),
    ] {
        let listed = found(instance, provider, model);
        assert_eq!(
            listed.as_ref().map(|(provider, _)| provider.as_str()),
            Some(vendor),
            "{instance} {provider} {model}: {listed:?}"
        );
    }
}

#[test]
fn a_compatible_endpoint_borrows_no_vendors_price() {
    for instance in ["lab", "openai", "my-openai-proxy"] {
        let query = Query {
            inherits_vendor_prices: false,
            ..query(instance, "openai_compatible", "gpt-4o")
        };
        assert_eq!(PriceBook::bundled().lookup(&query), None, "{instance}");
    }
    let named = Query {
        inherits_vendor_prices: false,
        ..query("openrouter", "openai_compatible", "openai/gpt-4o")
    };
    assert!(PriceBook::bundled().lookup(&named).is_some());
}

#[test]
fn unknown_models_stay_unpriced_and_versions_are_not_vendors() {
    for model in ["made-up", "gpt", "qwen2.5.claude-3-opus", ""] {
        assert_eq!(found("lab", "vllm", model), None, "{model}");
    }
}

#[test]
fn rates_change_with_date_and_time_of_day() {
    let rate = |model, when| input(small("acme", "acme", model, when));
    let dollars = |text| Some(Rate::parse(text).unwrap());
    assert_eq!(rate("dated", "2026-05-31T23:59:59Z"), dollars("1"));
    assert_eq!(rate("dated", "2026-06-01T00:00:00Z"), dollars("3"));
    assert_eq!(rate("nightly", "2026-01-01T21:59:59Z"), dollars("1"));
    assert_eq!(rate("nightly", "2026-01-01T23:00:00Z"), dollars("0.5"));
    assert_eq!(rate("nightly", "2026-01-01T05:59:59Z"), dollars("0.5"));
}

#[test]
fn tiers_start_above_their_number_and_keep_what_they_leave_out() {
    let price = small("acme", "acme", "tiered", "2026-01-01").unwrap();
    let rates = |tokens| {
        let rates = price.rates_at(tokens);
        (rates.input.to_string(), rates.output.to_string())
    };
    let pair = |input: &str, output: &str| (input.to_owned(), output.to_owned());
    assert_eq!(rates(100), pair("1.0", "4.0"));
    assert_eq!(rates(101), pair("2.0", "5.0"));
    assert_eq!(rates(201), pair("3.0", "5.0"));
    assert_eq!(price.validate(), Ok(()));
}

#[test]
fn only_rates_per_token_make_a_price() {
    let priced = |model| small("acme", "acme", model, "2026-01-01T12:00:00Z");
    assert_eq!(priced("by-the-minute"), None);
    assert_eq!(priced("no-rates"), None);
    assert!(priced("gift:free").unwrap().is_free());
    assert_eq!(input(priced("nightly")), Some(Rate::parse("1").unwrap()));
    assert_eq!(priced("nightly").unwrap().output, Rate::ZERO);
}

#[test]
fn pinned_backends_and_resellers_are_followed() {
    let when = "2026-01-01";
    assert_eq!(
        input(small("x", "hub", "org/model:fast", when)),
        Some(Rate::parse("7").unwrap())
    );
    assert_eq!(small("x", "hub", "org/model:slow", when), None);
    assert_eq!(
        input(small("reseller", "other", "GPT-9-mini", when)),
        Some(Rate::parse("5").unwrap())
    );
}

#[test]
fn data_in_another_format_is_refused() {
    assert!(PriceBook::open("[]").is_err());
    assert!(PriceBook::open(r#"{"openai":{}}"#).is_err());
    let broken = r#"[{"id":"x","models":[{"id":"m","match":{"near":"m"},"prices":{}}]}]"#;
    assert!(PriceBook::open(broken).unwrap().check().is_err());
}

#[test]
fn a_newer_data_set_shows_what_it_changes() {
    let newer = SMALL
        .replace(r#""audio_hours":0.36"#, r#""audio_hours":0.40"#)
        .replace(r#"{"input_mtok":7}"#, r#"{ "input_mtok": 7 }"#)
        .replace(r#""id":"no-rates""#, r#""id":"some-rates""#);
    let changes = PriceBook::open(SMALL)
        .unwrap()
        .changes_to(&PriceBook::open(newer).unwrap())
        .unwrap();
    let named = |key: &str, change| (key.to_owned(), change);
    assert_eq!(
        changes,
        [
            named("acme:by-the-minute", Change::Changed),
            named("acme:no-rates", Change::Removed),
            named("acme:some-rates", Change::Added),
        ]
    );
}

#[test]
fn a_vendor_says_where_its_prices_are() {
    let book = PriceBook::bundled();
    assert_eq!(
        book.pricing_urls("anthropic"),
        ["https://www.anthropic.com/pricing#api"]
    );
    assert!(book.pricing_urls("nobody").is_empty());
}
