//! Through the transport, against a scripted socket.

mod aws;
mod cached;
mod endpoint;
mod fixed;
mod tokens;
mod uploads;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use otari_types::{ManualClock, Secret, Timestamp};
use serde_json::Value;

use crate::{Answered, Environment, Instance, InstanceError, InstanceOptions, InstanceSettings};
use crate::{Operation, Outbound, Timeouts, Transport, UpstreamError, catalog};

use endpoint::{Answer, Endpoint, Seen};

fn noon() -> Timestamp {
    Timestamp::parse("2026-01-02T12:00:00Z").unwrap()
}

/// What one instance is made of.
struct Lab {
    provider: &'static str,
    key: Option<&'static str>,
    base: Option<String>,
    headers: Vec<(String, String)>,
    values: Value,
    env: Vec<(String, String)>,
    clock: ManualClock,
}

impl Lab {
    fn new(provider: &'static str) -> Self {
        Self {
            provider,
            key: None,
            base: None,
            headers: Vec::new(),
            values: Value::Object(serde_json::Map::default()),
            env: Vec::new(),
            clock: ManualClock::at(noon()),
        }
    }

    fn at(mut self, endpoint: &Endpoint) -> Self {
        self.base = Some(endpoint.url.clone());
        self
    }

    fn key(mut self, key: &'static str) -> Self {
        self.key = Some(key);
        self
    }

    fn values(mut self, values: Value) -> Self {
        self.values = values;
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn make(self) -> Result<Instance, InstanceError> {
        let limit = Duration::from_secs(20);
        let settings = InstanceSettings {
            more_keys: Vec::new(),
            max_retries: 0,
            name: "lab".to_owned(),
            api_key: self.key.map(Secret::new),
            api_base: self.base,
            custom_headers: self.headers,
            models: Vec::new(),
            timeouts: Timeouts {
                connect: limit,
                first_byte: limit,
                idle: limit,
                total: limit,
            },
            implicit: false,
        };
        let Value::Object(values) = self.values else {
            panic!("options are an object")
        };
        let env = self.env;
        let options = InstanceOptions {
            values,
            environment: Environment::new(move |name| {
                let found = env.iter().find(|(known, _)| known == name);
                found.map(|(_, value)| value.clone())
            }),
            clock: std::sync::Arc::new(self.clock),
        };
        Instance::with_options(catalog::find(self.provider).unwrap(), settings, &options)
    }
}

fn outbound(instance: &Instance) -> Outbound {
    Outbound {
        method: Method::POST,
        uri: instance.address(Operation::Chat, "m", false).unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"{}"),
    }
}

async fn send(transport: &Transport, instance: &Instance) -> Result<Answered, UpstreamError> {
    transport.send(instance, outbound(instance)).await
}

fn transport() -> Transport {
    Transport::new(Duration::from_secs(5))
}
