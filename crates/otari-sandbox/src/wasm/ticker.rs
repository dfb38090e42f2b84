//! Makes a running guest give way often enough that deadlines are kept.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use wasmtime::Engine;

const EVERY: Duration = Duration::from_millis(5);

/// A thread that advances the engine's epoch while a guest runs, and sleeps otherwise.
pub(super) struct Ticker(Arc<(Mutex<bool>, Condvar)>);

impl Ticker {
    pub(super) fn start(engine: Engine) -> io::Result<Self> {
        let state = Arc::new((Mutex::new(false), Condvar::new()));
        let shared = Arc::clone(&state);
        thread::Builder::new()
            .name("ticker".to_owned())
            .stack_size(64 * 1024)
            .spawn(move || {
                let (running, changed) = &*shared;
                let mut running = running.lock();
                loop {
                    if *running {
                        changed.wait_for(&mut running, EVERY);
                        engine.increment_epoch();
                    } else {
                        changed.wait(&mut running);
                    }
                }
            })?;
        Ok(Self(state))
    }

    /// Ticks until the answer is dropped.
    pub(super) fn tick(&self) -> Ticking {
        self.set(true);
        Ticking(Arc::clone(&self.0))
    }

    fn set(&self, on: bool) {
        *self.0.0.lock() = on;
        self.0.1.notify_one();
    }
}

pub(super) struct Ticking(Arc<(Mutex<bool>, Condvar)>);

impl Drop for Ticking {
    fn drop(&mut self) {
        *self.0.0.lock() = false;
    }
}
