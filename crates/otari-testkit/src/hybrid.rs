//! A gateway in hybrid mode, and the reference peer as its platform: both real, both in the test's process.

use std::sync::Arc;

use otari_peer::{Fault, Peer, PeerConfig};
use otari_server::listener;
use otari_types::SystemClock;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::app::{TestApp, TestAppBuilder};
use crate::client::Client;
use crate::upstream::Upstream;

/// What the gateway presents.
pub const GATEWAY_TOKEN: &str = "gt-test";
/// What the user `alice` presents.
pub const USER_TOKEN: &str = "ut-alice";

/// Builds a [`Hybrid`]. By default: the user `alice` may use everything; the provider `mock` is the scripted upstream
/// in OpenAI's format, `claude` the same in Anthropic's; `smart` is `mock:first`, then `mock:second`; all at 2.5 and 10
/// dollars per million.
#[derive(Debug)]
pub struct HybridBuilder {
    gateway: TestAppBuilder,
    platform: Map<String, Value>,
    peer: Map<String, Value>,
    search_at_peer: bool,
}

/// A running gateway with its platform.
#[derive(Debug)]
pub struct Hybrid {
    pub app: TestApp,
    pub peer: Peer,
    /// Talks to the peer.
    pub platform: Client,
    taken: watch::Receiver<usize>,
    _stop: DropGuard,
}

impl HybridBuilder {
    /// A member of the peer's file.
    pub fn peer(mut self, key: &str, value: Value) -> Self {
        self.peer.insert(key.to_owned(), value);
        self
    }

    /// A key of the gateway's `platform` section.
    pub fn platform(mut self, key: &str, value: Value) -> Self {
        self.platform.insert(key.to_owned(), value);
        self
    }

    /// A key of the gateway's configuration.
    pub fn set(mut self, key: &str, value: Value) -> Self {
        self.gateway = self.gateway.set(key, value);
        self
    }

    /// The gateway searches with the peer's own service.
    pub fn search_at_peer(mut self) -> Self {
        self.search_at_peer = true;
        self
    }

    pub async fn start(self) -> Hybrid {
        let upstream = Upstream::start().await;
        let mut config = json!({
            "gateway_tokens": [GATEWAY_TOKEN],
            "users": {"alice": {"tokens": [USER_TOKEN]}},
            "providers": {
                "mock": {"provider": "openai-compatible", "api_key": "sk-platform", "api_base": upstream.base()},
                "claude": {"provider": "anthropic-compatible", "api_key": "sk-claude", "api_base": upstream.base()},
            },
            "models": {"smart": ["mock:first", "mock:second"]},
            "prices": {"mock:*": {"input": 2.5, "output": 10}, "claude:*": {"input": 2.5, "output": 10}},
        });
        if let Value::Object(config) = &mut config {
            config.extend(self.peer);
        }
        let config = PeerConfig::read(config).expect("a valid peer");
        let (tell, taken) = watch::channel(0);
        let sink = move |_: &_| tell.send_modify(|count| *count += 1);
        let peer = Peer::new(config, Arc::new(SystemClock), Box::new(sink));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let stop = CancellationToken::new();
        tokio::spawn(listener::serve(
            listener,
            None,
            peer.router(),
            CancellationToken::new(),
            stop.clone(),
        ));
        let mut platform = self.platform;
        let base = json!(format!("http://{address}/api/v1"));
        platform.entry("base_url").or_insert(base);
        let mut gateway = self.gateway;
        if self.search_at_peer {
            let url = format!("http://{address}/api/v1/gateway/web-search");
            gateway = gateway.set("web_search_url", json!(url));
        }
        let gateway = gateway
            .set("platform", Value::Object(platform))
            .set("providers", json!({}))
            .set("pricing", json!({}))
            .set("master_key", Value::Null)
            .env("OTARI_AI_TOKEN", GATEWAY_TOKEN);
        Hybrid {
            app: gateway.start_before(upstream).await,
            peer,
            platform: Client::new(format!("http://{address}")),
            taken,
            _stop: stop.drop_guard(),
        }
    }
}

impl Hybrid {
    pub fn builder() -> HybridBuilder {
        HybridBuilder {
            gateway: TestApp::builder(),
            platform: Map::new(),
            peer: Map::new(),
            search_at_peer: false,
        }
    }

    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// What shall fail from now on.
    pub fn fail(&self, faults: &Value) {
        let faults: Vec<Fault> = serde_json::from_value(faults.clone()).expect("faults");
        self.peer.set_faults(faults);
    }

    /// Waits until so many reports were taken in all; gives them, the oldest first.
    pub async fn reports(&self, count: usize) -> Vec<Value> {
        let mut taken = self.taken.clone();
        let enough = taken.wait_for(|taken| *taken >= count).await;
        enough.expect("the peer runs");
        let reports = self.peer.reports().into_iter();
        reports
            .map(|report| {
                let text = serde_json::to_string(&report).expect("a report");
                serde_json::from_str(&text).expect("a report")
            })
            .collect()
    }

    /// Stops the gateway as its process would, reports included.
    pub async fn close(&self, limit: std::time::Duration) {
        let gateway = &self.app.app.gateway;
        gateway.platform().expect("hybrid mode").close(limit).await;
    }
}
