//! Child processes that never outlive us, and what `/proc` says about them.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// How long a process may take to end after SIGTERM.
const STOP_WITHIN: Duration = Duration::from_secs(10);
const STOP_POLL: Duration = Duration::from_millis(10);
/// Linux reports CPU time to user space in hundredths of a second (`USER_HZ`), on every architecture we run on.
const TICK: Duration = Duration::from_millis(10);

/// A running child and its own children. Dropping it ends them.
#[derive(Debug)]
pub struct Process {
    child: Child,
    pub name: &'static str,
}

/// Resident memory in KiB, summed over a process and its children.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    pub resident: u64,
    /// The most there ever was.
    pub peak: u64,
}

impl Process {
    /// Starts `command` with its output in `log`.
    pub fn spawn(name: &'static str, command: &mut Command, log: &Path) -> Result<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Self { child, name })
    }

    /// The exit status as text, once it has ended.
    pub fn ended(&mut self) -> Option<String> {
        self.child
            .try_wait()
            .ok()
            .flatten()
            .map(|status| status.to_string())
    }

    /// CPU time used so far, user and system.
    pub fn cpu(&self) -> Duration {
        self.pids().into_iter().filter_map(cpu_ticks).sum::<u32>() * TICK
    }

    pub fn memory(&self) -> Memory {
        self.pids()
            .into_iter()
            .filter_map(memory)
            .fold(Memory::default(), |sum, one| Memory {
                resident: sum.resident + one.resident,
                peak: sum.peak + one.peak,
            })
    }

    fn pids(&self) -> Vec<u32> {
        let own = self.child.id();
        let children = parents().into_iter().filter(|(_, parent)| *parent == own);
        std::iter::once(own)
            .chain(children.map(|(pid, _)| pid))
            .collect()
    }

    /// SIGTERM first: nginx's workers are ended by their master, which SIGKILL would not let it do.
    #[expect(
        clippy::disallowed_methods,
        reason = "runs in drop, where nothing can be awaited"
    )]
    fn stop(&mut self) {
        let pid = self.child.id().to_string();
        // Failure means that it has ended or cannot be reached; the bounded wait below settles which.
        let _ = Command::new("sh")
            .args(["-c", "kill -TERM \"$1\"", "sh", &pid])
            .status();
        let deadline = Instant::now() + STOP_WITHIN;
        while Instant::now() < deadline {
            if self.ended().is_some() {
                return;
            }
            std::thread::sleep(STOP_POLL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended().is_none() {
            self.stop();
        }
    }
}

/// Places in `/proc/PID/stat`, counted after the command name (proc_pid_stat(5) numbers them 4, 14 and 15).
const PARENT: usize = 1;
const USER_TICKS: usize = 11;
const SYSTEM_TICKS: usize = 12;

/// Each process and its parent.
pub(crate) fn parents() -> Vec<(u32, u32)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, stat_field(pid, PARENT)?)))
        .collect()
}

fn stat_field(pid: u32, place: usize) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command name may hold spaces and parentheses; the last one ends it.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(place)?.parse().ok()
}

fn cpu_ticks(pid: u32) -> Option<u32> {
    Some(stat_field(pid, USER_TICKS)? + stat_field(pid, SYSTEM_TICKS)?)
}

fn memory(pid: u32) -> Option<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_ascii_whitespace().next()?.parse().ok()
    };
    Some(Memory {
        resident: field("VmRSS:")?,
        peak: field("VmHWM:")?,
    })
}

/// An address of this machine where nobody listens at this moment.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}
