//! Which sandbox runs code now: this machine's, or a service whose address an operator can change while the gateway
//! runs.

use std::path::PathBuf;
use std::sync::Arc;

use otari_sandbox::{Backend, Limits, Sandbox, SandboxError, Settings};
use otari_types::Clock;
use parking_lot::Mutex;

#[derive(Debug)]
pub(crate) struct Sandboxes {
    /// `None`: switched off.
    local: Option<Sandbox>,
    /// The service asked last, by its address.
    remote: Mutex<Option<(String, Sandbox)>>,
    clock: Arc<dyn Clock>,
}

impl Sandboxes {
    pub(crate) fn new(local: Option<Sandbox>, clock: Arc<dyn Clock>) -> Self {
        Self {
            local,
            remote: Mutex::default(),
            clock,
        }
    }

    /// The service at `url`, where one is set; else this machine's, where it has one.
    pub(crate) fn at(&self, url: Option<&str>) -> Result<Option<Sandbox>, SandboxError> {
        let Some(url) = url else {
            return Ok(self.local.clone());
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
                token: None,
            },
            limits: Limits::default(),
            data_dir: PathBuf::new(),
            worker: PathBuf::new(),
        };
        let sandbox = Sandbox::new(settings, Arc::clone(&self.clock))?;
        *remote = Some((url.to_owned(), sandbox.clone()));
        Ok(Some(sandbox))
    }
}
