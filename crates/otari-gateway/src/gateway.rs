//! The parts of a running gateway, and what happens when something behind its caches changes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use otari_config::PolicySpec;
use otari_ledger::{Ledger, LedgerOptions};
use otari_providers::{Instance, Transport};
use otari_sandbox::Sandbox;
use otari_store::model_aliases::ALIASES;
use otari_store::routing_policies::POLICIES;
use otari_store::{Change, Store, StoreError, runtime_settings};
use otari_tools::definitions::GatewayTool;
use otari_types::{AccountId, Clock, KeyId, Secret};
use tokio::sync::mpsc;

use crate::admit::Billed;
use crate::batches::{BatchOptions, Batches};
use crate::caller::Callers;
use crate::documents::{DocumentOptions, Documents};
use crate::error::GatewayError;
use crate::files::{Files, FilesOptions};
use crate::guardrails::{GuardrailOptions, Guardrails};
use crate::health::BreakerSettings;
use crate::hybrid::{ControlPlane, Platform, PlatformError, PlatformOptions};
use crate::in_flight::InFlight;
use crate::learned::{Learned, LearnedOptions};
use crate::metrics::Metrics;
use crate::models::Models;
use crate::operator::Operator;
use crate::plan::Policies;
use crate::prices::Prices;
use crate::rate_limit::RateLimiter;
use crate::reasoning::KeptReasoning;
use crate::sandboxes::{SandboxOptions, Sandboxes};
use crate::settings::Settings;
use crate::target::{Aliases, Targets};
use crate::tool_loop::Containers;
use crate::tools::{ToolOptions, Tools, unavailable};

/// Everything a gateway is made of.
#[derive(Debug)]
pub struct GatewayOptions {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub ledger: LedgerOptions,
    pub instances: HashMap<String, Arc<Instance>>,
    /// Configured for everybody, name to `instance:model`.
    pub aliases: HashMap<String, String>,
    /// Configured routing policies by name.
    pub policies: BTreeMap<String, PolicySpec>,
    /// Whether there are any policies, stored ones included.
    pub policies_enabled: bool,
    pub breaker: BreakerSettings,
    pub learned: LearnedOptions,
    pub guardrails: GuardrailOptions,
    pub tools: ToolOptions,
    /// `None`: switched off.
    pub files: Option<FilesOptions>,
    pub sandbox: SandboxOptions,
    pub documents: DocumentOptions,
    /// `None`: switched off.
    pub batches: Option<BatchOptions>,
    pub settings: Settings,
    pub rate_limit_rpm: Option<u32>,
    pub master_key: Option<Secret>,
    pub connect_timeout: std::time::Duration,
    /// `None`: this deployment keeps its own keys and books.
    pub platform: Option<PlatformOptions>,
}

/// The data plane of one process. Shared by every request.
#[derive(Debug)]
pub struct Gateway {
    pub(crate) control: ControlPlane,
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub ledger: Arc<Ledger>,
    pub transport: Arc<Transport>,
    pub targets: Targets,
    pub policies: Policies,
    pub learned: Learned,
    pub(crate) reasoning: KeptReasoning,
    pub(crate) containers: Arc<Containers>,
    sandboxes: Sandboxes,
    pub(crate) guardrails: Guardrails,
    pub tools: Tools,
    files: Option<Arc<Files>>,
    pub(crate) documents: Documents,
    pub(crate) batches: Option<Arc<Batches>>,
    pub prices: Arc<Prices>,
    pub callers: Callers,
    pub operator: Operator,
    pub models: Models,
    pub rate_limiter: Option<RateLimiter>,
    pub settings: Arc<Settings>,
    pub metrics: Arc<Metrics>,
    pub in_flight: Arc<InFlight>,
    configured_aliases: HashMap<String, String>,
    /// One reload at a time, so that the last to apply is the last to have read.
    reload: tokio::sync::Mutex<()>,
}

impl Gateway {
    /// Opens the ledger (which commits what an interrupted run left) and starts the background work on the
    /// current runtime.
    pub async fn start(options: GatewayOptions) -> Result<Arc<Self>, GatewayError> {
        let GatewayOptions {
            store,
            clock,
            ledger,
            instances,
            aliases,
            policies,
            guardrails,
            tools,
            files,
            batches,
            settings,
            ..
        } = options;
        let files = files.map(|files| Files::new(files, store.clone(), Arc::clone(&clock)));
        let files = files
            .transpose()
            .map_err(|error| GatewayError::Storage(error.into()))?;
        let metrics = Arc::new(Metrics::default());
        let control = control(options.platform, &clock, &metrics)?;
        let ledger = match control {
            ControlPlane::Own => Ledger::open(&ledger, store.clone(), Arc::clone(&clock)).await?,
            ControlPlane::Platform(_) => Ledger::idle(store.clone(), Arc::clone(&clock)),
        };
        let (used, used_keys) = mpsc::unbounded_channel();
        let settings = Arc::new(settings);
        let guardrails = Guardrails::new(guardrails);
        let encoder = Arc::clone(&guardrails.encoder);
        let prices = Arc::new(Prices::new(store.clone(), Arc::clone(&settings)));
        let gateway = Arc::new(Self {
            targets: Targets::new(
                instances,
                Aliases::default(),
                Arc::clone(&prices),
                options.breaker,
            ),
            policies: Policies::new(policies, options.policies_enabled),
            learned: Learned::new(options.learned, store.clone(), encoder),
            reasoning: KeptReasoning::default(),
            containers: Arc::default(),
            guardrails,
            tools: Tools::new(store.clone(), tools, options.sandbox.local.is_some()),
            sandboxes: Sandboxes::new(options.sandbox, Arc::clone(&clock)),
            files: files.map(Arc::new),
            documents: Documents::new(options.documents),
            batches: batches.map(|options| Arc::new(Batches::new(options))),
            callers: Callers::new(store.clone(), used),
            operator: Operator::new(store.clone(), options.master_key.as_ref()),
            models: Models::new(Arc::clone(&settings)),
            rate_limiter: options.rate_limit_rpm.map(RateLimiter::new),
            transport: Arc::new(Transport::new(options.connect_timeout)),
            metrics,
            control,
            in_flight: Arc::default(),
            configured_aliases: aliases,
            reload: tokio::sync::Mutex::default(),
            settings,
            prices,
            ledger,
            store,
            clock,
        });
        gateway.reload().await?;
        if let ControlPlane::Own = gateway.control {
            let observer = Arc::clone(&gateway.metrics) as Arc<dyn otari_ledger::DrainObserver>;
            tokio::spawn(Arc::clone(&gateway.ledger).run(observer));
        }
        tokio::spawn(write_last_used(gateway.store.clone(), used_keys));
        tokio::spawn(Arc::clone(&gateway).follow_changes());
        tokio::spawn(forget_expired(
            gateway.store.clone(),
            Arc::clone(&gateway.clock),
        ));
        if let Some(files) = gateway.files.clone() {
            let node = gateway.ledger.node().clone();
            tokio::spawn(async move { files.keep_swept(&node).await });
        }
        Ok(gateway)
    }

    /// The platform of hybrid mode.
    pub fn platform(&self) -> Option<&Arc<Platform>> {
        self.control.platform()
    }

    /// Whether what a new call comes to could be kept.
    pub(crate) fn accepts_calls(&self) -> bool {
        let platform = self.control.platform();
        self.ledger.accepts_calls() && platform.is_none_or(|platform| platform.accepts_calls())
    }

    /// What runs code.
    pub(crate) fn sandbox(&self) -> Result<Sandbox, GatewayError> {
        let set = self.tools.in_force();
        let sandbox = self.sandboxes.at(set.sandbox_url());
        sandbox
            .map_err(GatewayError::Sandbox)?
            .ok_or_else(|| unavailable(GatewayTool::CodeExecution))
    }

    /// The caller's own token, where the sandbox is one of the platform's. Nothing else ever sees it.
    pub(crate) fn sandbox_credential(&self, billed: &Billed) -> Option<Secret> {
        let platform = self.control.platform()?;
        let set = self.tools.in_force();
        let token = billed.token().ok()?;
        platform
            .owns(set.sandbox_url()?)
            .then(|| token.secret().clone())
    }

    /// Everybody's files, unless they are switched off.
    pub fn files(&self) -> Result<&Arc<Files>, GatewayError> {
        self.files.as_ref().ok_or(GatewayError::FilesDisabled)
    }

    /// Something that is cached here changed: forget it. (The store tells other nodes by itself.)
    pub async fn changed(&self, change: &Change) {
        match change {
            Change::Key(key) => self.callers.forget_key(key),
            Change::User(user) => {
                self.callers.forget_user(user);
                self.ledger.invalidate(&AccountId::of_user(user)).await;
            }
            Change::Account(account) => self.ledger.invalidate(account).await,
            Change::Recall(account) => self.ledger.recall(account).await,
            Change::Budget(_) => self.ledger.invalidate_all().await,
            Change::Price(_) => self.targets.forget(),
            Change::Examples(user) => self.learned.forget(user),
            Change::Settings => self.try_reload().await,
            Change::Lagged => {
                self.callers.forget_all();
                self.learned.forget_all();
                self.try_reload().await;
                self.ledger.invalidate_all().await;
            }
        }
    }

    /// Takes the stored settings and aliases into force.
    pub async fn reload(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.reload.lock().await;
        let stored = runtime_settings::all(&self.store).await?;
        let aliases = ALIASES.list(&self.store).await?;
        let policies = POLICIES.list(&self.store).await?;
        let hot = self.settings.configured.overlaid(&stored);
        self.settings.set_hot(hot);
        self.tools.reload(&stored).await?;
        self.guardrails.apply(&stored);
        self.policies.set_stored(policies);
        self.targets
            .set_aliases(Aliases::new(&self.configured_aliases, aliases));
        Ok(())
    }

    /// Another node changed something. A database that is away now is a gap that is announced when it is back.
    async fn try_reload(&self) {
        if let Err(error) = self.reload().await {
            tracing::warn!(%error, "changed settings and aliases could not be read");
        }
        self.targets.forget();
    }

    /// The address of the guardrail service in force.
    pub fn guardrails_url(&self) -> Option<String> {
        self.guardrails.service()
    }

    /// The aliases of the configuration, name to `instance:model`.
    pub fn configured_aliases(&self) -> &HashMap<String, String> {
        &self.configured_aliases
    }

    async fn follow_changes(self: Arc<Self>) {
        let mut changes = self.store.changes();
        while let Some(change) = changes.recv().await {
            self.changed(&change).await;
        }
    }
}

/// Who answers for callers, models and bills.
fn control(
    platform: Option<PlatformOptions>,
    clock: &Arc<dyn Clock>,
    metrics: &Arc<Metrics>,
) -> Result<ControlPlane, PlatformError> {
    let Some(platform) = platform else {
        return Ok(ControlPlane::Own);
    };
    let platform = Platform::new(platform, Arc::clone(clock), Arc::clone(metrics))?;
    Ok(ControlPlane::Platform(Arc::new(platform)))
}

/// Writes the use of keys in batches, off the path of any call. Best effort.
async fn write_last_used(store: Store, mut used: mpsc::UnboundedReceiver<KeyId>) {
    const BATCH: usize = 256;
    let mut keys = Vec::new();
    while used.recv_many(&mut keys, BATCH).await > 0 {
        if let Err(error) = otari_store::api_keys::touch_last_used(&store, &keys).await {
            tracing::debug!(%error, "the last use of API keys could not be written");
        }
        keys.clear();
    }
}

/// Deletes kept responses whose time is over.
async fn forget_expired(store: Store, clock: Arc<dyn Clock>) {
    const EVERY: std::time::Duration = std::time::Duration::from_hours(1);
    let mut tick = tokio::time::interval(EVERY);
    loop {
        tick.tick().await;
        if let Err(error) = otari_store::responses::delete_expired(&store, clock.now()).await {
            tracing::warn!(%error, "expired responses could not be deleted");
        }
    }
}
