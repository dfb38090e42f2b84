//! `${NAME}` in values.

use otari_config::ProblemKind;

use crate::World;

#[test]
fn references_are_replaced_at_any_depth_but_not_in_keys() {
    let config = World::new()
        .config("providers:\n  echo:\n    models: ['${A}-x', plain]\n    client_args: {custom_headers: {'${A}': 'v ${A}${B:-b}'}}\n")
        .env("A", "one")
        .loaded();
    let echo = &config.providers.providers.0[0];
    assert_eq!(echo.models, ["one-x", "plain"]);
    let (name, value) = &echo.client_args.custom_headers[0];
    assert_eq!((name.as_str(), value.expose()), ("${A}", "v oneb"));
}

#[test]
fn a_value_cannot_add_structure() {
    let config = World::new()
        .config("host: ${H}\n")
        .env("H", "x\nmaster_key: stolen ${NOT_EXPANDED}")
        .loaded();
    assert_eq!(config.server.host, "x\nmaster_key: stolen ${NOT_EXPANDED}");
    assert!(config.auth.master_key.is_none());
}

#[test]
fn a_number_may_come_from_a_variable() {
    assert_eq!(
        World::new()
            .config("port: ${P}\n")
            .env("P", "81")
            .loaded()
            .server
            .port,
        81
    );
}

#[test]
fn a_default_stands_in_for_missing_and_blank() {
    for value in [None, Some("")] {
        let world = World::new().config("host: ${H:-fallback}\n");
        let world = value
            .into_iter()
            .fold(world, |world, value| world.env("H", value));
        assert_eq!(world.loaded().server.host, "fallback");
    }
}

#[test]
fn a_missing_variable_is_a_problem_naming_it_and_where() {
    let problems = World::new()
        .config("providers:\n  openai: {api_key: '${NOPE}'}\n")
        .problems();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].path, "providers.openai.api_key");
    assert_eq!(problems[0].kind, ProblemKind::MissingVariable);
    assert!(
        problems[0].message.contains("${NOPE}"),
        "{}",
        problems[0].message
    );
}

#[test]
fn what_is_not_a_reference_stays() {
    let config = World::new()
        .config("host: 'a $ {b} ${} ${1x} ${ c'\n")
        .loaded();
    assert_eq!(config.server.host, "a $ {b} ${} ${1x} ${ c");
}
