//! `cargo xtask sandbox`: builds the interpreter that programs of models run in, from `sandbox/py`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::process::{output, python_venv, run, target_dir};

/// From PyPI; brings CPython 3.14 and the C library as WebAssembly.
const BUILDER: &str = "componentize-py==0.25.1";
const SOURCES: &str = "sandbox/py";
const ASSETS: &str = "crates/otari-sandbox/assets";
const ASSET: &str = "python.wasm.zst";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Replace the committed component.
    Write,
    /// Build a second one and run the tests with it. Two builds of the same source differ in their bytes, so
    /// behaviour is what is compared.
    Check,
}

pub(crate) fn sandbox(mode: Mode) -> anyhow::Result<()> {
    let assets = Path::new(ASSETS);
    let kept: Vec<(PathBuf, Vec<u8>)> = match mode {
        Mode::Write => Vec::new(),
        Mode::Check => committed(assets)?,
    };
    let outcome = build(assets).and_then(|()| match mode {
        Mode::Write => Ok(()),
        Mode::Check => run(crate::process::cargo().args(["test", "-p", "otari-sandbox"])),
    });
    for (path, bytes) in kept {
        fs::write(path, bytes)?;
    }
    outcome
}

fn committed(assets: &Path) -> anyhow::Result<Vec<(PathBuf, Vec<u8>)>> {
    let names = [ASSET.to_owned(), format!("{ASSET}.sha256")];
    let read = |name: String| {
        let path = assets.join(name);
        let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
        Ok((path, bytes))
    };
    names.into_iter().map(read).collect()
}

fn build(assets: &Path) -> anyhow::Result<()> {
    let venv = python_venv("componentize-py", &[BUILDER.to_owned()])?;
    let component = std::path::absolute(target_dir())?.join("python.wasm");
    run(Command::new(venv.join("bin/componentize-py"))
        .args([
            "-d",
            SOURCES,
            "-w",
            "interpreter",
            "componentize",
            "driver",
            "-p",
            SOURCES,
            "-o",
        ])
        .arg(&component))?;
    let packed = assets.join(ASSET);
    run(Command::new("zstd")
        .args(["-q", "-19", "-f", "-o"])
        .arg(&packed)
        .arg(&component))
    .context("zstd packs the component; on Debian: apt-get install zstd")?;
    let checksum = output(Command::new("sha256sum").arg(ASSET).current_dir(assets));
    let Some(checksum) = checksum else {
        bail!("sha256sum failed");
    };
    fs::write(assets.join(format!("{ASSET}.sha256")), checksum + "\n")?;
    let sizes = [&component, &packed].map(|path| fs::metadata(path).map_or(0, |file| file.len()));
    println!(
        "{}: {} bytes, packed {}",
        packed.display(),
        sizes[0],
        sizes[1]
    );
    Ok(())
}
