//! The encoder of texts, where its asset is installed: read when it is first needed, and run beside the streams.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use otari_encoder::Encoder;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// What gets no processor for so long is not done.
const WAIT_MAX: Duration = Duration::from_secs(5);

const NOT_INSTALLED: &str =
    "the encoder is not installed: run `otari guardrails install` and start again";

/// Why the encoder cannot be asked.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct EncoderAway(String);

#[derive(Debug)]
pub(crate) struct SharedEncoder {
    /// `None`: it is not installed.
    folder: Option<PathBuf>,
    encoder: OnceLock<Result<Encoder, EncoderAway>>,
    /// Half of the processors: the others keep streams going.
    room: Arc<Semaphore>,
}

impl SharedEncoder {
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            folder,
            encoder: OnceLock::new(),
            room: Arc::new(Semaphore::new(processors.div_ceil(2))),
        }
    }

    /// Blocks while it is read.
    pub(crate) fn get(&self) -> Result<&Encoder, EncoderAway> {
        let encoder = self.encoder.get_or_init(|| match &self.folder {
            Some(folder) => Encoder::open(folder).map_err(|error| EncoderAway(error.to_string())),
            None => Err(EncoderAway(NOT_INSTALLED.to_owned())),
        });
        encoder.as_ref().map_err(Clone::clone)
    }

    /// Does `work` on a thread of its own, as soon as there is room.
    pub(crate) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Encoder) -> T + Send + 'static,
    ) -> Result<T, EncoderAway> {
        let room = timeout(WAIT_MAX, Arc::clone(&self.room).acquire_owned()).await;
        let Ok(Ok(room)) = room else {
            return Err(EncoderAway("the encoder is busy".to_owned()));
        };
        let this = Arc::clone(self);
        let working = tokio::task::spawn_blocking(move || {
            let done = this.get().map(work);
            drop(room);
            done
        });
        working
            .await
            .map_err(|error| EncoderAway(error.to_string()))?
    }
}
