//! What the processes of a session take together. Limits of the kernel are for each of them.

use std::fs;

use crate::frame::Bounds;

/// Beside the programs: init, and the interpreter's own.
const OWN_PROCESSES: u64 = 2;

/// What there is too much of, if anything.
pub(super) fn excess(bounds: &Bounds) -> Option<&'static str> {
    let mut processes = 0;
    let mut memory = 0_u64;
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(process) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        processes += 1;
        if process != 1 {
            memory = memory.saturating_add(own_bytes(process));
        }
    }
    if processes > bounds.processes + OWN_PROCESSES {
        return Some("too many processes");
    }
    (memory > bounds.memory_bytes).then_some("out of memory")
}

/// Memory that is not a file's, in bytes; 0 for a process that is gone.
fn own_bytes(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let kibibytes = |line: &str| line.split_whitespace().nth(1)?.parse::<u64>().ok();
    status
        .lines()
        .filter(|line| line.starts_with("RssAnon:") || line.starts_with("RssShmem:"))
        .filter_map(kibibytes)
        .sum::<u64>()
        .saturating_mul(1024)
}
