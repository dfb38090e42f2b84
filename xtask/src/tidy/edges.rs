//! Which crate may depend on what, checked against `cargo metadata`.

use anyhow::Context as _;
use serde_json::Value;

use crate::process::{cargo, output};

const HTTP: &[&str] = &["axum", "hyper", "reqwest", "tower"];
const SQL: &[&str] = &["sqlx"];
const RUNTIME: &[&str] = &["tokio"];
const WEB_SERVER: &[&str] = &["axum"];

/// A crate, what it must not use, and the workspace crates it may use (`None`: any).
type Rule = (
    &'static str,
    &'static [&'static [&'static str]],
    Option<&'static [&'static str]>,
);

const RULES: &[Rule] = &[
    ("otari-types", &[HTTP, SQL, RUNTIME], Some(&[])),
    ("otari-wire", &[HTTP, SQL, RUNTIME], Some(&["otari-types"])),
    (
        "otari-translate",
        &[HTTP, SQL, RUNTIME],
        Some(&["otari-types", "otari-wire"]),
    ),
    (
        "otari-platform",
        &[HTTP, SQL, RUNTIME],
        Some(&["otari-types"]),
    ),
    (
        "otari-peer",
        &[SQL],
        Some(&[
            "otari-types",
            "otari-metering",
            "otari-platform",
            "otari-providers",
        ]),
    ),
    (
        "otari-metering",
        &[HTTP, SQL, RUNTIME],
        Some(&["otari-types"]),
    ),
    (
        "otari-config",
        &[HTTP, SQL, RUNTIME],
        Some(&["otari-types"]),
    ),
    ("otari-journal", &[HTTP, SQL, RUNTIME], Some(&[])),
    ("otari-documents", &[HTTP, SQL, RUNTIME], Some(&[])),
    ("otari-encoder", &[HTTP, SQL, RUNTIME], Some(&[])),
    ("otari-providers", &[WEB_SERVER, SQL], None),
    (
        "otari-store",
        &[HTTP],
        Some(&["otari-types", "otari-metering"]),
    ),
    ("otari-ledger", &[HTTP, SQL], None),
    ("otari-tools", &[WEB_SERVER, SQL], None),
    ("otari-sandbox", &[SQL], None),
    ("otari-gateway", &[WEB_SERVER, SQL], None),
    ("otari-server", &[SQL], None),
    ("otari", &[SQL], None),
];

pub(super) fn check() -> anyhow::Result<Vec<String>> {
    let metadata =
        output(cargo().args(["metadata", "--format-version", "1", "--no-deps", "--locked"]))
            .context("`cargo metadata --locked` failed: is Cargo.lock up to date?")?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let packages = metadata
        .get("packages")
        .and_then(Value::as_array)
        .context("no packages")?;
    Ok(packages.iter().flat_map(faults).collect())
}

fn faults(package: &Value) -> Vec<String> {
    let name = package
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let Some((_, forbidden, allowed)) = RULES.iter().find(|(rule, ..)| *rule == name) else {
        return Vec::new();
    };
    let forbidden: Vec<&str> = forbidden
        .iter()
        .flat_map(|list| list.iter().copied())
        .collect();
    shipped_dependencies(package)
        .filter(|dependency| {
            let ours = dependency.starts_with("otari");
            forbidden.contains(dependency)
                || (ours && allowed.is_some_and(|allowed| !allowed.contains(dependency)))
        })
        .map(|dependency| format!("{name} must not depend on {dependency} (ARCHITECTURE.md)"))
        .collect()
}

/// Tests may use anything.
fn shipped_dependencies(package: &Value) -> impl Iterator<Item = &str> {
    let dependencies = package.get("dependencies").and_then(Value::as_array);
    dependencies
        .into_iter()
        .flatten()
        .filter(|dependency| dependency.get("kind").is_none_or(Value::is_null))
        .filter_map(|dependency| dependency.get("name")?.as_str())
}
