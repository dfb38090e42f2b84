//! What the kernel enforces around a worker, so that a flaw in the interpreter's own walls opens onto an empty room:
//! resource limits, another user where we are root, Landlock for files, seccomp for everything else.

mod calls;
mod files;

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::unistd::{Gid, Uid};

use crate::frame::Bounds;
use crate::wasm::Library;

pub(crate) use calls::{Calls, filter};
pub(crate) use files::read_all_write_in;

/// Open files of one worker. Each can hold a file that has lost its name.
const OPEN_FILES: u64 = 128;
/// What the worker itself needs beside the guest's memory.
const OWN_MEMORY_BYTES: u64 = 128 * 1024 * 1024;
/// Users that exist nowhere; one for each process, so that nothing of one is another's.
const NOBODY_BASE: u32 = 1_900_000_000;

/// A worker that can reach its directory and nothing else. It can still call the kernel.
#[derive(Debug)]
pub(crate) struct Enclosed {
    measures: Vec<String>,
}

/// Makes `directory` the current one and everything else unreachable, but for reading `libraries`.
pub(crate) fn enclose(
    directory: &Path,
    libraries: &[Library],
    bounds: &Bounds,
) -> Result<Enclosed, String> {
    let mut measures = Vec::new();
    // The first to go when memory is short, rather than the gateway. Best effort: /proc may not be there.
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
    limits(bounds)?;
    std::env::set_current_dir(directory)
        .map_err(|error| format!("{}: {error}", directory.display()))?;
    if let Some(user) = unprivileged_user(directory) {
        measures.push(format!("user {user}"));
    }
    nix::sys::prctl::set_no_new_privs().map_err(|error| error.to_string())?;
    // No core files, and not readable through /proc by others of the same user.
    nix::sys::prctl::set_dumpable(false).map_err(|error| error.to_string())?;
    measures.push(files::only_files_in(Path::new("."), libraries)?.to_owned());
    Ok(Enclosed { measures })
}

impl Enclosed {
    /// Forbids every system call that running a guest does not need, in all threads. Answers what is enforced.
    pub(crate) fn filter_calls(mut self) -> String {
        let measure = match filter(Calls::WasmWorker) {
            Ok(()) => "seccomp".to_owned(),
            // Some kernels have none (gVisor, user-mode emulators); the other walls stand.
            Err(reason) => format!("no seccomp ({reason})"),
        };
        self.measures.push(measure);
        self.measures.join(", ")
    }
}

fn limits(bounds: &Bounds) -> Result<(), String> {
    let memory = bounds.memory_bytes.saturating_add(OWN_MEMORY_BYTES);
    let limits = [
        (Resource::RLIMIT_CORE, 0),
        (Resource::RLIMIT_FSIZE, bounds.workspace_bytes),
        (Resource::RLIMIT_NOFILE, OPEN_FILES),
        (Resource::RLIMIT_DATA, memory),
    ];
    for (resource, limit) in limits {
        setrlimit(resource, limit, limit)
            .map_err(|error| format!("cannot limit {resource:?}: {error}"))?;
    }
    block_file_size_signal()
}

/// Blocked, a write over the limit fails instead of ending the process.
pub(crate) fn block_file_size_signal() -> Result<(), String> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGXFSZ);
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&signals), None).map_err(|error| error.to_string())
}

/// As root, becomes a user that owns nothing but the session's folders. `None` where that cannot be done: not root,
/// or in a user namespace without room.
fn unprivileged_user(directory: &Path) -> Option<u32> {
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    let id = nobody();
    let (user, group) = (Uid::from_raw(id), Gid::from_raw(id));
    let folders = fs::read_dir(directory).ok()?.flatten();
    for folder in folders
        .map(|folder| folder.path())
        .chain([directory.to_owned()])
    {
        nix::unistd::chown(&folder, Some(user), Some(group)).ok()?;
    }
    become_user(user, group).ok().map(|()| id)
}

/// A user id that no one else has, by this process's id.
pub(crate) fn nobody() -> u32 {
    NOBODY_BASE.saturating_add(std::process::id())
}

/// Becomes the user for good.
pub(crate) fn become_user(user: Uid, group: Gid) -> nix::Result<()> {
    nix::unistd::setgroups(&[])?;
    nix::unistd::setresgid(group, group, group)?;
    nix::unistd::setresuid(user, user, user)
}

/// Closes what was inherited beyond standard input, output and error.
pub(crate) fn close_inherited() {
    let open = fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .flatten();
    let numbers: Vec<i32> = open
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|number| *number > 2)
        .collect();
    for number in numbers {
        // The listing itself is among them and closed by now.
        let _ = nix::unistd::close(number);
    }
}

/// Bytes of open files on `device` that have no name any more, so that no walk over folders finds them.
pub(crate) fn unlinked_bytes(device: u64) -> u64 {
    (3..OPEN_FILES)
        .filter_map(|number| fs::metadata(format!("/proc/self/fd/{number}")).ok())
        .filter(|file| file.is_file() && file.nlink() == 0 && file.dev() == device)
        .map(|file| file.len())
        .sum()
}
