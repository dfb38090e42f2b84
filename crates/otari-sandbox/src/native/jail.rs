//! The last step before a program runs: no rights, few resources, few system calls.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::{getegid, geteuid};

use super::{Plan, STANDARD_PATH, map_ids};
use crate::frame::Bounds;
use crate::worker::confine::{self, Calls};

/// What the user is called inside.
const USER: u32 = 1000;
const OPEN_FILES: u64 = 256;
/// Address space is more than memory: libraries reserve what they never touch.
const RESERVED_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// Gives up everything and becomes the program. Only a failure comes back.
pub(super) fn become_program(plan: &Plan, program: &[String]) -> io::Result<()> {
    let (program, arguments) = program
        .split_first()
        .ok_or_else(|| io::Error::other("no program"))?;
    // A user namespace of its own, where it is an ordinary user: what rights we had are not in it.
    let (user, group) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER)?;
    map_ids(USER, user, group)?;
    limits(&plan.bounds)?;
    confine::block_file_size_signal().map_err(io::Error::other)?;
    nix::sys::prctl::set_no_new_privs()?;
    confine::read_all_write_in(&["/workspace", "/tmp", "/dev"]).map_err(io::Error::other)?;
    confine::filter(Calls::NativeProgram).map_err(io::Error::other)?;
    let bin = plan.python.executable.parent();
    let bin = bin
        .map(|folder| folder.display().to_string())
        .unwrap_or_default();
    let error = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", format!("{bin}:{STANDARD_PATH}"))
        .env("HOME", "/workspace")
        .env("TMPDIR", "/tmp")
        .env("LANG", "C.UTF-8")
        .env("MPLBACKEND", "Agg")
        .env("MPLCONFIGDIR", "/tmp")
        // A session is one of many on this machine.
        .env("OMP_NUM_THREADS", "1")
        .env("OPENBLAS_NUM_THREADS", "1")
        .current_dir("/workspace")
        .exec();
    Err(error)
}

fn limits(bounds: &Bounds) -> io::Result<()> {
    let addresses = bounds
        .memory_bytes
        .saturating_mul(2)
        .saturating_add(RESERVED_BYTES);
    let limits = [
        (Resource::RLIMIT_CORE, 0),
        (Resource::RLIMIT_NPROC, bounds.processes),
        (Resource::RLIMIT_NOFILE, OPEN_FILES),
        (Resource::RLIMIT_FSIZE, bounds.workspace_bytes),
        (Resource::RLIMIT_DATA, bounds.memory_bytes),
        (Resource::RLIMIT_AS, addresses),
    ];
    for (resource, limit) in limits {
        setrlimit(resource, limit, limit)?;
    }
    Ok(())
}
