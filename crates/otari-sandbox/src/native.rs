//! The host's Python under Linux namespaces: its own file tree, processes and (absent) network, as a user that owns
//! nothing, with the system calls that are left after seccomp.
//!
//! Three programs, each the one before started again: the *supervisor* builds the file tree and the namespaces; *init*
//! is process 1 in them, keeps the session's limits and answers the gateway; *jail* gives up its last rights and
//! becomes Python or the shell.

mod children;
mod init;
mod jail;
mod output;
mod root;
mod usage;

use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Gid, Uid, getegid, geteuid};
use serde::{Deserialize, Serialize};

use crate::frame::{self, Bounds, Reply, Start};
use crate::worker::WORKER_ARGUMENT;
use crate::worker::confine;

const INIT: &str = "native-init";
const JAIL: &str = "native-jail";
/// This program, inside.
const WORKER_INSIDE: &str = "/.otari/worker";
/// The Python half of this backend, inside.
const DRIVER_INSIDE: &str = "/.otari/py";

/// What the later programs need to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Plan {
    python: Python,
    bounds: Bounds,
}

/// An interpreter of the host, as it describes itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Python {
    executable: PathBuf,
    /// Where its libraries are.
    prefixes: Vec<PathBuf>,
}

/// Runs one of the later programs.
pub(crate) fn stage(stage: &str, arguments: &[String]) -> ExitCode {
    let plan = arguments
        .first()
        .and_then(|text| serde_json::from_str::<Plan>(text).ok());
    let outcome = match (stage, plan) {
        (INIT, Some(plan)) => init::run(&plan),
        (JAIL, Some(plan)) => jail::become_program(&plan, arguments.get(1..).unwrap_or_default()),
        _ => Err(io::Error::other("not a stage")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "sandbox {stage}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Builds the namespaces and waits for what runs in them.
pub(crate) fn supervise(start: Start, output: &mut impl Write) -> io::Result<()> {
    let Start::Native {
        python,
        directory,
        bounds,
    } = start
    else {
        return Err(io::Error::other("not a native session"));
    };
    match enter(&python, &directory, bounds) {
        // Init has the gateway's pipes now.
        Ok(mut init) => init.status().map(drop),
        Err(reason) => frame::write(output, &Reply::Failed { reason }, &[]),
    }
}

fn enter(python: &Path, directory: &Path, bounds: Bounds) -> Result<Command, String> {
    let python = describe(python)?;
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    let is_root = geteuid().is_root();
    let apart = if is_root {
        unshare(CloneFlags::CLONE_NEWNS).or_else(|_| apart_as_root_inside())
    } else {
        apart_as_root_inside()
    };
    apart.map_err(|error| refused("namespaces", &error.to_string()))?;
    let user = is_root.then(confine::nobody);
    root::build(directory, &python, &bounds, user)?;
    if let Some(user) = user {
        // Real root ends here; the user's own namespace makes it root over nothing but this tree. Where the kernel
        // knows no such user, we are root of a container without one, and stay what we are.
        let _ = confine::become_user(Uid::from_raw(user), Gid::from_raw(user));
        nix::sys::prctl::set_dumpable(true).map_err(|error| error.to_string())?;
        apart_as_root_inside().map_err(|error| refused("user namespaces", &error.to_string()))?;
    }
    let others = CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    unshare(others).map_err(|error| refused("namespaces", &error.to_string()))?;
    let plan =
        serde_json::to_string(&Plan { python, bounds }).map_err(|error| error.to_string())?;
    let mut init = Command::new(WORKER_INSIDE);
    init.args([WORKER_ARGUMENT, INIT, &plan])
        .env_clear()
        .current_dir("/");
    Ok(init)
}

/// A user namespace in which we are root, and a mount namespace that belongs to it.
fn apart_as_root_inside() -> nix::Result<()> {
    let (user, group) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)?;
    map_ids(0, user, group)
}

/// Gives the one user and group of this namespace their number inside.
fn map_ids(inside: u32, user: Uid, group: Gid) -> nix::Result<()> {
    let maps = [
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("{inside} {user} 1")),
        ("/proc/self/gid_map", format!("{inside} {group} 1")),
    ];
    for (file, content) in maps {
        std::fs::write(file, content).map_err(|error| {
            nix::errno::Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))
        })?;
    }
    Ok(())
}

/// Asks the interpreter where it is. It is the host's own and trusted; only programs of sessions are not.
fn describe(python: &Path) -> Result<Python, String> {
    const QUESTION: &str = "import json, sys; print(json.dumps({'executable': sys.executable, \
                            'prefixes': [sys.base_prefix, sys.prefix]}))";
    let found = find(python).ok_or_else(|| {
        format!(
            "{} is not there; name the interpreter with `sandbox_python`",
            python.display()
        )
    })?;
    let answer = Command::new(&found)
        .args(["-I", "-c", QUESTION])
        .env("PATH", STANDARD_PATH)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{}: {error}", found.display()))?;
    serde_json::from_slice(&answer.stdout).map_err(|_| {
        let signal = answer.status.signal();
        format!(
            "{} does not run as Python ({}, signal {signal:?})",
            found.display(),
            answer.status
        )
    })
}

const STANDARD_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

fn find(python: &Path) -> Option<PathBuf> {
    if python.is_absolute() {
        return python.exists().then(|| python.to_owned());
    }
    STANDARD_PATH
        .split(':')
        .map(|folder| Path::new(folder).join(python))
        .find(|path| path.exists())
}

/// A refusal that says what to do.
fn refused(what: &str, error: &str) -> String {
    format!(
        "the kernel does not allow {what} here ({error}). In a container, allow user namespaces (for Docker: a seccomp \
         profile that permits unshare, and --security-opt systempaths=unconfined); on Ubuntu 24.04, see \
         kernel.apparmor_restrict_unprivileged_userns; or use sandbox_backend: wasm, which needs nothing"
    )
}
