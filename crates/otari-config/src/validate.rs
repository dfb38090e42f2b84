//! Rules that hold between keys, and names that must exist.

mod guardrails;
mod tools;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use otari_types::ModelSelector;

use crate::config::Config;
use crate::env;
use crate::problem::{Problem, ProblemKind, Report, did_you_mean};
use crate::section::files::FilesBackend;
use crate::section::hybrid::Mode;
use crate::section::mail::MailTransport;
use crate::section::routing::{EmbeddingModel, PolicySpec};
use crate::section::tools::SearchProvider;

/// A bare name of these kinds cannot hold the characters that split a selector.
const SEPARATORS: [char; 2] = [':', '/'];

/// Adds to `report` everything wrong between keys.
pub(crate) fn validate(config: &Config, known: &dyn Fn(&str) -> bool, report: &mut Report) {
    instances(config, known, report);
    aliases(config, known, report);
    policies(config, known, report);
    embedding_model(config, known, report);
    prices(config, known, report);
    guardrails::check(config, known, report);
    tools::check(config, report);
    mode(config, report);
    secret_key(config, report);
    pairs(config, report);
    origins(config, report);
}

fn instances(config: &Config, known: &dyn Fn(&str) -> bool, report: &mut Report) {
    for instance in &config.providers.providers.0 {
        let path = format!("providers.{}", instance.name);
        plain_name(&instance.name, &path, report);
        if !known(instance.provider()) {
            let message = format!("`{}` is not a known provider", instance.provider());
            let problem = match &instance.provider_type {
                Some(_) => {
                    let path = format!("{path}.provider_type");
                    Problem::new(&path, ProblemKind::UnknownReference, message)
                        .hint("for other servers use `openai-compatible` or `anthropic-compatible`")
                }
                None => Problem::new(&path, ProblemKind::UnknownReference, message)
                    .hint("name the kind with `provider_type`, as `openai-compatible`"),
            };
            report.problem(problem);
        }
        if let Some(base) = &instance.api_base {
            absolute_http(base, &format!("{path}.api_base"), report);
        }
    }
}

fn aliases(config: &Config, known: &dyn Fn(&str) -> bool, report: &mut Report) {
    let aliases = &config.routing.aliases.0;
    for (name, target) in aliases {
        let path = format!("aliases.{name}");
        plain_name(name, &path, report);
        if instance_exists(config, name) {
            let message = "has the name of a provider instance";
            report.problem(Problem::new(&path, ProblemKind::Conflict, message));
        }
        if aliases.contains_key(&target.instance) {
            let message = format!(
                "`{}` is an alias itself; aliases do not chain",
                target.instance
            );
            report.problem(Problem::new(&path, ProblemKind::Conflict, message));
        } else {
            served(config, target, known, &path, report);
        }
    }
}

/// The instance of a selector must be configured, or be a provider that can be used by its own name.
fn served(
    config: &Config,
    selector: &ModelSelector,
    known: &dyn Fn(&str) -> bool,
    path: &str,
    report: &mut Report,
) {
    let name = selector.instance.as_str();
    let by_own_name = known(name) && !is_shorthand(name);
    if instance_exists(config, name) || by_own_name {
        return;
    }
    let message = format!("`{name}` is neither a configured instance nor a provider");
    let names = config
        .providers
        .providers
        .0
        .iter()
        .map(|instance| instance.name.as_str());
    let problem = Problem::new(path, ProblemKind::UnknownReference, message);
    report.problem(problem.maybe_hint(did_you_mean(name, names)));
}

/// `openai-compatible` says how to talk to a server, not which: it cannot be called by that name.
fn is_shorthand(name: &str) -> bool {
    name.ends_with("-compatible") || name.ends_with("_compatible")
}

/// The provider of the learned router's embeddings.
fn embedding_model(config: &Config, known: &dyn Fn(&str) -> bool, report: &mut Report) {
    if let EmbeddingModel::Provider(selector) = &config.routing.router_embedding_model {
        served(config, selector, known, "router_embedding_model", report);
    }
}

fn policies(config: &Config, known: &dyn Fn(&str) -> bool, report: &mut Report) {
    let policies = &config.routing.routing.policies;
    for (name, written) in policies {
        let path = format!("routing.policies.{name}");
        plain_name(name, &path, report);
        for (taken, what) in [
            (config.routing.aliases.0.contains_key(name), "an alias"),
            (instance_exists(config, name), "a provider instance"),
        ] {
            if taken {
                let message = format!("has the name of {what}");
                report.problem(Problem::new(&path, ProblemKind::Conflict, message));
            }
        }
        match PolicySpec::read(written) {
            Ok(spec) => policy_targets(config, &spec, known, &path, report),
            Err(problems) => {
                for problem in problems {
                    let path = format!("{path}.{}", problem.path);
                    let path = path.trim_end_matches('.');
                    report.problem(Problem::new(path, ProblemKind::WrongType, problem.message));
                }
            }
        }
    }
}

/// The targets of a policy are models: not aliases, not policies.
fn policy_targets(
    config: &Config,
    spec: &PolicySpec,
    known: &dyn Fn(&str) -> bool,
    path: &str,
    report: &mut Report,
) {
    for (at, target) in spec.targets() {
        let path = format!("{path}.{at}");
        if let Ok(selector) = ModelSelector::parse(target) {
            served(config, &selector, known, &path, report);
        }
    }
}

fn prices(config: &Config, known: &dyn Fn(&str) -> bool, report: &mut Report) {
    /// Gateway-run tools are priced under this instance.
    const OWN_TOOLS: &str = "otari";
    for entry in &config.pricing.pricing.0 {
        let instance = &entry.model.instance;
        // A known provider may be usable without being configured: by a key in the environment, or without one.
        let of_search = SearchProvider::named(instance).is_some();
        let of_tool = instance == OWN_TOOLS || of_search;
        let usable = of_tool || instance_exists(config, instance) || known(instance);
        if !usable {
            let message = format!("`{instance}` is not configured; the price is not used");
            let path = format!("pricing.{}", entry.model);
            report.warn(Problem::new(&path, ProblemKind::UnknownReference, message));
        }
    }
}

fn mode(config: &Config, report: &mut Report) {
    let has_token = config.platform_token().is_some();
    let token = env::OTARI_AI_TOKEN;
    match (config.operation.mode, has_token) {
        (Some(Mode::Hybrid), false) => {
            let message = format!("hybrid mode needs {token}");
            report.problem(Problem::new("mode", ProblemKind::Missing, message));
        }
        (Some(Mode::Standalone), true) => {
            let message = format!("{token} is set, but the mode is standalone");
            let problem = Problem::new("mode", ProblemKind::Conflict, message);
            report.problem(problem.hint(format!("unset {token}, or drop `mode`")));
        }
        _ => {}
    }
    if config.mode() != Mode::Hybrid {
        return;
    }
    if !config.providers.providers.0.is_empty() {
        let message = "must be empty in hybrid mode: the control plane holds the credentials";
        report.problem(Problem::new("providers", ProblemKind::Conflict, message));
    }
    for (path, is_set) in [
        ("aliases", !config.routing.aliases.0.is_empty()),
        ("pricing", !config.pricing.pricing.0.is_empty()),
        ("rate_limit_rpm", config.rate_limit.rate_limit_rpm.is_some()),
        ("master_key", config.auth.master_key.is_some()),
    ] {
        if is_set {
            let message = "is not used in hybrid mode: it is the control plane's to set";
            report.warn(Problem::new(path, ProblemKind::Notice, message));
        }
    }
    let platform = &config.operation.platform;
    absolute_http(&platform.base_url, "platform.base_url", report);
    absolute_http(&platform.management_url, "platform.management_url", report);
}

fn secret_key(config: &Config, report: &mut Report) {
    const KEY_BYTES: usize = 32;
    let Some(keys) = config.secret_key() else {
        return;
    };
    let lenient =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let engine = GeneralPurpose::new(&URL_SAFE, lenient);
    let is_key = |text: &str| {
        engine
            .decode(text)
            .is_ok_and(|bytes| bytes.len() == KEY_BYTES)
    };
    let mut parts = keys
        .expose()
        .split([',', ' '])
        .filter(|part| !part.is_empty());
    if !parts.all(is_key) {
        let message = "is not a 32-byte key as URL-safe base64, or several separated by commas";
        let problem = Problem::new(env::OTARI_SECRET_KEY, ProblemKind::WrongType, message);
        report.problem(problem.hint("make one with `otari gen-secret-key`"));
    }
}

/// Keys that need one another.
fn pairs(config: &Config, report: &mut Report) {
    let mut needs = |present: bool, path: &str, absent: bool, other: &str| {
        if present && absent {
            let message = format!("needs `{other}` too");
            report.problem(Problem::new(path, ProblemKind::Missing, message));
        }
    };
    let (cert, key) = (&config.tls.tls_cert, &config.tls.tls_key);
    needs(cert.is_some(), "tls_cert", key.is_none(), "tls_key");
    needs(key.is_some(), "tls_key", cert.is_none(), "tls_cert");
    let s3 = config.files.files_backend == FilesBackend::S3;
    needs(
        s3,
        "files_backend",
        config.files.files_s3_bucket.is_none(),
        "files_s3_bucket",
    );
    let smtp = config.mail.mail_transport == MailTransport::Smtp;
    needs(
        smtp,
        "mail_transport",
        config.mail.smtp_host.is_none(),
        "smtp_host",
    );
    needs(
        smtp,
        "mail_transport",
        config.mail.mail_from_email.is_none(),
        "mail_from_email",
    );
}

fn origins(config: &Config, report: &mut Report) {
    for (index, origin) in config.cors.cors_allow_origins.iter().enumerate() {
        let host = origin
            .strip_prefix("https://")
            .or_else(|| origin.strip_prefix("http://"))
            .unwrap_or_default();
        let bare = !host.is_empty() && !host.contains(['/', '?', '#', ' ']);
        if origin != "*" && !bare {
            let path = format!("cors_allow_origins[{index}]");
            let problem = Problem::new(&path, ProblemKind::WrongType, "is not an origin");
            report
                .problem(problem.hint("write scheme and host only, as `https://app.example.com`"));
        }
    }
}

fn instance_exists(config: &Config, name: &str) -> bool {
    config
        .providers
        .providers
        .0
        .iter()
        .any(|instance| instance.name == name)
}

fn plain_name(name: &str, path: &str, report: &mut Report) {
    if name.trim().is_empty() || name.contains(SEPARATORS) {
        let message = "a name must not be empty or contain `:` or `/`";
        report.problem(Problem::new(path, ProblemKind::InvalidName, message));
    }
}

fn absolute_http(url: &str, path: &str, report: &mut Report) {
    let url = url.trim();
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    if rest.is_none_or(str::is_empty) {
        let problem = Problem::new(path, ProblemKind::WrongType, "is not an http(s) address");
        report.problem(problem.hint("start it with https:// or http://"));
    }
}
