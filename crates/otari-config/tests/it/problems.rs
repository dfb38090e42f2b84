//! Every kind of mistake, where it is and what it is called.

use otari_config::ProblemKind::{
    Conflict, InvalidName, Missing, OutOfRange, Syntax, UnknownChoice, UnknownReference,
    Unreadable, WrongType,
};

use crate::World;

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn each_mistake_is_found_at_its_place() {
    for (yaml, path, kind) in [
        ("port: eighty", "port", WrongType),
        ("port: 70000", "port", OutOfRange),
        ("db_pool_size: 0", "db_pool_size", OutOfRange),
        (
            "router_confidence_floor: 1.5",
            "router_confidence_floor",
            OutOfRange,
        ),
        (
            "model_discovery_timeout_seconds: 0",
            "model_discovery_timeout_seconds",
            OutOfRange,
        ),
        ("enable_metrics: maybe", "enable_metrics", WrongType),
        ("master_key: 123", "master_key", WrongType),
        ("cors_allow_origins: x", "cors_allow_origins", WrongType),
        (
            "cors_allow_origins: ['https://a.example', 'b.example']",
            "cors_allow_origins[1]",
            WrongType,
        ),
        (
            "cors_allow_origins: ['https://a.example/path']",
            "cors_allow_origins[0]",
            WrongType,
        ),
        (
            "log_writer_strategy: bach",
            "log_writer_strategy",
            UnknownChoice,
        ),
        ("mode: cloud", "mode", UnknownChoice),
        ("mode: hybrid", "mode", Missing),
        ("tls_cert: a.pem", "tls_cert", Missing),
        ("tls_key: a.pem", "tls_key", Missing),
        ("files_backend: s3", "files_backend", Missing),
        ("providers: [a]", "providers", WrongType),
        ("providers: {lab: {}}", "providers.lab", UnknownReference),
        (
            "providers: {lab: {provider_type: openia}}",
            "providers.lab.provider_type",
            UnknownReference,
        ),
        (
            "providers: {'a/b': {provider_type: openai}}",
            "providers.a/b",
            InvalidName,
        ),
        (
            "providers: {openai: {models: x}}",
            "providers.openai.models",
            WrongType,
        ),
        (
            "providers: {openai: {models: [1]}}",
            "providers.openai.models[0]",
            WrongType,
        ),
        (
            "providers: {openai: {api_base: localhost}}",
            "providers.openai.api_base",
            WrongType,
        ),
        (
            "providers: {openai: {client_args: {timeout: -1}}}",
            "providers.openai.client_args.timeout",
            OutOfRange,
        ),
        ("aliases: {house: gpt}", "aliases.house", WrongType),
        ("aliases: {'a:b': 'openai:x'}", "aliases.a:b", InvalidName),
        (
            "aliases: {house: 'nowhere:x'}",
            "aliases.house",
            UnknownReference,
        ),
        (
            "aliases: {house: 'openai-compatible:x'}",
            "aliases.house",
            UnknownReference,
        ),
        ("aliases: {a: 'b:x', b: 'openai:x'}", "aliases.a", Conflict),
        (
            "{providers: {openai: {}}, aliases: {openai: 'anthropic:x'}}",
            "aliases.openai",
            Conflict,
        ),
        (
            "{aliases: {a: 'openai:x'}, routing: {policies: {a: {select: [{default: 'openai:x'}]}}}}",
            "routing.policies.a",
            Conflict,
        ),
        ("guardrails: [{profile: pii}]", "guardrails[0]", WrongType),
        (
            "guardrails: [{profile: pii, mode: block, on: [both]}]",
            "guardrails[0].on[0]",
            WrongType,
        ),
        (
            "guardrails: [{profile: pii, mode: block, url: ftp://x}]",
            "guardrails[0].url",
            OutOfRange,
        ),
        (
            "guardrail_profiles: {'otari:pii': {provider: pii}}",
            "guardrail_profiles.otari:pii",
            InvalidName,
        ),
        (
            "guardrail_profiles: {a: {provider: regex, patterns: ['(']}}",
            "guardrail_profiles.a.patterns[0]",
            WrongType,
        ),
        (
            "guardrail_profiles: {a: {provider: regex}}",
            "guardrail_profiles.a",
            Missing,
        ),
        (
            "guardrail_profiles: {a: {provider: moderation, model: 'nowhere:x'}}",
            "guardrail_profiles.a.model",
            UnknownReference,
        ),
        (
            "guardrail_profiles: {a: {provider: remote}}",
            "guardrail_profiles.a",
            Missing,
        ),
        (
            "guardrail_profiles: {a: {provider: phrenology}}",
            "guardrail_profiles.a.provider",
            WrongType,
        ),
        (
            "platform: {usage_inline_timeout_ms: 0}",
            "platform.usage_inline_timeout_ms",
            OutOfRange,
        ),
        (
            "platform: {usage_inline_timeout_ms: 1.5}",
            "platform.usage_inline_timeout_ms",
            WrongType,
        ),
        (
            "platform: {usage_inline_timeout_ms: true}",
            "platform.usage_inline_timeout_ms",
            WrongType,
        ),
    ] {
        assert_eq!(
            World::new().config(yaml).problem(),
            (path.to_owned(), kind),
            "{yaml}"
        );
    }
}

#[test]
fn prices_are_checked_rate_by_rate() {
    let rates = "input_price_per_million: 1, output_price_per_million: 2";
    for (entry, path, kind) in [
        (
            "{output_price_per_million: 1}".to_owned(),
            ".input_price_per_million",
            Missing,
        ),
        (
            "{input_price_per_million: -1, output_price_per_million: 1}".to_owned(),
            ".input_price_per_million",
            OutOfRange,
        ),
        (
            "{input_price_per_million: cheap, output_price_per_million: 1}".to_owned(),
            ".input_price_per_million",
            WrongType,
        ),
        (
            format!("{{{rates}, effective_at: soon}}"),
            ".effective_at",
            WrongType,
        ),
        (
            format!("{{{rates}, pricing_tiers: [{{min_input_tokens: 5}}]}}"),
            ".pricing_tiers[0]",
            Missing,
        ),
        (
            format!("{{{rates}, pricing_tiers: [{{min_input_tokens: 0, {rates}}}]}}"),
            ".pricing_tiers[0].min_input_tokens",
            OutOfRange,
        ),
        (
            format!(
                "{{{rates}, pricing_tiers: [{{min_input_tokens: 5, {rates}}}, {{min_input_tokens: 5, {rates}}}]}}"
            ),
            ".pricing_tiers[1]",
            Conflict,
        ),
    ] {
        let yaml = format!("providers: {{openai: {{}}}}\npricing: {{'openai:x': {entry}}}\n");
        let expected = (format!("pricing.openai:x{path}"), kind);
        assert_eq!(World::new().config(&yaml).problem(), expected, "{yaml}");
    }
}

#[test]
fn prices_are_exact() {
    let yaml = "providers: {openai: {}}\npricing:\n  openai/x:\n    input_price_per_million: 0.0375\n    \
                output_price_per_million: '10'\n    effective_at: 2026-01-01\n    \
                pricing_tiers: [{min_input_tokens: 200000, output_price_per_million: 20}]\n";
    let config = World::new().config(yaml).loaded();
    let entry = &config.pricing.pricing.0[0];
    assert_eq!(entry.model.to_string(), "openai:x");
    assert_eq!(entry.rates.input.unwrap().to_string(), "0.0375");
    assert_eq!(entry.rates.output.unwrap().to_string(), "10.0");
    assert_eq!(
        entry.effective_at.unwrap().to_string(),
        "2026-01-01T00:00:00+00:00"
    );
    assert_eq!(entry.tiers[0].rates.output.unwrap().to_string(), "20.0");
    assert_eq!(entry.tiers[0].rates.input, None);
}

#[test]
fn all_problems_are_told_at_once() {
    let yaml =
        "port: x\nlog_format: pretty\nproviders:\n  lab: {api_base: nope}\naliases: {a: b}\n";
    let report = World::new()
        .config(yaml)
        .env("OTARI_AUTO_MIGRATE", "perhaps")
        .load()
        .unwrap_err();
    let mut paths: Vec<_> = report
        .problems
        .iter()
        .map(|problem| problem.path.as_str())
        .collect();
    paths.sort_unstable();
    let expected = [
        "aliases.a",
        "auto_migrate",
        "log_format",
        "port",
        "providers.lab",
        "providers.lab.api_base",
    ];
    assert_eq!(paths, expected);
    assert!(
        report
            .to_string()
            .starts_with("the configuration has 6 problems\n"),
        "{report}"
    );
}

#[test]
fn unreadable_and_malformed_sources_are_problems() {
    let mut missing = World::new();
    missing.config_file = Some("gone.yml".into());
    assert_eq!(missing.problem(), ("gone.yml".to_owned(), Unreadable));
    let file = "/etc/otari/config.yml".to_owned();
    assert_eq!(
        World::new().config("a: [b").problem(),
        (file.clone(), Syntax)
    );
    assert_eq!(World::new().config("- a\n- b\n").problem(), (file, Syntax));
    let base64 = World::new().env("OTARI_CONFIG_B64", "%%%").problem();
    assert_eq!(base64, ("OTARI_CONFIG_B64".to_owned(), Syntax));
    let json = World::new().env("OTARI_PROVIDERS", "{").problem();
    assert_eq!(json, ("OTARI_PROVIDERS".to_owned(), Syntax));
}

#[test]
fn unknown_keys_are_warned_of_with_a_guess() {
    let yaml = "prot: 1\nplatform: {bas_url: x}\nqqqq: 1\n";
    let loaded = World::new().config(yaml).load().unwrap();
    let told: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "platform.bas_url: unknown key, ignored (did you mean `base_url`?)",
            "prot: unknown key, ignored (did you mean `port`?)",
            "qqqq: unknown key, ignored",
        ]
    );
}

#[test]
fn hybrid_and_standalone_exclude_each_other() {
    let token = |yaml| World::new().config(yaml).env("OTARI_AI_TOKEN", "t");
    assert_eq!(
        token("mode: standalone").problem(),
        ("mode".to_owned(), Conflict)
    );
    assert_eq!(
        token("providers: {openai: {}}").problem(),
        ("providers".to_owned(), Conflict)
    );
    let url = token("platform: {management_url: otari.ai}").problem();
    assert_eq!(url, ("platform.management_url".to_owned(), WrongType));
    assert_eq!(token("mode: platform").loaded().mode().as_str(), "hybrid");
}

#[test]
fn the_secret_key_is_checked_but_never_shown() {
    let good = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    for keys in [
        good.to_owned(),
        format!("{good},{good}"),
        good.trim_end_matches('=').to_owned(),
    ] {
        let config = World::new().env("OTARI_SECRET_KEY", &keys).loaded();
        assert!(config.secret_key().is_some());
    }
    for bad in ["hunter2", "aGVsbG8=", &format!("{good},hunter2")] {
        let report = World::new()
            .env("OTARI_SECRET_KEY", bad)
            .load()
            .unwrap_err();
        assert_eq!(report.problems[0].path, "OTARI_SECRET_KEY");
        assert!(!format!("{report} {report:?}").contains("hunter2"));
    }
}

#[test]
fn smtp_needs_a_server_and_a_sender() {
    let problems = World::new().config("mail_transport: smtp\n").problems();
    let told: Vec<_> = problems
        .iter()
        .map(|problem| problem.message.as_str())
        .collect();
    assert_eq!(
        told,
        ["needs `smtp_host` too", "needs `mail_from_email` too"]
    );
}
