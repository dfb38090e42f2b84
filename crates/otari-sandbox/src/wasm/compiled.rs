//! From the shipped component to machine code: once for each machine, then a file that is mapped.

use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use wasmtime::component::Component;
use wasmtime::{Config, Engine};

/// CPython with the driver of `sandbox/py`, made by `cargo xtask sandbox`.
static INTERPRETER: &[u8] = include_bytes!("../../assets/python.wasm.zst");
/// SHA-256 of [`INTERPRETER`] in hex, with the file's name as `sha256sum` writes it.
const CHECKSUM: &str = include_str!("../../assets/python.wasm.zst.sha256");

/// Stack of the guest. CPython recurses in C for nested calls of builtins.
const STACK_BYTES: usize = 4 * 1024 * 1024;

pub(super) fn engine() -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES)
        .async_stack_size(STACK_BYTES + 1024 * 1024);
    Engine::new(&config)
}

/// Compiles the interpreter into a file below `cache`, unless it is there. Answers the file.
pub(crate) fn compile_into(cache: &Path) -> Result<PathBuf, String> {
    let engine = engine().map_err(|error| error.to_string())?;
    let path = cache.join(file_name(&engine));
    if fs::symlink_metadata(&path).is_ok() {
        trusted(&path)?;
        return Ok(path);
    }
    let told = |error: io::Error| format!("{}: {error}", cache.display());
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(cache)
        .map_err(told)?;
    let component = zstd::decode_all(INTERPRETER).map_err(|error| error.to_string())?;
    let code = engine
        .precompile_component(&component)
        .map_err(|error| format!("{error:#}"))?;
    // Under a name of its own until it is whole: another gateway may be doing the same.
    let partial = path.with_extension(format!("{}.partial", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&partial)
        .map_err(told)?;
    file.write_all(&code).map_err(told)?;
    file.sync_all().map_err(told)?;
    // Never over one that is there: workers may have it mapped.
    let placed = fs::hard_link(&partial, &path);
    fs::remove_file(&partial).map_err(told)?;
    match placed {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(told(error)),
        _ => trusted(&path).map(|()| path),
    }
}

/// Another component, another wasmtime, other processor features: another file.
fn file_name(engine: &Engine) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let component: String = CHECKSUM.chars().take(16).collect();
    format!("python-{component}-{:016x}.cwasm", hasher.finish())
}

/// Maps a file that [`compile_into`] wrote.
#[expect(
    unsafe_code,
    reason = "mapping machine code that we compiled; `trusted` checks that no one else could write it"
)]
pub(super) fn load(engine: &Engine, path: &Path) -> Result<Component, String> {
    trusted(path)?;
    // SAFETY: the file is ours alone, and `file_name` ties it to this component, wasmtime and processor.
    unsafe { Component::deserialize_file(engine, path) }
        .map_err(|error| format!("{}: {error:#}", path.display()))
}

/// Machine code is run as it is, so nobody else may have been able to write it.
fn trusted(path: &Path) -> Result<(), String> {
    let told = |error: io::Error| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(told)?;
    let metadata = file.metadata().map_err(told)?;
    let ours = metadata.uid() == nix::unistd::geteuid().as_raw();
    let others = metadata.permissions().mode() & 0o077;
    if metadata.is_file() && ours && others == 0 {
        return Ok(());
    }
    Err(format!(
        "{} must be a file of this user with mode 0600; remove it to have it made again",
        path.display()
    ))
}
