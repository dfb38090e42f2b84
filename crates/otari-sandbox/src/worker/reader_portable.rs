//! Where there is neither Landlock nor seccomp, a reader is a process with limits.

use nix::sys::resource::{Resource, setrlimit};

/// What a reader may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReaderBounds {
    pub memory_bytes: u64,
    /// Of processor time; then the kernel ends it.
    pub cpu_seconds: u64,
}

/// Confines this process for good. Answers what the kernel enforces.
pub fn confine_reader(bounds: ReaderBounds) -> Result<String, String> {
    let limits = [
        (Resource::RLIMIT_CORE, 0),
        (Resource::RLIMIT_DATA, bounds.memory_bytes),
        (Resource::RLIMIT_CPU, bounds.cpu_seconds),
    ];
    for (resource, limit) in limits {
        setrlimit(resource, limit, limit)
            .map_err(|error| format!("cannot limit {resource:?}: {error}"))?;
    }
    Ok("limits".to_owned())
}
