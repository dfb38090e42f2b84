//! A gateway with every row configured, each at an upstream of its own.

use otari_providers::{AuthScheme, Capability, Dialect, Provider, catalog};
use otari_testkit::{Captured, Response, Script, TestApp, Upstream};
use serde_json::{Map, Value, json};

use super::{Checked, INPUT_TOKENS, MODEL, OUTPUT_TOKENS, Surface, Wire, chat_wire, ensure};

const PROJECT: &str = "proj-1";
const LOCATION: &str = "europe-west4";
const REGION: &str = "eu-west-1";
const API_VERSION: &str = "2025-01-02";
const ACCESS_KEY: &str = "AKIDCONFORMANCE";
const READY_TOKEN: &str = "ya29.conformance";
const EXCHANGED_TOKEN: &str = "exchanged-token";
/// Dollars per million tokens.
const PRICES: (f64, f64) = (1.0, 2.0);

/// One row and its upstream.
#[derive(Debug)]
pub(super) struct Station {
    pub(super) provider: &'static Provider,
    pub(super) upstream: Upstream,
    /// Path of the configured base URL.
    base: String,
}

#[derive(Debug)]
pub(super) struct Fleet {
    pub(super) app: TestApp,
    /// The caller's key, which no provider may ever see.
    pub(super) key: String,
    pub(super) stations: Vec<Station>,
    _token_service: Upstream,
}

impl Fleet {
    pub(super) async fn start() -> Self {
        let token_service = Upstream::start().await;
        let token =
            json!({"access_token": EXCHANGED_TOKEN, "token_type": "Bearer", "expires_in": 3600});
        token_service.always(Script::json(200, &token));
        let (mut stations, mut entries, mut prices) = (Vec::new(), Map::new(), Map::new());
        for provider in catalog::all() {
            let station = Station::start(provider).await;
            entries.insert(provider.id.to_owned(), station.entry(&token_service));
            for model in [MODEL, station.embedding_model()] {
                let (input, output) = PRICES;
                let price =
                    json!({"input_price_per_million": input, "output_price_per_million": output});
                prices.insert(format!("{}:{model}", provider.id), price);
            }
            stations.push(station);
        }
        let app = TestApp::builder()
            .set("providers", Value::Object(entries))
            .set("pricing", Value::Object(prices))
            .start()
            .await;
        let key = app.key("alice", json!({})).await;
        Self {
            app,
            key,
            stations,
            _token_service: token_service,
        }
    }

    /// Calls a surface for the station's model.
    pub(super) async fn call(
        &self,
        station: &Station,
        surface: Surface,
        stream: bool,
        body: &Value,
    ) -> Response {
        let path = surface.path(&station.selector(), stream);
        self.app.client.post(&path, &self.key, body).await
    }

    /// The rows with a capability.
    pub(super) fn that_can(&self, capability: Capability) -> impl Iterator<Item = &Station> {
        self.stations
            .iter()
            .filter(move |station| station.provider.can(capability))
    }

    /// What holds for every request upstream: address, credential, configured headers, nothing of the caller's.
    pub(super) fn check_envelope(&self, station: &Station, sent: &Captured, path: &str) -> Checked {
        ensure!(sent.path == path, "sent to {}, not {path}", sent.path);
        ensure!(!sent.path.contains(['{', '}']), "unfilled {}", sent.path);
        station.check_credential(sent)?;
        let provider = station.provider;
        let fixed = provider
            .headers
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        let options = provider.option_headers.iter();
        let options = options.map(|option| (option.header, option_value(option.option)));
        for (name, value) in fixed.chain(options) {
            let found = sent.headers.get(name);
            ensure!(found == Some(&value), "{name} is {found:?}, not {value}");
        }
        let body = String::from_utf8_lossy(&sent.body);
        let leaks = body.contains(&self.key)
            || sent.headers.values().any(|value| value.contains(&self.key));
        ensure!(!leaks, "the caller's key was passed on");
        Ok(())
    }

    /// Every usage row of the station so far says what its upstream billed.
    pub(super) fn check_bill(
        rows: &[Value],
        station: &Station,
        surface: Surface,
        calls: usize,
    ) -> Checked {
        let id = station.provider.id;
        let own: Vec<&Value> = rows.iter().filter(|row| row["provider"] == id).collect();
        ensure!(
            own.len() == calls,
            "{} usage rows of {calls}: {own:?}",
            own.len()
        );
        for row in own {
            ensure!(row["status"] == "success", "usage row {row}");
            let endpoint = row["endpoint"].as_str().unwrap_or_default();
            ensure!(endpoint.starts_with(surface.endpoint()), "usage row {row}");
            if station.is_built_in() {
                ensure!(
                    row["cost"].as_f64().is_some_and(|cost| cost > 0.0),
                    "free: {row}"
                );
                continue;
            }
            let tokens = (&row["prompt_tokens"], &row["completion_tokens"]);
            ensure!(
                tokens == (&json!(INPUT_TOKENS), &json!(OUTPUT_TOKENS)),
                "usage row {row}"
            );
            // 11 at 1 and 7 at 2 dollars per million.
            ensure!(row["cost"] == json!(0.000_025), "usage row {row}");
        }
        Ok(())
    }
}

impl Station {
    async fn start(provider: &'static Provider) -> Self {
        let base = match (provider.base_url, provider.base_shape.default_path) {
            (Some(url), _) => path_of(url),
            (None, "") => "/v1",
            (None, default) => default,
        };
        Self {
            provider,
            upstream: Upstream::start().await,
            base: base.to_owned(),
        }
    }

    /// What a caller writes for the row's model.
    pub(super) fn selector(&self) -> String {
        format!("{}:{MODEL}", self.provider.id)
    }

    pub(super) fn is_built_in(&self) -> bool {
        self.provider.dialect == Dialect::Echo
    }

    /// Where the row's models for embeddings are told apart by name.
    pub(super) fn embedding_model(&self) -> &'static str {
        match self.provider.dialect {
            Dialect::BedrockConverse => "amazon.titan-embed-text-v2:0",
            _ => "m-embed",
        }
    }

    /// The entry in `providers`: what the kind of credential and the paths ask for.
    fn entry(&self, token_service: &Upstream) -> Value {
        let provider = self.provider;
        let origin = self.upstream.base();
        let origin = origin.trim_end_matches("/v1");
        let mut entry = match provider.auth {
            AuthScheme::None => json!({}),
            AuthScheme::GoogleOauth => json!({"access_token": READY_TOKEN}),
            AuthScheme::SigV4(_) => {
                json!({"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": "secret", "region": REGION})
            }
            AuthScheme::IbmIam => {
                json!({"api_key": self.api_key(), "iam_url": token_service.base()})
            }
            AuthScheme::Bearer
            | AuthScheme::Header(_)
            | AuthScheme::AzureKey
            | AuthScheme::DatabricksOauth => json!({"api_key": self.api_key()}),
        };
        entry["api_base"] = json!(format!("{origin}{}", self.base));
        let mut set_where = |placeholder: &str, option: &str, value: &str| {
            if provider.paths.chat.contains(placeholder) {
                entry[option] = json!(value);
            }
        };
        set_where("{project}", "project", PROJECT);
        set_where("{location}", "location", LOCATION);
        set_where("{api_version}", "api_version", API_VERSION);
        if provider.dialect == Dialect::Watsonx {
            entry["project_id"] = json!(PROJECT);
        }
        for option in provider.option_headers {
            entry[option.option] = json!(option_value(option.option));
        }
        entry
    }

    fn api_key(&self) -> String {
        format!("sk-{}", self.provider.id)
    }

    /// The path a template of the row stands for.
    pub(super) fn path(&self, template: &str, model: &str) -> String {
        let filled = template
            .replace("{model}", &model.replace(':', "%3A"))
            .replace("{project}", PROJECT)
            .replace("{location}", LOCATION)
            .replace("{region}", REGION)
            .replace("{api_version}", API_VERSION);
        if filled.contains("://") {
            return path_of(&filled).to_owned();
        }
        match filled.strip_prefix("/v1") {
            Some(rest) if self.base.ends_with("/v1") => format!("{}{rest}", self.base),
            _ => format!("{}{filled}", self.base),
        }
    }

    /// In which format, and where, the row is called for a surface.
    pub(super) fn spoken(&self, surface: Surface, stream: bool) -> (Wire, String) {
        let (provider, paths) = (self.provider, &self.provider.paths);
        let (wire, template) = match surface {
            Surface::Messages if provider.can(Capability::Messages) => {
                (Wire::Anthropic, paths.messages)
            }
            Surface::Responses if provider.can(Capability::Responses) => {
                (Wire::Responses, paths.responses)
            }
            _ => (chat_wire(provider), paths.chat),
        };
        let template = match paths.chat_stream {
            Some(streamed) if stream && template == paths.chat => streamed,
            _ => template,
        };
        (wire, self.path(template, MODEL))
    }

    fn check_credential(&self, sent: &Captured) -> Checked {
        let key = self.api_key();
        let bearer = |token: &str| ("authorization", format!("Bearer {token}"));
        let expected = match self.provider.auth {
            AuthScheme::None => return Ok(()),
            AuthScheme::SigV4(service) => return check_signature(sent, service),
            AuthScheme::Bearer | AuthScheme::DatabricksOauth => bearer(&key),
            AuthScheme::Header(name) => (name, key),
            AuthScheme::AzureKey => ("api-key", key),
            AuthScheme::GoogleOauth => bearer(READY_TOKEN),
            AuthScheme::IbmIam => bearer(EXCHANGED_TOKEN),
        };
        let found = sent.headers.get(expected.0);
        ensure!(found == Some(&expected.1), "{} is {found:?}", expected.0);
        let others = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];
        for other in others.iter().filter(|name| **name != expected.0) {
            let both = self.provider.dialect == Dialect::AzureAnthropic && *other == "x-api-key";
            let found = sent.headers.get(*other);
            ensure!(both || found.is_none(), "a second credential in {other}");
        }
        Ok(())
    }
}

fn check_signature(sent: &Captured, service: &str) -> Checked {
    let header = |name: &str| sent.headers.get(name).cloned().unwrap_or_default();
    let signature = header("authorization");
    let date = header("x-amz-date");
    let day = date.get(..8).unwrap_or_default();
    let scope =
        format!("AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{day}/{REGION}/{service}/aws4_request,");
    ensure!(signature.starts_with(&scope), "signed {signature:?}");
    ensure!(day.len() == 8, "x-amz-date is {date:?}");
    Ok(())
}

fn option_value(option: &str) -> String {
    format!("opt-{option}")
}

/// The path of an absolute address.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("")
}
