//! Which sandbox runs code now: this machine's, or a service whose address an operator can change while the gateway
//! runs.

use std::path::PathBuf;
use std::sync::Arc;

use otari_sandbox::{Backend, Limits, Sandbox, SandboxError, Settings};
use otari_types::{Clock, Secret};
use parking_lot::Mutex;

/// What runs code.
#[derive(Debug, Default)]
pub struct SandboxOptions {
    /// This machine's; `None`: switched off.
    pub local: Option<Sandbox>,
    /// For a service.
    pub token: Option<Secret>,
    pub limits: Limits,
}

#[derive(Debug)]
pub(crate) struct Sandboxes {
    options: SandboxOptions,
    /// The service asked last, by its address.
    remote: Mutex<Option<(String, Sandbox)>>,
    clock: Arc<dyn Clock>,
}

impl Sandboxes {
    pub(crate) fn new(options: SandboxOptions, clock: Arc<dyn Clock>) -> Self {
        Self {
            options,
            remote: Mutex::default(),
            clock,
        }
    }

    /// The service at `url`, where one is set; else this machine's, where it has one.
    pub(crate) fn at(&self, url: Option<&str>) -> Result<Option<Sandbox>, SandboxError> {
        let Some(url) = url else {
            return Ok(self.options.local.clone());
        };
        let mut remote = self.remote.lock();
        if let Some((known, sandbox)) = remote.as_ref()
            && known == url
        {
            return Ok(Some(sandbox.clone()));
        }
        let settings = Settings {
            backend: Backend::Http {
                url: url.to_owned(),
                token: self.options.token.clone(),
            },
            limits: self.options.limits.clone(),
            data_dir: PathBuf::new(),
            worker: PathBuf::new(),
        };
        let sandbox = Sandbox::new(settings, Arc::clone(&self.clock))?;
        *remote = Some((url.to_owned(), sandbox.clone()));
        Ok(Some(sandbox))
    }
}
