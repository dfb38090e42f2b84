//! A whole gateway in the test's process, on a socket and a database of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use otari_config::Sources;
use otari_providers::catalog;
use otari_server::{App, Started, listener, router};
use otari_types::{Clock, ManualClock, SystemClock, Timestamp};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::client::Client;
use crate::upstream::Upstream;

pub const MASTER_KEY: &str = "mk-test-0123456789";

/// Builds a [`TestApp`]. By default: SQLite in a temporary folder, the system clock, one provider `mock` at the
/// scripted upstream, `mock:scripted` priced at 2.5 and 10 dollars per million.
#[derive(Debug)]
pub struct TestAppBuilder {
    settings: serde_json::Map<String, Value>,
    env: BTreeMap<String, String>,
    clock: Arc<dyn Clock>,
    database_url: Option<String>,
}

/// A running gateway and its scripted upstream.
#[derive(Debug)]
pub struct TestApp {
    pub app: App,
    pub client: Client,
    pub upstream: Upstream,
    pub address: std::net::SocketAddr,
    /// Dropping it ends the listener.
    _stop: DropGuard,
    dir: Arc<tempfile::TempDir>,
}

impl TestAppBuilder {
    /// A configuration key, as in the file.
    pub fn set(mut self, key: &str, value: Value) -> Self {
        self.settings.insert(key.to_owned(), value);
        self
    }

    /// A variable of the environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn clock(mut self, clock: &ManualClock) -> Self {
        self.clock = Arc::new(clock.clone());
        self
    }

    pub fn database(mut self, url: &str) -> Self {
        self.database_url = Some(url.to_owned());
        self
    }

    pub async fn start(self) -> TestApp {
        self.start_before(Upstream::start().await).await
    }

    /// Starts before an upstream that runs already.
    pub async fn start_before(self, upstream: Upstream) -> TestApp {
        let dir = Arc::new(tempfile::tempdir().expect("a temporary folder"));
        self.start_in(dir, upstream).await
    }

    /// Starts on the data of a stopped one, as after a restart.
    pub async fn restart(self, stopped: TestApp) -> TestApp {
        let TestApp {
            upstream, dir, app, ..
        } = stopped;
        app.draining.cancel();
        app.background.wait().await;
        app.gateway
            .ledger
            .close(std::time::Duration::from_secs(10))
            .await;
        self.start_in(dir, upstream).await
    }

    async fn start_in(self, dir: Arc<tempfile::TempDir>, upstream: Upstream) -> TestApp {
        let path = |name: &str| dir.path().join(name).display().to_string();
        let mut config = json!({
            "host": "127.0.0.1", "port": 0, "master_key": MASTER_KEY, "data_dir": path("data"),
            "files_local_dir": path("files"),
            // No program of these tests is a worker of the sandbox.
            "sandbox_backend": "off",
            "database_url": self.database_url.unwrap_or_else(|| format!("sqlite:///{}", path("otari.db"))),
            "providers": {"mock": {"provider_type": "openai-compatible", "api_key": "sk-upstream", "api_base": upstream.base()}},
            "pricing": {"mock:scripted": {"input_price_per_million": 2.5, "output_price_per_million": 10.0}},
        });
        if let Value::Object(config) = &mut config {
            config.extend(self.settings);
        }
        let mut env = self.env;
        env.insert("OTARI_CONFIG_YAML".to_owned(), config.to_string());
        let sources = Sources {
            config_file: None,
            env,
            flags: Vec::new(),
            cwd: dir.path().to_owned(),
            read_file: Box::new(|_| Err(std::io::ErrorKind::NotFound.into())),
        };
        let known = |name: &str| catalog::find(name).is_some();
        let loaded = otari_config::load(&sources, &known).expect("a valid test configuration");
        let starting = otari_server::start(loaded.config, self.clock, "test".to_owned());
        // A configuration is large, and so is what holds one.
        let started = Box::pin(starting).await;
        let Started {
            app,
            listener,
            address,
            ..
        } = started.expect("the gateway starts");
        let stop = CancellationToken::new();
        let drain = app.draining.clone();
        tokio::spawn(listener::serve(
            listener,
            None,
            router(&app),
            drain,
            stop.clone(),
        ));
        TestApp {
            client: Client::new(format!("http://{address}")),
            app,
            upstream,
            address,
            _stop: stop.drop_guard(),
            dir,
        }
    }
}

impl TestApp {
    pub fn builder() -> TestAppBuilder {
        TestAppBuilder {
            settings: serde_json::Map::new(),
            env: BTreeMap::new(),
            clock: Arc::new(SystemClock),
            database_url: None,
        }
    }

    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// A file or folder of the gateway's own, as `data` or `files`.
    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    /// A fixed moment for [`TestAppBuilder::clock`].
    pub fn noon() -> ManualClock {
        ManualClock::at(Timestamp::from_secs(1_767_268_800))
    }

    /// A user and a key of its own; returns the key.
    pub async fn key(&self, user: &str, members: Value) -> String {
        let mut body = json!({"user_id": user});
        if let (Value::Object(body), Value::Object(members)) = (&mut body, members) {
            body.extend(members);
        }
        let created = self
            .client
            .post("/v1/keys", MASTER_KEY, &body)
            .await
            .expect(200);
        created["key"].as_str().expect("a key").to_owned()
    }

    /// A user on a budget with these members; returns a key.
    pub async fn budgeted_key(&self, user: &str, budget: Value) -> String {
        let budget = self
            .client
            .post("/v1/budgets", MASTER_KEY, &budget)
            .await
            .expect(200);
        let body = json!({"user_id": user, "budget_id": budget["budget_id"]});
        self.client
            .post("/v1/users", MASTER_KEY, &body)
            .await
            .expect(200);
        self.key(user, json!({})).await
    }

    /// Every usage row, newest first.
    pub async fn usage(&self) -> Vec<Value> {
        match self
            .client
            .get("/v1/usage?limit=1000", MASTER_KEY)
            .await
            .expect(200)
        {
            Value::Array(rows) => rows,
            other => panic!("usage is not a list: {other}"),
        }
    }

    pub async fn user(&self, user: &str) -> Value {
        self.client
            .get(&format!("/v1/users/{user}"), MASTER_KEY)
            .await
            .expect(200)
    }
}
