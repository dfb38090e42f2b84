//! No view of a configuration holds a secret.

use crate::World;

#[test]
fn neither_debug_nor_the_redacted_view_shows_a_secret() {
    let yaml = "database_url: postgresql://app:HUSH@db:5432/otari?sslpassword=HUSH\nmaster_key: HUSH\n\
        smtp_password: HUSH\nmetrics_token: HUSH\nsearch_tools: {exa: {api_key: HUSH}}\nweb_search_api_key: HUSH\n\
        mcp_servers: {a: {command: x, env: {TOKEN: HUSH}}, b: {url: 'https://u:HUSH@b/', authorization_token: HUSH}}\nproviders:\n  openai:\n    \
        api_key: HUSH\n    api_base: https://u:HUSH@host/v1\n    credentials: {private_key: HUSH}\n    \
        project: visible-project\n    client_args: {custom_headers: {X-Auth: HUSH}, http_proxy: HUSH}\n";
    let config = World::new()
        .config(yaml)
        .env("OPENAI_API_KEY", "HUSH")
        .loaded();
    let debug = format!("{config:?}");
    let view = config.redacted().to_string();
    for shown in [&debug, &view] {
        assert!(!shown.contains("HUSH"), "{shown}");
        assert!(shown.contains("visible-project"), "{shown}");
        assert!(
            shown.contains("postgresql://app:[redacted]@db:5432/otari"),
            "{shown}"
        );
        assert!(shown.contains("https://u:[redacted]@host/v1"), "{shown}");
    }
}

#[test]
fn the_redacted_view_says_where_each_value_came_from() {
    let view = World::new()
        .config("port: 1\n")
        .env("OTARI_HOST", "h")
        .flag("log_level", "debug")
        .loaded()
        .redacted();
    assert_eq!(
        view["port"],
        serde_json::json!({"value": 1, "origin": "file"})
    );
    assert_eq!(
        view["host"],
        serde_json::json!({"value": "h", "origin": "env OTARI_HOST"})
    );
    assert_eq!(
        view["log_level"],
        serde_json::json!({"value": "debug", "origin": "flag"})
    );
    assert_eq!(
        view["enable_docs"],
        serde_json::json!({"value": true, "origin": "default"})
    );
}

#[test]
fn a_yaml_mistake_is_told_without_the_text_around_it() {
    let report = World::new()
        .config("master_key: HUSH\n  bad: [HUSH\n")
        .load()
        .unwrap_err();
    assert!(!report.to_string().contains("HUSH"), "{report}");
    assert!(report.to_string().contains("line"), "{report}");
}
