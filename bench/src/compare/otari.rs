//! Otari with everything on: virtual key, budget hold, usage row, price, metrics; SQLite.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use hyper::Method;
use serde_json::{Value, json};

use super::admin::Admin;
use super::setup::{Access, Setup};
use super::{footprint, rounds, write};
use crate::figures::OTARI;
use crate::process::free_address;

const MASTER_KEY: &str = "bench-master-key-of-a-local-run";
/// The journal reaches the database within moments; this is far more.
const ROWS_WITHIN: Duration = Duration::from_secs(30);
const ROWS_POLL: Duration = Duration::from_millis(500);

/// Starts once on an empty database to create budget, user, key and prices; also how long that start took.
pub(super) async fn setup(
    program: &Path,
    dir: &Path,
    upstream: SocketAddr,
) -> Result<(Setup, Duration)> {
    let address = free_address()?;
    let config = dir.join("otari.yml");
    write(&config, &configuration(dir, address, upstream))?;
    let mut setup = Setup {
        name: OTARI,
        program: program.to_owned(),
        arguments: vec!["serve".into(), "--config".into(), config.into()],
        environment: vec![("OTARI_MASTER_KEY", MASTER_KEY.to_owned())],
        log: dir.join("otari.log"),
        address,
        access: Access {
            key: None,
            instance: "mock:",
        },
    };
    let started = Instant::now();
    let _process = setup.start().await?;
    let first_start = started.elapsed();
    setup.access.key = Some(govern(&Admin::new(address, MASTER_KEY)).await?);
    Ok((setup, first_start))
}

fn configuration(dir: &Path, address: SocketAddr, upstream: SocketAddr) -> String {
    // JSON is YAML.
    let config = json!({
        "host": address.ip().to_string(),
        "port": address.port(),
        "database_url": format!("sqlite:///{}", dir.join("otari.db").display()),
        "data_dir": dir.join("otari-data"),
        "enable_metrics": true,
        "require_pricing": true,
        "model_discovery": false,
        "providers": {"mock": {
            "provider_type": "openai-compatible",
            "api_base": format!("http://{upstream}/v1"),
            "api_key": "sk-bench",
        }},
    });
    config.to_string()
}

/// A user with a budget, prices for every model that is called, and the user's key.
async fn govern(admin: &Admin) -> Result<String> {
    let budget = admin
        .call(
            Method::POST,
            "/v1/budgets",
            &json!({"max_budget": 1_000_000}),
        )
        .await?;
    let budget_id = budget
        .get("budget_id")
        .context("a budget without budget_id")?;
    let user = json!({"user_id": "bench", "budget_id": budget_id});
    admin.call(Method::POST, "/v1/users", &user).await?;
    for model in [
        "mock".to_owned(),
        rounds::SHAPE.model(),
        footprint::SHAPE.model(),
    ] {
        let price = json!({
            "model_key": format!("mock:{model}"),
            "input_price_per_million": 1,
            "output_price_per_million": 2,
        });
        admin.call(Method::POST, "/v1/pricing", &price).await?;
    }
    let key = admin
        .call(Method::POST, "/v1/keys", &json!({"user_id": "bench"}))
        .await?;
    let key = key
        .get("key")
        .and_then(Value::as_str)
        .context("a key without key")?;
    Ok(key.to_owned())
}

/// How many usage rows there are, once the number has come to rest. Starts a process of its own.
pub(super) async fn usage_rows(setup: &Setup) -> Result<u64> {
    let _process = setup.start().await?;
    let admin = Admin::new(setup.address, MASTER_KEY);
    let mut last = count(&admin).await?;
    let deadline = Instant::now() + ROWS_WITHIN;
    while Instant::now() < deadline {
        tokio::time::sleep(ROWS_POLL).await;
        let now = count(&admin).await?;
        if now == last {
            break;
        }
        last = now;
    }
    Ok(last)
}

/// Whether every answered call left a row. A gateway that skips rows would look fast.
pub(super) async fn recorded(setup: &Setup, before: u64, calls: u64) -> String {
    let admin = Admin::new(setup.address, MASTER_KEY);
    let deadline = Instant::now() + ROWS_WITHIN;
    loop {
        match count(&admin).await {
            Ok(rows) if rows.saturating_sub(before) >= calls || Instant::now() >= deadline => {
                return format!(
                    "otari: {} usage rows for {calls} answered calls",
                    rows.saturating_sub(before)
                );
            }
            Err(error) if Instant::now() >= deadline => {
                return format!("otari: usage rows unknown: {error:#}");
            }
            _ => tokio::time::sleep(ROWS_POLL).await,
        }
    }
}

async fn count(admin: &Admin) -> Result<u64> {
    let answer = admin
        .call(Method::GET, "/v1/usage/count", &Value::Null)
        .await?;
    answer
        .get("total")
        .and_then(Value::as_u64)
        .with_context(|| format!("no total: {answer}"))
}
