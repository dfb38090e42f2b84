//! Where there is neither Landlock nor seccomp, the walls around a worker are WebAssembly's and the process's.

use std::path::Path;

use crate::frame::Bounds;
use crate::wasm::Library;

/// A worker in its directory.
#[derive(Debug)]
pub(crate) struct Enclosed;

pub(crate) fn enclose(
    directory: &Path,
    _libraries: &[Library],
    _bounds: &Bounds,
) -> Result<Enclosed, String> {
    std::env::set_current_dir(directory)
        .map_err(|error| format!("{}: {error}", directory.display()))?;
    Ok(Enclosed)
}

impl Enclosed {
    #[expect(
        clippy::unnecessary_wraps,
        clippy::unused_self,
        reason = "the shape it has on Linux"
    )]
    pub(crate) fn filter_calls(self) -> String {
        "a process of its own".to_owned()
    }
}

pub(crate) fn close_inherited() {}

pub(crate) fn unlinked_bytes(_device: u64) -> u64 {
    0
}
