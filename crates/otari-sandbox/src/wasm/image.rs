//! The two interpreters: a component in this program, and a module that is installed beside it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wasmtime::Engine;

use super::library::Library;
use super::output::Stream;
use super::{science, standard};
use crate::frame::Bounds;

/// Which Python runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Image {
    /// CPython with its standard library, shipped in this program.
    Standard,
    /// CPython with numpy and its kin, installed in a folder.
    Science { folder: PathBuf },
}

impl Image {
    /// The cell that readies it: an empty one starts the session, and where nobody waits yet, there is time to import.
    pub(super) fn warming(&self, ahead: bool) -> &'static str {
        match self {
            Self::Science { .. } if ahead => "__import__('science').preload()",
            Self::Science { .. } | Self::Standard => "",
        }
    }
}

/// Machine code that can be started any number of times.
pub(super) enum Loaded {
    Standard(standard::Loaded),
    Science(science::Loaded),
}

/// An interpreter that runs cells.
pub(super) enum Live {
    Standard(standard::Live),
    Science(science::Live),
}

impl Loaded {
    pub(super) fn new(engine: &Engine, image: &Image, compiled: &Path) -> Result<Self, String> {
        let loaded = match image {
            Image::Standard => standard::Loaded::new(engine, compiled).map(Self::Standard),
            Image::Science { folder } => {
                science::Loaded::new(engine, compiled, folder).map(Self::Science)
            }
        };
        loaded.map_err(|error| format!("{}: {error:#}", compiled.display()))
    }

    /// Folders it reads beside those of the session.
    pub(super) fn libraries(&self) -> &[Library] {
        match self {
            Self::Standard(_) => &[],
            Self::Science(loaded) => loaded.libraries(),
        }
    }

    pub(super) async fn start(
        &self,
        streams: [Stream; 2],
        bounds: &Bounds,
    ) -> wasmtime::Result<Live> {
        Ok(match self {
            Self::Standard(loaded) => Live::Standard(loaded.start(streams, bounds).await?),
            Self::Science(loaded) => Live::Science(loaded.start(streams, bounds).await?),
        })
    }
}

impl Live {
    /// Runs a cell and answers its exit status.
    pub(super) async fn exec(&mut self, code: &str) -> wasmtime::Result<i32> {
        match self {
            Self::Standard(live) => live.exec(code).await,
            Self::Science(live) => live.exec(code).await,
        }
    }
}
