//! The room of a process that only reads its input and writes its output: no files, no network, no other process, so
//! much memory and so much time.

use std::fs;

use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::{Gid, Uid};

use super::confine::{Calls, become_user, close_inherited, filter, no_files, nobody};

/// Standard input, output and error, and what a library may want to look at.
const OPEN_FILES: u64 = 16;

/// What a reader may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReaderBounds {
    pub memory_bytes: u64,
    /// Of processor time; then the kernel ends it.
    pub cpu_seconds: u64,
}

/// Confines this process for good. Answers what the kernel enforces.
pub fn confine_reader(bounds: ReaderBounds) -> Result<String, String> {
    close_inherited();
    // The first to go when memory is short, rather than the gateway. Best effort: /proc may not be there.
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
    let limits = [
        (Resource::RLIMIT_CORE, 0),
        (Resource::RLIMIT_FSIZE, 0),
        (Resource::RLIMIT_NOFILE, OPEN_FILES),
        (Resource::RLIMIT_DATA, bounds.memory_bytes),
        (Resource::RLIMIT_CPU, bounds.cpu_seconds),
    ];
    for (resource, limit) in limits {
        setrlimit(resource, limit, limit)
            .map_err(|error| format!("cannot limit {resource:?}: {error}"))?;
    }
    let mut measures = vec!["limits".to_owned()];
    if nix::unistd::geteuid().is_root() {
        let id = nobody();
        // In a user namespace there may be no room for it.
        if become_user(Uid::from_raw(id), Gid::from_raw(id)).is_ok() {
            measures.push(format!("user {id}"));
        }
    }
    nix::sys::prctl::set_no_new_privs().map_err(|error| error.to_string())?;
    nix::sys::prctl::set_dumpable(false).map_err(|error| error.to_string())?;
    measures.push(no_files()?.to_owned());
    measures.push(match filter(Calls::Reader) {
        Ok(()) => "seccomp".to_owned(),
        // Some kernels have none (gVisor, user-mode emulators); the other walls stand.
        Err(reason) => format!("no seccomp ({reason})"),
    });
    Ok(measures.join(", "))
}
