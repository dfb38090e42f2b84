//! What `--help` says.

use crate::{otari, outcome};

fn help(arguments: &[&str]) -> String {
    let folder = std::env::temp_dir();
    outcome(&mut otari(&folder, arguments)).1
}

#[test]
fn the_overview_lists_the_commands_and_examples() {
    insta::assert_snapshot!(help(&["--help"]), @r"
    An LLM gateway: virtual keys, budgets, usage, any provider

    Usage: otari <COMMAND>

    Commands:
      serve           Serve the gateway until SIGINT or SIGTERM
      init-db         Open the database, creating it if need be, and bring its schema up to date
      migrate         Bring the database schema up to date
      gen-secret-key  Print a new key for OTARI_SECRET_KEY
      check-config    Find every mistake in the configuration; exits with 1 if there is one
      health          Ask a running gateway whether it is well; exits with 1 if it is not
      openapi         Print the OpenAPI document
      peer            Serve a reference platform for gateways in hybrid mode, from one YAML file
      sandbox         Run untrusted Python: a file, or as a service for gateways
      routing         Routing policies
      guardrails      Guardrails: how good they are, and the encoder
      version         Print the version

    Options:
      -h, --help     Print help
      -V, --version  Print version

    Examples:
      otari serve                          serve with what the environment provides
      otari serve -c config.yml --port 9000
      otari check-config -c config.yml     find every mistake before a restart
      otari gen-secret-key                 for OTARI_SECRET_KEY

    Every key and variable: docs/reference/configuration.md
    ");
}

#[test]
fn serve_lists_its_flags_and_examples() {
    insta::assert_snapshot!(help(&["serve", "--help"]), @r"
    Serve the gateway until SIGINT or SIGTERM

    Usage: otari serve [OPTIONS]

    Options:
      -c, --config <FILE>       Configuration file (YAML); without it, the environment and defaults
          --database-url <URL>  SQLite or PostgreSQL address [env: DATABASE_URL]
          --host <ADDRESS>      Address to listen on
          --port <PORT>         TCP port to listen on
          --master-key <KEY>    The deployment's admin credential [env: OTARI_MASTER_KEY]
          --auto-migrate        Bring the database schema up to date first
          --no-auto-migrate     Leave the database schema as it is
          --workers <N>         Accepted for scripts written for earlier versions: one process uses every core
          --log-level <LEVEL>   trace, debug, info, warn or error; Python's names and numbers too
      -h, --help                Print help

    Examples:
      otari serve
      otari serve -c config.yml --log-level debug
      OTARI_MASTER_KEY=… otari serve --database-url postgresql://otari@db/otari

    The first signal drains: no new connections, open answers finish. The second stops at once.
    ");
}
