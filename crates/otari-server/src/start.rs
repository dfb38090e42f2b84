//! Bringing a gateway up: database, ledger, first keys, prices, listener.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use otari_config::section::pricing::{PriceEntry, PriceRates};
use otari_config::section::tools::SearchProvider;
use otari_config::{Config, Mode};
use otari_gateway::credentials::hash_token;
use otari_gateway::{Gateway, GatewayError, Surface};
use otari_store::{
    Store, StoreError, StoreOptions, api_keys, model_pricing, runtime_settings, users,
};
use otari_types::{Clock, KeyId, Secret, UserId, new_id, random_token};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::compose::{ComposeError, gateway_options, hybrid_options};
use crate::error::ApiError;
use crate::listener::{TlsError, acceptor, bind};
use crate::state::{App, Inner};

/// Keys are `gw-` and 48 random bytes: 67 characters.
const KEY_PREFIX: &str = "gw-";
const KEY_BYTES: usize = 48;
const DEFAULT_USER: &str = "default";
const WORKSPACE_SETTING: &str = "default_workspace_id";

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the database cannot be opened: {0}")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Compose(#[from] ComposeError),
    #[error("the gateway cannot start")]
    Gateway(#[from] GatewayError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("cannot listen on {host}:{port}: {source}")]
    Bind {
        host: String,
        port: u16,
        source: std::io::Error,
    },
}

/// Secrets made at this start, to be shown once.
#[derive(Debug, Default)]
pub struct FirstRun {
    pub master_key: Option<Secret>,
    pub bootstrap_key: Option<Secret>,
}

/// A gateway ready to serve.
pub struct Started {
    pub app: App,
    pub listener: TcpListener,
    pub address: SocketAddr,
    pub tls: Option<TlsAcceptor>,
    pub first_run: FirstRun,
}

impl fmt::Debug for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Started")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

pub async fn open_store(config: &Config, clock: Arc<dyn Clock>) -> Result<Store, StoreError> {
    let database = &config.database;
    let options = StoreOptions {
        url: database.database_url.secret().clone(),
        pool_size: database.db_pool_size,
        max_overflow: database.db_max_overflow,
        acquire_timeout: std::time::Duration::try_from_secs_f64(database.db_pool_timeout)
            .unwrap_or_default(),
        recycle_secs: database.db_pool_recycle,
    };
    Store::open(&options, clock).await
}

/// Opens everything and binds the port; nothing is served yet.
pub async fn start(
    config: Config,
    clock: Arc<dyn Clock>,
    version: String,
) -> Result<Started, StartError> {
    let tls = match (&config.tls.tls_cert, &config.tls.tls_key) {
        (Some(certificate), Some(key)) => Some(acceptor(Path::new(certificate), Path::new(key))?),
        _ => None,
    };
    let Opened {
        gateway,
        workspace_id,
        first_run,
    } = match config.platform_token() {
        Some(token) if config.mode() == Mode::Hybrid => {
            Box::pin(open_hybrid(&config, clock, token)).await?
        }
        _ => Box::pin(open(&config, clock)).await?,
    };
    let (host, port) = (config.server.host.clone(), config.server.port);
    let (listener, address) =
        bind(&host, port)
            .await
            .map_err(|source| StartError::Bind { host, port, source })?;
    let (background, draining) = (TaskTracker::new(), CancellationToken::new());
    let batches = Arc::clone(&gateway).run_batches(line_error, draining.clone());
    background.spawn(batches);
    background.close();
    let app = App::new(Inner {
        gateway,
        config,
        version,
        workspace_id,
        background,
        draining,
    });
    Ok(Started {
        app,
        listener,
        address,
        tls,
        first_run,
    })
}

/// A gateway and what there is around it.
struct Opened {
    gateway: Arc<Gateway>,
    workspace_id: String,
    first_run: FirstRun,
}

async fn open(config: &Config, clock: Arc<dyn Clock>) -> Result<Opened, StartError> {
    let store = open_store(config, Arc::clone(&clock)).await?;
    if config.database.auto_migrate {
        store.migrate().await?;
    }
    let workspace_id =
        runtime_settings::put_if_absent(&store, WORKSPACE_SETTING, &new_id()).await?;
    let options = gateway_options(config, store, clock, &workspace_id)?;
    let gateway = Gateway::start(options).await?;
    let first_run = FirstRun {
        master_key: gateway.operator.ensure().await?,
        bootstrap_key: if config.auth.bootstrap_api_key {
            bootstrap_key(&gateway).await?
        } else {
            None
        },
    };
    seed_prices(&gateway, config).await?;
    Ok(Opened {
        gateway,
        workspace_id,
        first_run,
    })
}

/// The platform keeps what a database would: the one here is empty and goes with the process.
async fn open_hybrid(
    config: &Config,
    clock: Arc<dyn Clock>,
    token: Secret,
) -> Result<Opened, StartError> {
    let store = Store::in_memory(Arc::clone(&clock)).await?;
    store.migrate().await?;
    let workspace_id = new_id();
    let options = hybrid_options(config, store, clock, &workspace_id, token)?;
    Ok(Opened {
        gateway: Gateway::start(options).await?,
        workspace_id,
        first_run: FirstRun::default(),
    })
}

/// What a line of a batch is answered that fails: what its call would have been.
fn line_error(surface: Surface, error: GatewayError) -> (u16, String) {
    let error = ApiError::from(error);
    let error = match surface {
        Surface::Messages => error.for_messages(None),
        _ => error,
    };
    (error.status.as_u16(), error.body().to_string())
}

/// A fresh virtual key.
pub(crate) fn new_key() -> Secret {
    Secret::new(format!("{KEY_PREFIX}{}", random_token(KEY_BYTES)))
}

/// The first key of an empty deployment, so that the first call needs no management call.
async fn bootstrap_key(gateway: &Gateway) -> Result<Option<Secret>, StoreError> {
    if api_keys::count(&gateway.store).await? > 0 {
        return Ok(None);
    }
    let user = UserId::from(DEFAULT_USER);
    users::ensure(&gateway.store, &user, Some("Default")).await?;
    let secret = new_key();
    let key = api_keys::NewKey {
        key_name: Some("bootstrap".to_owned()),
        user_id: Some(user),
        metadata: r#"{"bootstrap":true}"#.to_owned(),
        ..api_keys::NewKey::of(
            KeyId::from(new_id()),
            &hash_token(secret.expose()),
            secret.expose(),
        )
    };
    api_keys::insert(&gateway.store, &key).await?;
    Ok(Some(secret))
}

/// Prices from the configuration fill what has no price; one set by API or an earlier start stays.
async fn seed_prices(gateway: &Gateway, config: &Config) -> Result<(), StoreError> {
    let mut seeded = 0;
    for entry in &config.pricing.pricing.0 {
        let known = gateway
            .targets
            .instances
            .load()
            .contains_key(&entry.model.instance);
        let of_tool = entry.model.instance == "otari"
            || SearchProvider::named(&entry.model.instance).is_some();
        if !known && !of_tool {
            tracing::warn!(model = %entry.model, "a price for a provider that is not configured is skipped");
            continue;
        }
        let at = entry.effective_at.unwrap_or_else(|| gateway.clock.now());
        seeded += usize::from(
            model_pricing::seed_if_absent(&gateway.store, &price_row(entry, at)).await?,
        );
    }
    if seeded > 0 {
        tracing::info!(seeded, "prices taken from the configuration");
    }
    Ok(())
}

fn price_row(entry: &PriceEntry, effective_at: otari_types::Timestamp) -> model_pricing::NewPrice {
    let tiers: Vec<serde_json::Value> = entry
        .tiers
        .iter()
        .map(|tier| tier_json(tier.min_input_tokens, &tier.rates))
        .collect();
    model_pricing::NewPrice {
        model_key: entry.model.to_string(),
        effective_at,
        input: entry.rates.input.unwrap_or_default(),
        output: entry.rates.output.unwrap_or_default(),
        cache_read: Some(entry.rates.cache_read),
        cache_write: Some(entry.rates.cache_write),
        cache_write_1h: Some(entry.rates.cache_write_1h),
        tiers: Some(serde_json::Value::Array(tiers).to_string()),
        origin: "config".to_owned(),
        unit: "tokens".to_owned(),
    }
}

fn tier_json(min_input_tokens: u64, rates: &PriceRates) -> serde_json::Value {
    let mut tier = serde_json::Map::new();
    tier.insert("min_input_tokens".to_owned(), min_input_tokens.into());
    for (name, rate) in [
        ("input_price_per_million", rates.input),
        ("output_price_per_million", rates.output),
        ("cache_read_price_per_million", rates.cache_read),
        ("cache_write_price_per_million", rates.cache_write),
        ("cache_write_1h_price_per_million", rates.cache_write_1h),
    ] {
        if let Some(rate) = rate {
            tier.insert(name.to_owned(), serde_json::json!(rate));
        }
    }
    serde_json::Value::Object(tier)
}
