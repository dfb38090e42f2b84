//! Which source wins.

use otari_config::Origin;

use crate::World;

#[test]
fn each_source_outranks_the_one_before_it() {
    let file = "port: 1\nhost: file\n";
    assert_eq!(World::new().loaded().server.port, 8000);
    assert_eq!(World::new().config(file).loaded().server.port, 1);
    let with_yaml = || {
        World::new()
            .config(file)
            .env("OTARI_CONFIG_YAML", "port: 2")
    };
    assert_eq!(with_yaml().loaded().server.port, 2);
    assert_eq!(with_yaml().env("OTARI_PORT", "3").loaded().server.port, 3);
    let flagged = with_yaml()
        .env("OTARI_PORT", "3")
        .flag("port", "4")
        .loaded();
    assert_eq!(flagged.server.port, 4);
    assert_eq!(flagged.server.host, "file");
    assert_eq!(flagged.origin("port"), Origin::Flag);
    assert_eq!(flagged.origin("host"), Origin::File);
    assert_eq!(flagged.origin("auto_migrate"), Origin::Default);
}

#[test]
fn configuration_from_the_environment_merges_deeply() {
    let config = World::new()
        .config("providers:\n  openai: {api_key: a, models: [x]}\n")
        .env(
            "OTARI_CONFIG_YAML",
            "providers:\n  openai: {api_key: b}\n  echo:\n",
        )
        .loaded();
    let providers = &config.providers.providers.0;
    assert_eq!(providers.len(), 2);
    assert_eq!(providers[0].api_key.as_ref().unwrap().expose(), "b");
    assert_eq!(providers[0].models, ["x"]);
    assert_eq!(providers[1].name, "echo");
}

#[test]
fn structured_variables_stand_below_the_file() {
    let json = r#"{"echo": {"models": ["env"]}, "openai": {"api_key": "k"}}"#;
    let config = World::new()
        .config("providers:\n  echo: {models: [file]}\n")
        .env("OTARI_PROVIDERS", json)
        .loaded();
    let providers = &config.providers.providers.0;
    assert_eq!(providers[0].models, ["file"]);
    assert_eq!(providers[1].name, "openai");
}

#[test]
fn base64_may_be_wrapped_and_yields_to_yaml() {
    // "port: 7000\n"
    let wrapped = "cG9ydDog\nNzAwMAo=\n";
    let base64 = || World::new().env("OTARI_CONFIG_B64", wrapped);
    assert_eq!(base64().loaded().server.port, 7000);
    assert_eq!(
        base64()
            .env("OTARI_CONFIG_YAML", " \n ")
            .loaded()
            .server
            .port,
        7000
    );
    assert_eq!(
        base64()
            .env("OTARI_CONFIG_YAML", "port: 7")
            .loaded()
            .server
            .port,
        7
    );
}

#[test]
fn blank_variables_count_as_unset() {
    let config = World::new()
        .env("OTARI_PORT", "")
        .env("OTARI_MASTER_KEY", "  ")
        .loaded();
    assert_eq!(config.server.port, 8000);
    assert!(config.auth.master_key.is_none());
    let config = World::new().config("master_key: ''\n").loaded();
    assert!(config.auth.master_key.is_none());
}

#[test]
fn dotenv_files_fill_in_what_is_not_set() {
    let config = World::new()
        .config("{}")
        .file(
            "/etc/otari/.env",
            "# note\nexport OTARI_PORT=1\nOTARI_HOST='beside'\nOTARI_DATA_DIR=\"a b\"\n",
        )
        .file(
            "/srv/.env",
            "OTARI_PORT=2\nOTARI_LOG_LEVEL=debug # why\nOPENAI_API_KEY=sk-dotenv\n",
        )
        .env("OTARI_HOST", "process")
        .loaded();
    assert_eq!(config.server.port, 1);
    assert_eq!(config.server.host, "process");
    assert_eq!(config.ledger.data_dir, "a b");
    assert_eq!(config.logging.log_level.as_str(), "debug");
    assert_eq!(
        config
            .environment
            .secret("OPENAI_API_KEY")
            .unwrap()
            .expose(),
        "sk-dotenv"
    );
}

#[test]
fn database_url_outranks_all_but_the_flag_and_says_so() {
    let world = || {
        World::new()
            .env("DATABASE_URL", "postgresql://db/x")
            .env("OTARI_DATABASE_URL", "sqlite:///./y.db")
    };
    let loaded = world().load().unwrap();
    assert_eq!(
        loaded.config.database.database_url.secret().expose(),
        "postgresql://db/x"
    );
    assert_eq!(loaded.warnings.len(), 1);
    assert!(loaded.warnings[0].message.contains("OTARI_DATABASE_URL"));
    let flagged = world()
        .flag("database_url", "sqlite:///./z.db")
        .load()
        .unwrap();
    assert_eq!(
        flagged.config.database.database_url.secret().expose(),
        "sqlite:///./z.db"
    );
    assert_eq!(flagged.warnings, []);
}

#[test]
fn old_names_work_with_one_warning_each() {
    let loaded = World::new()
        .env("GATEWAY_PORT", "1")
        .env("GATEWAY_HOST", "old")
        .env("OTARI_HOST", "new")
        .env("GATEWAY_INTERFACE", "CGI/1.1")
        .load()
        .unwrap();
    assert_eq!(loaded.config.server.port, 1);
    assert_eq!(loaded.config.server.host, "new");
    let about: Vec<_> = loaded
        .warnings
        .iter()
        .map(|warning| warning.path.as_str())
        .collect();
    assert_eq!(about, ["GATEWAY_HOST", "GATEWAY_PORT"]);
}

#[test]
fn platform_variables_patch_the_platform_block() {
    let config = World::new()
        .config("platform: {usage_max_retries: 9, resolve_timeout_ms: 1}\n")
        .env("PLATFORM_RESOLVE_TIMEOUT_MS", "70")
        .env("OTARI_AI_TOKEN", "t")
        .loaded();
    assert_eq!(config.operation.platform.resolve_timeout_ms, 70);
    assert_eq!(config.operation.platform.usage_max_retries, 9);
    assert_eq!(config.mode().as_str(), "hybrid");
}

#[test]
fn every_spelling_of_true_and_false_is_read_everywhere() {
    for (word, expected) in [
        ("1", true),
        (" TRUE ", true),
        ("Yes", true),
        ("on", true),
        ("0", false),
        ("off", false),
        ("No", false),
    ] {
        let env = World::new().env("OTARI_MCP_ALLOW_LOOPBACK", word).loaded();
        assert_eq!(env.tools.mcp_allow_loopback, expected, "{word}");
        let yaml = World::new()
            .config(&format!("mcp_allow_loopback: {word}\n"))
            .loaded();
        assert_eq!(yaml.tools.mcp_allow_loopback, expected, "{word}");
    }
}

#[test]
fn null_turns_a_limit_off_and_leaves_a_default() {
    let config = World::new()
        .config("dashboard_login_rate_limit_per_minute: null\nport: null\nproviders:\n")
        .loaded();
    assert_eq!(config.auth.dashboard_login_rate_limit_per_minute, None);
    assert_eq!(config.server.port, 8000);
}

#[test]
fn choices_are_trimmed_and_lowercased_and_levels_may_be_numbers() {
    let config = World::new()
        .config("budget_strategy: ' CAS '\nlog_level: 30\nmode: Standalone\n")
        .loaded();
    assert_eq!(config.budgets.budget_strategy.as_str(), "cas");
    assert_eq!(config.logging.log_level.as_str(), "warn");
    assert_eq!(
        World::new()
            .flag("log_level", "WARNING")
            .loaded()
            .logging
            .log_level
            .as_str(),
        "warn"
    );
}

#[test]
fn an_instance_can_have_its_own_time_limits() {
    let config = World::new()
        .config(
            "upstream_connect_timeout_ms: 400\nproviders:\n  openai: {client_args: {timeout: 2.5}}\n  \
             echo: {client_args: {timeout: 2, idle_timeout_ms: 9, total_timeout_ms: 10}}\n",
        )
        .loaded();
    let defaults = config.upstream.timeouts();
    let [openai, echo] = &config.providers.providers.0[..] else {
        panic!("two instances")
    };
    let limits = openai.client_args.timeouts(defaults);
    assert_eq!(limits.connect.as_millis(), 400);
    assert_eq!(limits.first_byte.as_millis(), 2500);
    assert_eq!(limits.idle.as_millis(), 2500);
    assert_eq!(limits.total, defaults.total);
    let limits = echo.client_args.timeouts(defaults);
    assert_eq!((limits.idle.as_millis(), limits.total.as_millis()), (9, 10));
}
