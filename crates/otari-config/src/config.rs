//! The configuration as the rest of Otari sees it.

use std::collections::BTreeMap;
use std::fmt;

use otari_types::Secret;
use serde_json::{Value, json};

use crate::env;
use crate::section::hybrid::Platform;
use crate::section::{
    Field, Section, auth::Auth, batches::Batches, budgets::Budgets, cors::Cors, database::Database,
    files::Files, guardrails::Guardrails, hybrid::Mode, hybrid::Operation, ledger::Ledger,
    logging::Logging, mail::Mail, metrics::Dashboard, metrics::Metrics, models::Models,
    pricing::Pricing, providers::Providers, rate_limit::RateLimit, responses::Responses,
    routing::Routing, sandbox::Sandbox, server::Server, tls::Tls, tools::Tools, upstream::Upstream,
};
use crate::setting::Reader;
use crate::source::Environment;

/// Which source a value came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    #[default]
    Default,
    File,
    /// An environment variable, by name.
    Env(String),
    /// A command-line flag.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File => f.write_str("file"),
            Self::Env(name) => write!(f, "env {name}"),
            Self::Flag => f.write_str("flag"),
        }
    }
}

macro_rules! sections {
    ($( $field:ident: $section:ident ),+ $(,)?) => {
        /// Everything configured. `Debug` shows no secret.
        #[derive(Clone, Debug, Default)]
        pub struct Config {
            $( pub $field: $section, )+
            /// Which source each key came from; keys that are absent have their default.
            pub origins: BTreeMap<String, Origin>,
            /// The environment, for provider credentials that are not in the configuration.
            pub environment: Environment,
        }

        impl Config {
            pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
                Self { $( $field: <$section as Section>::read(reader), )+ ..Self::default() }
            }

            fn shown(&self) -> Vec<(&'static str, Value)> {
                let mut shown = Vec::new();
                $( shown.extend(Section::show(&self.$field)); )+
                shown
            }
        }

        /// Every top-level key, in the order of the reference page.
        pub fn fields() -> Vec<Field> {
            let mut fields = Vec::new();
            $( fields.extend(<$section as Section>::fields()); )+
            fields
        }
    };
}

sections! {
    server: Server,
    tls: Tls,
    database: Database,
    auth: Auth,
    operation: Operation,
    providers: Providers,
    upstream: Upstream,
    models: Models,
    routing: Routing,
    responses: Responses,
    pricing: Pricing,
    budgets: Budgets,
    rate_limit: RateLimit,
    ledger: Ledger,
    tools: Tools,
    sandbox: Sandbox,
    guardrails: Guardrails,
    files: Files,
    batches: Batches,
    cors: Cors,
    metrics: Metrics,
    logging: Logging,
    dashboard: Dashboard,
    mail: Mail,
}

/// The keys below `platform`, each with its own environment variable.
pub fn platform_fields() -> Vec<Field> {
    Platform::fields()
}

impl Config {
    /// The mode in force: the configured one, else hybrid when there is a platform token.
    pub fn mode(&self) -> Mode {
        self.operation.mode.unwrap_or(match self.platform_token() {
            Some(_) => Mode::Hybrid,
            None => Mode::Standalone,
        })
    }

    /// The token of the hosted control plane (`OTARI_AI_TOKEN`).
    pub fn platform_token(&self) -> Option<Secret> {
        self.environment.secret(env::OTARI_AI_TOKEN)
    }

    /// The key or keys that seal stored credentials (`OTARI_SECRET_KEY`).
    pub fn secret_key(&self) -> Option<Secret> {
        self.environment.secret(env::OTARI_SECRET_KEY)
    }

    /// The version to show: `OTARI_VERSION`, else `built_in`.
    pub fn version<'a>(&'a self, built_in: &'a str) -> &'a str {
        self.environment.get(env::OTARI_VERSION).unwrap_or(built_in)
    }

    /// Where `key` came from.
    pub fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or_default()
    }

    /// Every key with its value and source, secrets masked: `{"port": {"value": 8000, "origin": "default"}}`.
    pub fn redacted(&self) -> Value {
        self.shown()
            .into_iter()
            .map(|(key, value)| {
                let origin = self.origin(key).to_string();
                (key.to_owned(), json!({"value": value, "origin": origin}))
            })
            .collect()
    }
}
