//! What the processes of a session take together. Limits of the kernel are for each of them.

use std::fs;

use crate::frame::Bounds;

/// Beside the programs: init, and the interpreter's own.
const OWN_PROCESSES: u64 = 2;

/// What there is too much of, if anything.
pub(super) fn excess(bounds: &Bounds) -> Option<&'static str> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes: Vec<u32> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    let count = u64::try_from(processes.len()).unwrap_or(u64::MAX);
    if count > bounds.processes + OWN_PROCESSES {
        return Some("too many processes");
    }
    let programs = || processes.iter().filter(|process| **process != 1);
    let all: u64 = programs().map(|process| resident(*process)).sum();
    // Pages that forked processes share are in there once for each; only now is it worth asking for their shares.
    let over = all > bounds.memory_bytes
        && programs().map(|process| share(*process)).sum::<u64>() > bounds.memory_bytes;
    over.then_some("out of memory")
}

/// Memory that is not a file's, in bytes; 0 for a process that is gone.
fn resident(process: u32) -> u64 {
    bytes_of(process, "status", &["RssAnon:", "RssShmem:"])
}

/// The same, of shared pages its part.
fn share(process: u32) -> u64 {
    bytes_of(process, "smaps_rollup", &["Pss_Anon:", "Pss_Shmem:"])
}

fn bytes_of(process: u32, file: &str, names: &[&str]) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/{file}")).unwrap_or_default();
    let kibibytes = |line: &str| line.split_whitespace().nth(1)?.parse::<u64>().ok();
    text.lines()
        .filter(|line| names.iter().any(|name| line.starts_with(name)))
        .filter_map(kibibytes)
        .sum::<u64>()
        .saturating_mul(1024)
}
