//! The page that says of every operation of the published API, version 0.12.1, whether it is served here.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, bail};
use serde_json::Value;

/// Method and path a line, as the published client calls them.
const PUBLISHED: &str = "tests/golden/operations.txt";
/// In the router these are the ends of another path, which the document of the API lists once.
const WITHIN: &[(&str, &str)] = &[(
    "GET /pricing/{model_key}/history",
    "GET /pricing/{model_key}",
)];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Planned,
    Refused,
}

/// What is not served, by the beginning of its path; the longest that fits counts.
const UNSERVED: &[(&str, Standing, &str)] = &[
    ("/admin", Standing::Planned, TENANCY),
    ("/auth", Standing::Planned, SESSIONS),
    ("/invitations", Standing::Planned, SESSIONS),
    ("/organizations", Standing::Planned, TENANCY),
    ("/workspaces", Standing::Planned, TENANCY),
    ("/scoped-budgets", Standing::Planned, TENANCY),
    ("/catalog", Standing::Planned, CATALOGUE),
    ("/models/discoverable", Standing::Planned, CATALOGUE),
    ("/models/metadata", Standing::Planned, CATALOGUE),
    ("/providers/catalog", Standing::Planned, CATALOGUE),
    (
        "/providers/health",
        Standing::Planned,
        "The state of each instance is in `/metrics` until then.",
    ),
    (
        "/provider-credentials",
        Standing::Planned,
        "Providers are configured in the file; a stored one comes with the dashboard.",
    ),
    ("/pricing/current", Standing::Planned, PRICES),
    ("/pricing/drift", Standing::Planned, PRICES),
    ("/pricing/refresh", Standing::Planned, PRICES),
    ("/pricing/snapshots", Standing::Planned, PRICES),
    ("/usage", Standing::Planned, CORRECTIONS),
    (
        "/usage/external-events",
        Standing::Planned,
        "Usage that other programs report comes with the OpenTelemetry receiver.",
    ),
    ("/agent-telemetry", Standing::Planned, TELEMETRY),
    ("/otlp", Standing::Planned, TELEMETRY),
    ("/hooks/check", Standing::Planned, TELEMETRY),
    ("/overview", Standing::Planned, DASHBOARD),
    ("/settings/mail", Standing::Planned, SESSIONS),
    ("/settings/maintenance-mode", Standing::Planned, DASHBOARD),
    (
        "/settings/master-key",
        Standing::Planned,
        "The master key is set in the file or the environment, and changed there.",
    ),
    (
        "/playground",
        Standing::Refused,
        "Conversations of a chat page are no part of a gateway; it keeps no content. Chat clients use `/v1/chat/completions`.",
    ),
    (
        "/feedback",
        Standing::Refused,
        "It sends messages to the makers of Otari; nothing here calls home.",
    ),
];

const TENANCY: &str = "Organizations, and workspaces with members of their own, come with tenancy.";
const SESSIONS: &str = "Sign-in of people comes with the dashboard; programs use keys.";
const CATALOGUE: &str = "`GET /v1/models` and `GET /v1/providers` list what is usable; a catalogue to choose from comes with the dashboard.";
const PRICES: &str =
    "Prices are set one by one, or come with the release; reviewed refreshes come later.";
const CORRECTIONS: &str = "Rows are written once; their correction and deletion come later.";
const TELEMETRY: &str = "Comes with the receiver of OpenTelemetry data.";
const DASHBOARD: &str = "Comes with the dashboard.";

/// `openapi` is the document the binary prints.
pub(crate) fn page(openapi: &str) -> anyhow::Result<String> {
    let served = served(openapi)?;
    let published = fs::read_to_string(PUBLISHED).with_context(|| PUBLISHED.to_owned())?;
    let mut rows = String::new();
    let mut counts = BTreeMap::new();
    let mut used = vec![false; UNSERVED.len()];
    for line in published.lines() {
        let (method, path) = line.split_once(' ').context("a line without a path")?;
        let path = path.strip_prefix("/api/v1").unwrap_or(path);
        let (standing, reason) = if is_served(&served, method, path) {
            ("served", "")
        } else {
            let Some((at, (_, standing, reason))) = reason_for(path) else {
                bail!("{method} {path} is not served, and xtask/src/operations.rs has no reason");
            };
            *used.get_mut(at).context("in the table")? = true;
            let word = match standing {
                Standing::Planned => "planned",
                Standing::Refused => "refused",
            };
            (word, *reason)
        };
        *counts.entry(standing).or_insert(0_u32) += 1;
        writeln!(rows, "| {method} | `{path}` | {standing} | {reason} |")?;
    }
    if let Some(at) = used.iter().position(|used| !used) {
        let prefix = UNSERVED.get(at).map_or("", |(prefix, ..)| prefix);
        bail!(
            "everything under {prefix} is served: take its reason out of xtask/src/operations.rs"
        );
    }
    let count = |word| counts.get(word).copied().unwrap_or(0);
    Ok(format!(
        "<!-- Generated by `cargo xtask generate`. Do not edit. -->\n\n# Operations\n\n\
         Otari's published API, version 0.12.1, has {} operations. Here {} are served, {} planned, {} refused. Each is under \
         `/v1` and under `/api/v1`; what this gateway serves beyond them is in [openapi.json](openapi.json).\n\n\
         | | Path | | Why not |\n|---|---|---|---|\n{rows}",
        counts.values().sum::<u32>(),
        count("served"),
        count("planned"),
        count("refused"),
    ))
}

fn reason_for(path: &str) -> Option<(usize, &'static (&'static str, Standing, &'static str))> {
    let fitting = UNSERVED.iter().enumerate().filter(|(_, (prefix, ..))| {
        let rest = path.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    fitting.max_by_key(|(_, (prefix, ..))| prefix.len())
}

fn is_served(served: &[String], method: &str, path: &str) -> bool {
    let operation = format!("{method} {}", anonymous(path));
    let within = WITHIN
        .iter()
        .find(|(end, _)| *end == format!("{method} {path}"));
    let within = within.map(|(_, whole)| anonymous(whole));
    served.contains(&operation) || within.is_some_and(|whole| served.contains(&whole))
}

/// Methods and paths of the document, without the version.
fn served(openapi: &str) -> anyhow::Result<Vec<String>> {
    let document: Value = serde_json::from_str(openapi)?;
    let paths = document.get("paths").and_then(Value::as_object);
    let paths = paths.context("the document has no paths")?;
    let mut served = Vec::new();
    for (path, methods) in paths {
        let path = anonymous(path.strip_prefix("/v1").unwrap_or(path));
        let methods = methods.as_object().context("a path without methods")?;
        served.extend(
            methods
                .keys()
                .map(|method| format!("{} {path}", method.to_uppercase())),
        );
    }
    Ok(served)
}

/// Parameters have other names elsewhere.
fn anonymous(path: &str) -> String {
    let parts = path.split('/').map(|part| match part.strip_prefix('{') {
        Some(_) => "{}",
        None => part,
    });
    parts.collect::<Vec<_>>().join("/")
}
