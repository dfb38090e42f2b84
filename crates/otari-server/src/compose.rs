//! From configuration to the parts of a gateway.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use otari_config::section::budgets::{BudgetStrategy, MissingUsage};
use otari_config::section::files::FilesBackend;
use otari_config::section::ledger::{JournalUnwritable, UsageDurability};
use otari_config::section::providers::{ClientArgs, ProviderInstance};
use otari_config::section::tools::SearchProvider;
use otari_config::{Config, Environment};
use otari_gateway::tools::ToolOptions;
use otari_gateway::{
    BatchOptions, BreakerSettings, FilesOptions, FirstChunk, GatewayOptions, GuardrailOptions,
    HotSettings, LearnedOptions, MissingUsagePolicy, PlatformOptions, SandboxOptions, Settings,
    SpoolOptions,
};
use otari_ledger::{Durability, LedgerOptions, WhenUnwritable};
use otari_platform::is_of_platform;
use otari_providers::{
    BucketOptions, Dialect, Instance, InstanceError, InstanceOptions, InstanceSettings, Provider,
    Timeouts, catalog,
};
use otari_sandbox::{Sandbox, SandboxError};
use otari_store::{SealError, Sealer, Store};
use otari_types::{Clock, Secret, SystemClock};

use crate::documents::{documents, vision_strategy};
use crate::sandbox::{limits, local_settings};

/// A part that cannot work as configured.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    #[error("providers.{name}: {error}")]
    Provider { name: String, error: InstanceError },
    #[error("sandbox_backend: {0}")]
    Sandbox(#[from] SandboxError),
    #[error("OTARI_SECRET_KEY: {0}")]
    SecretKey(#[from] SealError),
}

pub(crate) fn gateway_options(
    config: &Config,
    store: Store,
    clock: Arc<dyn Clock>,
    workspace: &str,
) -> Result<GatewayOptions, ComposeError> {
    let aliases = config.routing.aliases.0.iter();
    Ok(GatewayOptions {
        instances: instances(config, &clock)?,
        aliases: aliases
            .map(|(name, target)| (name.clone(), target.to_string()))
            .collect(),
        breaker: BreakerSettings {
            failures: config.routing.circuit_breaker_failures,
            cooldown: Duration::from_secs_f64(config.routing.circuit_breaker_cooldown_seconds),
        },
        learned: learned(config),
        policies_enabled: config.routing.routing.enabled,
        policies: if config.routing.routing.enabled {
            config.routing.routing.specs()
        } else {
            std::collections::BTreeMap::new()
        },
        guardrails: guardrails(config),
        tools: tools(config, workspace)?,
        files: files(config, &clock),
        documents: documents(config),
        sandbox: sandbox(config, &clock)?,
        batches: batches(config),
        ledger: ledger_options(config),
        settings: settings(config),
        rate_limit_rpm: config.rate_limit.rate_limit_rpm,
        master_key: config.auth.master_key.clone(),
        connect_timeout: timeouts(config, &ClientArgs::default()).connect,
        platform: None,
        store,
        clock,
    })
}

/// The same where a platform keeps keys, budgets and credentials: none of those are this deployment's.
pub(crate) fn hybrid_options(
    config: &Config,
    store: Store,
    clock: Arc<dyn Clock>,
    workspace: &str,
    token: Secret,
) -> Result<GatewayOptions, ComposeError> {
    let options = gateway_options(config, store, clock, workspace)?;
    let (mut tools, mut settings) = (options.tools, options.settings);
    // Kept answers would be gone with the process.
    settings.responses_retention_days = 0;
    let section = &config.operation.platform;
    // The platform's own search service knows this gateway by its token; no other is told it.
    let is_platforms = |url: &String| is_of_platform(url, &section.base_url);
    if tools
        .section
        .web_search_url
        .as_ref()
        .is_some_and(is_platforms)
    {
        tools
            .section
            .web_search_api_key
            .get_or_insert(token.clone());
    }
    Ok(GatewayOptions {
        instances: HashMap::new(),
        aliases: HashMap::new(),
        tools,
        files: None,
        batches: None,
        settings,
        rate_limit_rpm: None,
        master_key: None,
        platform: Some(platform(config, token)),
        ..options
    })
}

fn platform(config: &Config, token: Secret) -> PlatformOptions {
    let section = &config.operation.platform;
    let millis = |millis: u32| Duration::from_millis(u64::from(millis));
    let first_chunk = |asked: Option<u32>, usual: u32| FirstChunk {
        limit: millis(asked.unwrap_or(usual)),
        is_asked_for: asked.is_some(),
    };
    let timeouts = timeouts(config, &ClientArgs::default());
    PlatformOptions {
        base_url: section.base_url.clone(),
        health_path: section.health_path.clone(),
        token,
        resolve_timeout: millis(section.resolve_timeout_ms),
        usage_timeout: millis(section.usage_timeout_ms),
        inline_timeout: millis(section.usage_inline_timeout_ms),
        quick_tries: section.usage_max_retries.max(1),
        spool: section.usage_spool_dir.as_ref().map(|dir| SpoolOptions {
            directory: PathBuf::from(dir),
            max_bytes: u64::from(section.usage_spool_max_mb) * 1024 * 1024,
            refuse_calls: config.ledger.journal_unwritable == JournalUnwritable::Refuse,
        }),
        first_chunk: first_chunk(section.streaming_first_chunk_timeout_ms, 2_000),
        first_chunk_with_tools: first_chunk(
            section.streaming_first_chunk_timeout_ms_tool_loop,
            30_000,
        ),
        last_first_chunk_extra: millis(
            section.streaming_final_attempt_extra_first_chunk_timeout_ms,
        ),
        connect_timeout: timeouts.connect,
        timeouts,
    }
}

fn sandbox(config: &Config, clock: &Arc<dyn Clock>) -> Result<SandboxOptions, SandboxError> {
    let local = local_settings(config);
    let sandbox = |settings| Sandbox::new(settings, Arc::clone(clock));
    Ok(SandboxOptions {
        local: local.map(sandbox).transpose()?,
        token: config.sandbox.sandbox_token.clone(),
        limits: limits(config),
    })
}

fn files(config: &Config, clock: &Arc<dyn Clock>) -> Option<FilesOptions> {
    let section = &config.files;
    let bucket = section.files_s3_bucket.as_ref();
    let bucket = bucket.filter(|_| section.files_backend == FilesBackend::S3);
    section.files_enabled.then(|| FilesOptions {
        folder: PathBuf::from(&section.files_local_dir),
        bucket: bucket.map(|bucket| BucketOptions {
            bucket: bucket.clone(),
            endpoint: section.files_s3_endpoint_url.clone(),
            region: section
                .files_s3_region
                .clone()
                .unwrap_or_else(|| "us-east-1".to_owned()),
            environment: environment(config),
            clock: Arc::clone(clock),
            connect_timeout: timeouts(config, &ClientArgs::default()).connect,
        }),
        max_bytes: section.files_max_bytes,
        user_max_bytes: section.files_user_max_bytes,
        retention: section
            .files_retention_hours
            .map(|hours| Duration::from_secs(u64::from(hours) * 3600)),
    })
}

fn batches(config: &Config) -> Option<BatchOptions> {
    let section = &config.batches;
    let whole = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    section.batches_enabled.then(|| BatchOptions {
        concurrency: whole(section.batch_concurrency),
        hours: section.batch_hours,
        native: section.batch_native.clone(),
        poll: Duration::from_secs(section.batch_poll_seconds.into()),
        line_attempts: section.batch_line_attempts,
        max_lines: whole(section.batch_max_lines),
        retention_days: section.batch_retention_days,
    })
}

fn learned(config: &Config) -> LearnedOptions {
    let section = &config.routing;
    LearnedOptions {
        embedding_model: section.router_embedding_model.clone(),
        k: section.router_k,
        alpha: section.router_alpha,
        confidence_floor: section.router_confidence_floor,
        seed_count: section.router_seed_count,
        decision_max: Duration::from_millis(section.router_decision_timeout_ms.into()),
        granularity: section.router_granularity,
        keep: section.router_max_records_per_user,
    }
}

/// The variables of this process, for what looks for credentials in them.
fn environment(config: &Config) -> otari_providers::Environment {
    let variables = config.environment.clone();
    otari_providers::Environment::new(move |name| variables.get(name).map(str::to_owned))
}

/// What the configuration says of guardrails, and the encoder where it is installed.
pub fn guardrails(config: &Config) -> GuardrailOptions {
    let section = &config.guardrails;
    GuardrailOptions {
        url: section.guardrails_url.clone(),
        allow_private_hosts: section.guardrails_allow_private_hosts,
        mandates: section.guardrails.0.clone(),
        profiles: section.guardrail_profiles.0.clone(),
        encoder: otari_encoder::installed(Path::new(&config.ledger.data_dir)),
    }
}

fn tools(config: &Config, workspace: &str) -> Result<ToolOptions, ComposeError> {
    let sealer = config
        .secret_key()
        .map(|keys| Sealer::from_keys(keys.expose()));
    let keys = SearchProvider::ALL.into_iter().filter_map(|provider| {
        let key = config.environment.secret(provider.key_variable()?)?;
        Some((provider, key))
    });
    Ok(ToolOptions {
        section: config.tools.clone(),
        keys: keys.collect(),
        sealer: sealer.transpose()?,
        workspace: workspace.to_owned(),
    })
}

fn settings(config: &Config) -> Settings {
    let hot = HotSettings {
        require_pricing: config.pricing.require_pricing,
        default_pricing: config.pricing.default_pricing,
        reject_user_mismatch: config.auth.reject_user_mismatch,
        budget_estimate_default_output_tokens: config.budgets.budget_estimate_default_output_tokens,
        stream_missing_usage_policy: match config.budgets.stream_missing_usage_policy {
            MissingUsage::Estimate => MissingUsagePolicy::Estimate,
            MissingUsage::Fail => MissingUsagePolicy::Fail,
            MissingUsage::AllowFree => MissingUsagePolicy::AllowFree,
        },
        model_discovery: config.models.model_discovery,
        model_cache_ttl_seconds: config.models.model_cache_ttl_seconds,
        model_discovery_timeout_seconds: config.models.model_discovery_timeout_seconds,
        model_discovery_negative_ttl_seconds: config.models.model_discovery_negative_ttl_seconds,
        file_understanding_enabled: config.files.file_understanding_enabled,
        vision_strategy: vision_strategy(config.files.vision_strategy),
        vision_describe_model: config.files.vision_describe_model.clone(),
        vision_describe_max_tokens: config.files.vision_describe_max_tokens,
    };
    let interval = config.server.streaming_keepalive_interval_ms;
    let keepalive = (interval > 0).then(|| Duration::from_millis(u64::from(interval)));
    let budgets_disabled = config.budgets.budget_strategy == BudgetStrategy::Disabled;
    Settings::new(
        hot,
        keepalive,
        config.responses.responses_retention_days,
        budgets_disabled,
    )
}

fn ledger_options(config: &Config) -> LedgerOptions {
    LedgerOptions {
        data_dir: PathBuf::from(&config.ledger.data_dir),
        lease_ttl_secs: i64::from(config.ledger.lease_ttl_seconds),
        durability: match config.ledger.usage_durability {
            UsageDurability::Journal => Durability::Journal,
            UsageDurability::Database => Durability::Database,
        },
        when_unwritable: match config.ledger.journal_unwritable {
            JournalUnwritable::Refuse => WhenUnwritable::Refuse,
            JournalUnwritable::Allow => WhenUnwritable::Allow,
        },
    }
}

/// Configured instances, and every provider whose credential is in the environment or that needs none.
pub(crate) fn instances(
    config: &Config,
    clock: &Arc<dyn Clock>,
) -> Result<HashMap<String, Arc<Instance>>, ComposeError> {
    let environment = environment(config);
    let mut instances = HashMap::new();
    for instance in configured_instances(config, &environment, clock) {
        let instance = instance?;
        instances.insert(instance.name.clone(), Arc::new(instance));
    }
    for provider in catalog::all() {
        if instances.contains_key(provider.id) || !usable_unconfigured(provider, &environment) {
            continue;
        }
        let entry = ProviderInstance {
            name: provider.id.to_owned(),
            provider_type: None,
            api_key: None,
            api_keys: Vec::new(),
            api_base: None,
            models: Vec::new(),
            client_args: ClientArgs::default(),
            extra: serde_json::Map::default(),
        };
        let options = options(&entry, &environment, clock);
        let settings = InstanceSettings {
            implicit: from_environment(provider.key_env, &config.environment).is_none(),
            ..configured(config, &entry, provider)
        };
        // One that still lacks something (an address) is simply not there.
        if let Ok(instance) = Instance::with_options(provider, settings, &options) {
            instances.insert(provider.id.to_owned(), Arc::new(instance));
        }
    }
    Ok(instances)
}

/// What the configuration names, in its order.
fn configured_instances(
    config: &Config,
    environment: &otari_providers::Environment,
    clock: &Arc<dyn Clock>,
) -> impl Iterator<Item = Result<Instance, ComposeError>> {
    config
        .providers
        .providers
        .0
        .iter()
        .filter_map(move |entry| {
            // Checked when the configuration was read; a provider that is later removed must not stop the others.
            let provider = catalog::find(entry.provider())?;
            let settings = configured(config, entry, provider);
            let options = options(entry, environment, clock);
            let instance = Instance::with_options(provider, settings, &options);
            Some(instance.map_err(|error| ComposeError::Provider {
                name: entry.name.clone(),
                error,
            }))
        })
}

/// Every configured instance that cannot be used, each of which ends a start.
pub(crate) fn unusable_instances(config: &Config) -> Vec<ComposeError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let environment = environment(config);
    let instances = configured_instances(config, &environment, &clock);
    instances.filter_map(Result::err).collect()
}

fn usable_unconfigured(provider: &Provider, environment: &otari_providers::Environment) -> bool {
    let keyless = !provider.key_required
        && (provider.dialect.is_openai_shaped() || provider.dialect == Dialect::Ollama);
    keyless || provider.credential_in(environment)
}

/// What only some providers read; a member of the entry goes before one of its `client_args`.
fn options(
    entry: &ProviderInstance,
    environment: &otari_providers::Environment,
    clock: &Arc<dyn Clock>,
) -> InstanceOptions {
    let mut values = entry.client_args.extra.clone();
    values.extend(entry.extra.clone());
    InstanceOptions {
        values,
        environment: environment.clone(),
        clock: Arc::clone(clock),
    }
}

fn configured(
    config: &Config,
    entry: &ProviderInstance,
    provider: &'static Provider,
) -> InstanceSettings {
    let environment = &config.environment;
    let from_environment_key = || from_environment(provider.key_env, environment).map(Secret::new);
    let key = match (&entry.api_key, entry.api_keys.is_empty()) {
        (None, true) => from_environment_key(),
        (key, _) => key.clone(),
    };
    let base = entry
        .api_base
        .clone()
        .or_else(|| from_environment(provider.base_url_env, environment));
    let headers = entry.client_args.custom_headers.iter();
    InstanceSettings {
        name: entry.name.clone(),
        api_key: key,
        more_keys: entry.api_keys.clone(),
        api_base: base,
        custom_headers: headers
            .map(|(name, value)| (name.clone(), value.expose().to_owned()))
            .collect(),
        models: entry.models.clone(),
        timeouts: timeouts(config, &entry.client_args),
        max_retries: entry.client_args.max_retries.unwrap_or(0),
        implicit: false,
    }
}

fn timeouts(config: &Config, args: &ClientArgs) -> Timeouts {
    let limits = args.timeouts(config.upstream.timeouts());
    Timeouts {
        connect: limits.connect,
        first_byte: limits.first_byte,
        idle: limits.idle,
        total: limits.total,
    }
}

fn from_environment(names: &[&str], environment: &Environment) -> Option<String> {
    names
        .iter()
        .find_map(|name| environment.get(name))
        .filter(|value| !value.is_empty())
        .map(str::to_owned)
}
