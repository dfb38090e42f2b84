//! From WebAssembly to machine code: once for each machine, then a file that is mapped.

use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use wasmtime::component::Component;
use wasmtime::{Config, Engine, Module};

use super::Image;
use crate::science;

/// CPython with the driver of `sandbox/py`, made by `cargo xtask sandbox`.
static INTERPRETER: &[u8] = include_bytes!("../../assets/python.wasm.zst");
/// SHA-256 of [`INTERPRETER`] in hex, with the file's name as `sha256sum` writes it.
const CHECKSUM: &str = include_str!("../../assets/python.wasm.zst.sha256");

const MIB: usize = 1024 * 1024;

pub(super) fn engine(image: &Image) -> wasmtime::Result<Engine> {
    // CPython recurses in C for nested calls of builtins; packages do so more.
    let stack = match image {
        Image::Standard => 4 * MIB,
        Image::Science { .. } => 8 * MIB,
    };
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(stack)
        .async_stack_size(stack + MIB);
    if let Image::Science { .. } = image {
        config.wasm_exceptions(true);
    }
    Engine::new(&config)
}

/// Compiles the interpreter into a file below `cache`, unless it is there. Answers the file.
pub(crate) fn compile_into(image: &Image, cache: &Path) -> Result<PathBuf, String> {
    let engine = engine(image).map_err(|error| error.to_string())?;
    let path = cache.join(file_name(image, &engine));
    let is_there = || fs::symlink_metadata(&path).is_ok();
    if is_there() {
        trusted(&path)?;
        return Ok(path);
    }
    // One at a time: it takes all processors, and memory in gigabytes. Held until we return.
    let _turn = turn(cache).map_err(|error| format!("{}: {error}", cache.display()))?;
    if is_there() {
        trusted(&path)?;
        return Ok(path);
    }
    let code = match image {
        Image::Standard => {
            let component = zstd::decode_all(INTERPRETER).map_err(|error| error.to_string())?;
            engine.precompile_component(&component)
        }
        Image::Science { folder } => {
            let packed = folder.join(science::MODULE);
            let told = |error: io::Error| format!("{}: {error}", packed.display());
            let file = File::open(&packed).map_err(told)?;
            let module = zstd::decode_all(file).map_err(told)?;
            engine.precompile_module(&module)
        }
    };
    let code = code.map_err(|error| format!("{error:#}"))?;
    place(&code, cache, path)
}

/// Compiles `component` to where the shipped one's machine code is looked for below `cache`.
pub(crate) fn compile_in_place_of_shipped(
    component: &[u8],
    cache: &Path,
) -> Result<PathBuf, String> {
    let engine = engine(&Image::Standard).map_err(|error| error.to_string())?;
    let code = engine.precompile_component(component);
    let code = code.map_err(|error| format!("{error:#}"))?;
    place(
        &code,
        cache,
        cache.join(file_name(&Image::Standard, &engine)),
    )
}

/// Writes machine code where it will be looked for.
fn place(code: &[u8], cache: &Path, path: PathBuf) -> Result<PathBuf, String> {
    let told = |error: io::Error| format!("{}: {error}", cache.display());
    private_dir(cache).map_err(told)?;
    // Under a name of its own until it is whole: another gateway may be doing the same.
    let partial = path.with_extension(format!("{}.partial", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&partial)
        .map_err(told)?;
    file.write_all(code).map_err(told)?;
    file.sync_all().map_err(told)?;
    // Never over one that is there: workers may have it mapped.
    let placed = fs::hard_link(&partial, &path);
    fs::remove_file(&partial).map_err(told)?;
    match placed {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(told(error)),
        _ => trusted(&path).map(|()| path),
    }
}

fn turn(cache: &Path) -> io::Result<File> {
    private_dir(cache)?;
    let lock = File::create(cache.join("compiling"))?;
    lock.lock()?;
    Ok(lock)
}

fn private_dir(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

/// Another interpreter, another wasmtime, other processor features: another file.
fn file_name(image: &Image, engine: &Engine) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let (name, checksum) = match image {
        Image::Standard => ("python", CHECKSUM),
        Image::Science { .. } => ("science", science::WHEEL_SHA256),
    };
    let checksum: String = checksum.chars().take(16).collect();
    format!("{name}-{checksum}-{:016x}.cwasm", hasher.finish())
}

/// Maps a component that [`compile_into`] wrote.
#[expect(
    unsafe_code,
    reason = "mapping machine code that we compiled; `trusted` checks that no one else could write it"
)]
pub(super) fn component(engine: &Engine, path: &Path) -> Result<Component, String> {
    trusted(path)?;
    // SAFETY: the file is ours alone, and `file_name` ties it to this component, wasmtime and processor.
    unsafe { Component::deserialize_file(engine, path) }.map_err(|error| format!("{error:#}"))
}

/// Maps a module that [`compile_into`] wrote.
#[expect(unsafe_code, reason = "as for a component")]
pub(super) fn module(engine: &Engine, path: &Path) -> Result<Module, String> {
    trusted(path)?;
    // SAFETY: as for a component.
    unsafe { Module::deserialize_file(engine, path) }.map_err(|error| format!("{error:#}"))
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
