//! From configuration to a sandbox.

use std::path::{Path, PathBuf};
use std::time::Duration;

use otari_config::Config;
use otari_config::section::sandbox::SandboxBackend;
use otari_sandbox::{Backend, Limits, Settings};

const MIB: u64 = 1024 * 1024;
const KIB: usize = 1024;

/// What runs programs: the service that is named, else this machine; `None` where that is switched off.
pub fn sandbox_settings(config: &Config) -> Option<Settings> {
    let Some(url) = &config.tools.sandbox_url else {
        return local_settings(config);
    };
    Some(Settings {
        backend: Backend::Http {
            url: url.clone(),
            token: config.sandbox.sandbox_token.clone(),
        },
        limits: limits(config),
        data_dir: PathBuf::from(&config.ledger.data_dir),
        worker: this_program(),
    })
}

/// What runs programs on this machine; `None` where that is switched off.
pub fn local_settings(config: &Config) -> Option<Settings> {
    Some(settings_for(config, local_backend(config)?))
}

/// `backend` on this machine, whatever the configuration names.
pub fn settings_for(config: &Config, backend: Backend) -> Settings {
    Settings {
        backend,
        limits: limits(config),
        data_dir: PathBuf::from(&config.ledger.data_dir),
        worker: this_program(),
    }
}

/// The backend on this machine.
fn local_backend(config: &Config) -> Option<Backend> {
    match config.sandbox.sandbox_backend {
        SandboxBackend::Wasm => Some(Backend::Wasm),
        SandboxBackend::Science => Some(Backend::Science),
        SandboxBackend::Native => Some(Backend::Native {
            python: PathBuf::from(&config.sandbox.sandbox_python),
        }),
        SandboxBackend::Off => None,
    }
}

pub(crate) fn limits(config: &Config) -> Limits {
    let section = &config.sandbox;
    let seconds = |seconds: u32| Duration::from_secs(u64::from(seconds));
    let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    Limits {
        sessions: count(section.sandbox_max_sessions),
        warm_sessions: count(section.sandbox_warm_sessions),
        exec_timeout: seconds(section.sandbox_exec_timeout_seconds),
        idle_timeout: seconds(section.sandbox_idle_timeout_seconds),
        max_lifetime: seconds(section.sandbox_max_lifetime_seconds),
        memory_bytes: u64::from(section.sandbox_memory_mb) * MIB,
        workspace_bytes: u64::from(section.sandbox_workspace_mb) * MIB,
        workspace_files: u64::from(section.sandbox_workspace_files),
        output_bytes: count(section.sandbox_output_kb).saturating_mul(KIB),
        processes: u64::from(section.sandbox_processes),
    }
}

/// What is started again as a worker. By this name it is the same program even after an upgrade replaced the file.
fn this_program() -> PathBuf {
    let proc = Path::new("/proc/self/exe");
    if proc.exists() {
        return proc.to_owned();
    }
    std::env::current_exe().unwrap_or_else(|_| PathBuf::from("otari"))
}
