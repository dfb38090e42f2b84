//! A gateway with a provider that fails and one that stands in for it.

use otari_testkit::{Script, TestApp, Upstream};
use serde_json::{Value, json};

pub(super) struct Lab {
    pub(super) app: TestApp,
    pub(super) faulty: Upstream,
    pub(super) spare: Upstream,
    pub(super) key: String,
}

impl Lab {
    /// The faulty provider is at its own upstream, or at `address`.
    pub(super) async fn start(address: Option<&str>) -> Self {
        let (faulty, spare) = (Upstream::start().await, Upstream::start().await);
        let base = address.map_or_else(|| faulty.base(), str::to_owned);
        let price = json!({"input_price_per_million": 1.0, "output_price_per_million": 1.0});
        let policy = json!({"select": [{"default": "faulty:m"}], "on_failure": ["spare:m"]});
        let app = TestApp::builder()
            .set(
                "providers",
                json!({
                    "faulty": {
                        "provider_type": "openai-compatible", "api_key": "sk", "api_base": base,
                        "client_args": {"first_byte_timeout_ms": 150, "idle_timeout_ms": 150},
                    },
                    "spare": {"provider_type": "openai-compatible", "api_key": "sk", "api_base": spare.base()},
                }),
            )
            .set("pricing", json!({"faulty:m": price, "spare:m": price}))
            .set("routing", json!({"policies": {"safe": policy}}))
            .set("circuit_breaker_failures", json!(0))
            .start()
            .await;
        let key = app.key("alice", json!({})).await;
        Self {
            app,
            faulty,
            spare,
            key,
        }
    }

    /// What the only caller has spent; nothing is held any more.
    pub(super) async fn spend(&self) -> f64 {
        let user = self.app.user("alice").await;
        assert_eq!(of(&user, "reserved"), json!(0.0), "nothing stays held");
        of(&user, "spend").as_f64().unwrap()
    }

    /// Status, its number and provider of the newest rows, the last one's first.
    pub(super) async fn newest(&self, count: usize) -> Vec<(Value, Value, Value)> {
        let rows = self.app.usage().await;
        let rows = rows.iter().take(count);
        rows.map(|row| {
            (
                of(row, "status"),
                of(row, "status_code"),
                of(row, "provider"),
            )
        })
        .collect()
    }

    /// The next call of the faulty provider goes so; `None`: it cannot be reached anyway.
    pub(super) fn fail(&self, script: Option<&Script>) {
        if let Some(script) = script {
            self.faulty.enqueue(script.clone());
        }
    }
}

pub(super) fn of(value: &Value, member: &str) -> Value {
    value.get(member).cloned().unwrap_or_default()
}
