//! What the figures were measured on.

use std::fs;
use std::process::Command;

use super::Options;

/// Load average of the last minute above which a machine is not at rest.
const BUSY: f64 = 0.7;

/// One line: processor, cores, kernel, versions, length of the runs.
pub(super) fn facts(options: &Options) -> String {
    let cpu = first_line_after("/proc/cpuinfo", "model name")
        .unwrap_or_else(|| "unknown processor".to_owned());
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let memory = first_line_after("/proc/meminfo", "MemTotal").unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    // nginx prints its version on standard error.
    let nginx = Command::new(&options.nginx)
        .arg("-v")
        .output()
        .map(|output| output.stderr)
        .unwrap_or_default();
    let nginx = String::from_utf8_lossy(&nginx);
    format!(
        "{cpu}, {cores} cores shared by driver, upstream and gateway, {memory}, Linux {}, {}; medians of {} x {} s",
        kernel.trim(),
        nginx.trim().trim_start_matches("nginx version: "),
        options.rounds,
        options.duration.as_secs_f64(),
    )
}

/// A remark when other work was going on; figures of such a run say little.
pub(super) fn busy() -> Option<String> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    let load: f64 = text.split_ascii_whitespace().next()?.parse().ok()?;
    (load > BUSY).then(|| {
        format!("the machine was busy before the run (load {load}): do not quote these figures")
    })
}

fn first_line_after(path: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    Some(line.trim_start_matches([' ', '\t', ':']).trim().to_owned())
}
