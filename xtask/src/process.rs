//! Running other programs.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

/// The repository's root, wherever the command was typed.
pub(crate) fn root() -> anyhow::Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent()
        .map(Path::to_owned)
        .context("xtask has no parent directory")
}

/// Where build products go: reused across clones when `CARGO_TARGET_DIR` is set.
pub(crate) fn target_dir() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from)
}

/// Runs a program with its output on ours; failure is an error.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let name = format!("{command:?}");
    let status = command
        .status()
        .with_context(|| format!("cannot run {name}"))?;
    if !status.success() {
        bail!("{name} failed: {status}");
    }
    Ok(())
}

/// The same, showing and handing each line of both outputs to `seen`. Answers whether it succeeded.
pub(crate) fn follow(command: &mut Command, mut seen: impl FnMut(&str)) -> anyhow::Result<bool> {
    let name = format!("{command:?}");
    // Both streams through one pipe, so that lines stay in order.
    let (reader, writer) = std::io::pipe()?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .spawn()
        .with_context(|| format!("cannot run {name}"))?;
    // The command keeps the pipe's writing end open until it is given something else.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    for line in BufReader::new(reader).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        seen(&line);
    }
    Ok(child.wait()?.success())
}

/// The program's standard output, if it ran and succeeded.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The cargo that runs us.
pub(crate) fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Whether this process is root, and so can install packages and must not run a database.
pub(crate) fn is_root() -> bool {
    output(Command::new("id").arg("-u")).as_deref() == Some("0")
}

/// A Python environment below the target directory, made once for each content of `requirements`.
pub(crate) fn python_venv(name: &str, requirements: &[String]) -> anyhow::Result<PathBuf> {
    let folder = std::path::absolute(target_dir())?.join(name);
    let stamp = folder.join("requirements.txt");
    let wanted = requirements.join("\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(folder);
    }
    let made = run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&folder));
    if made.is_err() {
        apt_install(&["python3", "python3-venv"])?;
        run(Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&folder))?;
    }
    let pip = folder.join("bin/pip");
    run(Command::new(pip)
        .args(["install", "--quiet", "--disable-pip-version-check"])
        .args(requirements))?;
    std::fs::write(stamp, wanted)?;
    Ok(folder)
}

/// Installs Debian packages, as root or with sudo.
pub(crate) fn apt_install(packages: &[&str]) -> anyhow::Result<()> {
    println!("installing {}", packages.join(", "));
    let apt = |arguments: &[&str]| {
        let mut command = if is_root() {
            Command::new("apt-get")
        } else {
            let mut sudo = Command::new("sudo");
            sudo.args(["--non-interactive", "apt-get"]);
            sudo
        };
        run(command
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive"))
    };
    apt(&["update", "-qq"])?;
    apt(&[
        &["install", "-qq", "-y", "--no-install-recommends"],
        packages,
    ]
    .concat())
}
