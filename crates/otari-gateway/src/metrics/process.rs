//! What the kernel says of this process, under the names every Prometheus client uses. Linux only.

use std::fmt::Write;
use std::fs;

/// `sysconf(_SC_CLK_TCK)` on every Linux there is.
const TICKS_PER_SECOND: f64 = 100.0;
const PAGE_BYTES: u64 = 4096;

/// Appends the process metrics; nothing where `/proc` is missing.
pub(super) fn encode(out: &mut String) {
    let Some(stat) = fs::read_to_string("/proc/self/stat").ok() else {
        return;
    };
    // The command may contain spaces; the fields after its closing parenthesis do not.
    let Some((_, fields)) = stat.rsplit_once(") ") else {
        return;
    };
    let fields: Vec<u64> = fields
        .split(' ')
        .map(|field| field.trim().parse().unwrap_or(0))
        .collect();
    // Counted from the third field of proc(5), the state.
    let field = |number: usize| fields.get(number - 3).copied().unwrap_or(0);
    #[expect(clippy::cast_precision_loss, reason = "seconds of CPU fit a float")]
    let cpu_seconds = (field(14) + field(15)) as f64 / TICKS_PER_SECOND;
    gauge(
        out,
        "process_virtual_memory_bytes",
        "Virtual memory size",
        field(23),
    );
    gauge(
        out,
        "process_resident_memory_bytes",
        "Resident memory size",
        field(24) * PAGE_BYTES,
    );
    if let Ok(descriptors) = fs::read_dir("/proc/self/fd") {
        gauge(
            out,
            "process_open_fds",
            "Open file descriptors",
            descriptors.count() as u64,
        );
    }
    if let Some(limit) = descriptor_limit() {
        gauge(
            out,
            "process_max_fds",
            "Most file descriptors that may be open",
            limit,
        );
    }
    if let Some(boot) = boot_time() {
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit a float")]
        let started = boot as f64 + field(22) as f64 / TICKS_PER_SECOND;
        let _ = write!(
            out,
            "# HELP process_start_time_seconds Start of the process, in seconds since 1970.\n\
             # TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {started}\n"
        );
    }
    let _ = write!(
        out,
        "# HELP process_cpu_seconds Total user and system CPU time.\n# TYPE process_cpu_seconds counter\n\
         process_cpu_seconds_total {cpu_seconds}\n"
    );
}

/// The soft limit; nothing where there is none.
fn descriptor_limit() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// In seconds since 1970.
fn boot_time() -> Option<u64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    line.trim().parse().ok()
}

fn gauge(out: &mut String, name: &str, help: &str, value: u64) {
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "# HELP {name} {help}.\n# TYPE {name} gauge\n{name} {value}\n"
    );
}
