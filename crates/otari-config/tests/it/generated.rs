//! Existing files load unchanged, and the generated pages say what the code does.

use std::collections::BTreeSet;

use otari_config::{configuration_md, environment_md, example_yml, fields};

use crate::World;

/// Every key of the configuration Otari has always had, as an operator may have written it.
const EXISTING: &str = include_str!("existing-config.yml");

#[test]
fn an_existing_configuration_loads_without_a_word() {
    let loaded = World::new()
        .config(EXISTING)
        .load()
        .unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(loaded.warnings, []);
    let config = loaded.config;
    let lab = &config.providers.providers.0[2];
    assert_eq!(
        (lab.name.as_str(), lab.provider()),
        ("lab", "openai-compatible")
    );
    let openai = &config.providers.providers.0[0];
    assert_eq!(
        (openai.client_args.timeout, openai.client_args.max_retries),
        (Some(2.0), Some(0))
    );
    assert_eq!(config.routing.aliases.0["house"].to_string(), "openai:mock");
    assert_eq!(config.tools.web_search_extract, Some(false));
    assert!(config.routing.routing.policies.contains_key("resilient"));
}

#[test]
fn the_example_file_starts_as_it_is() {
    let loaded = World::new()
        .config(&example_yml())
        .load()
        .unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.config.providers.providers.0[0].name, "echo");
}

/// The commented lines are right too: uncommented, they mean the defaults.
#[test]
fn the_defaults_in_the_example_file_are_the_defaults() {
    let uncommented = example_yml()
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .filter(|line| {
            fields()
                .iter()
                .any(|field| line.starts_with(&format!("{}: ", field.key)))
        })
        .filter(|line| !line.ends_with("null") && !line.contains("[redacted]"))
        .collect::<Vec<_>>()
        .join("\n");
    assert!(uncommented.lines().count() > 60, "{uncommented}");
    let loaded = World::new()
        .config(&uncommented)
        .load()
        .unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(loaded.warnings, []);
    let shown = |config: &otari_config::Config| {
        let view = config.redacted();
        let entries = view.as_object().unwrap().iter();
        entries
            .map(|(key, entry)| format!("{key}={}", entry["value"]))
            .collect::<Vec<_>>()
    };
    assert_eq!(shown(&loaded.config), shown(&World::new().loaded()));
}

#[test]
fn keys_and_variables_are_declared_once() {
    let mut keys = BTreeSet::new();
    let mut variables = BTreeSet::new();
    for field in fields().iter().chain(&otari_config::platform_fields()) {
        assert!(keys.insert(field.key), "{} is declared twice", field.key);
        assert!(
            variables.insert(field.env.clone()),
            "{} is declared twice",
            field.env
        );
        assert!(
            field.doc.trim().ends_with('.'),
            "{}: the sentence has no end",
            field.key
        );
    }
    for variable in otari_config::env::ALL {
        assert!(
            variables.insert(variable.name.to_owned()),
            "{}",
            variable.name
        );
    }
    let (keys_page, variables_page) = (configuration_md(), environment_md());
    for key in keys {
        assert!(keys_page.contains(&format!("| `{key}` |")), "{key}");
    }
    for variable in variables {
        assert!(
            variables_page.contains(&format!("| `{variable}` |")),
            "{variable}"
        );
    }
}
