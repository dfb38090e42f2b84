//! A PostgreSQL for the length of one test run: own directory, own port, no durability.

use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use crate::process::{apt_install, is_root, output, run};

/// Tests create a database each and run in parallel.
const CONNECTIONS_MAX: &str = "max_connections=400";
const READY_ATTEMPTS: u32 = 300;
const READY_PAUSE: Duration = Duration::from_millis(100);

pub(crate) struct Postgres {
    server: Child,
    port: u16,
    // Dropped after the server has stopped.
    folder: TempDir,
}

impl Postgres {
    /// Installs PostgreSQL if there is none, and starts it.
    pub(crate) fn start() -> anyhow::Result<Self> {
        if find_programs().is_none() {
            apt_install(&["postgresql"])?;
        }
        let programs = find_programs().context("PostgreSQL is not found")?;
        let owner = owner()?;
        let folder = TempDir::with_prefix("otari-pg-")?;
        if let Some((user, group)) = owner {
            std::os::unix::fs::chown(folder.path(), Some(user), Some(group))?;
        }
        let program = |name: &str| as_owner(&programs.join(name), owner, folder.path());
        let data = folder.path().join("data");
        let initdb = [
            "-U",
            "otari",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
            "-D",
        ];
        run(program("initdb")
            .args(initdb)
            .arg(&data)
            .stdout(Stdio::null()))?;
        let port = free_port()?;
        let mut command = program("postgres");
        command.arg("-D").arg(&data).arg("-k").arg(folder.path());
        command.args(["-h", "127.0.0.1", "-p", &port.to_string()]);
        for setting in [
            CONNECTIONS_MAX,
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
        ] {
            command.args(["-c", setting]);
        }
        let log = std::fs::File::create(folder.path().join("log"))?;
        let server = command.stdout(Stdio::null()).stderr(log).spawn()?;
        let started = Self {
            server,
            port,
            folder,
        };
        started.wait_until_ready(&programs)?;
        println!("PostgreSQL on port {port}");
        Ok(started)
    }

    /// The superuser's address; tests create databases of their own.
    pub(crate) fn url(&self) -> String {
        format!("postgres://otari@127.0.0.1:{}/postgres", self.port)
    }

    #[expect(clippy::disallowed_methods, reason = "no runtime here to block")]
    fn wait_until_ready(&self, programs: &Path) -> anyhow::Result<()> {
        let port = self.port.to_string();
        for _ in 0..READY_ATTEMPTS {
            let mut ask = Command::new(programs.join("pg_isready"));
            if output(ask.args(["-h", "127.0.0.1", "-p", &port])).is_some() {
                return Ok(());
            }
            std::thread::sleep(READY_PAUSE);
        }
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        bail!("PostgreSQL did not start:\n{log}")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Immediate shutdown: the directory is about to go.
        let _ = Command::new("kill")
            .args(["-QUIT", &self.server.id().to_string()])
            .status();
        let _ = self.server.wait();
    }
}

/// The directory with `initdb` and `postgres`: Debian keeps them off the path, newest version last.
fn find_programs() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .collect();
    folders.sort();
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    folders.reverse();
    folders.extend(std::env::split_paths(&on_path));
    folders.into_iter().find(|folder| {
        ["initdb", "postgres", "pg_isready"]
            .iter()
            .all(|name| folder.join(name).exists())
    })
}

/// Whom to run it as: PostgreSQL refuses to run as root.
fn owner() -> anyhow::Result<Option<(u32, u32)>> {
    if !is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        let id = |flag: &str| output(Command::new("id").args([flag, name]))?.parse().ok();
        if let (Some(user), Some(group)) = (id("-u"), id("-g")) {
            return Ok(Some((user, group)));
        }
    }
    bail!("there is no user `postgres` or `nobody` to run PostgreSQL as")
}

fn as_owner(program: &Path, owner: Option<(u32, u32)>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    if let Some((user, group)) = owner {
        command.uid(user).gid(group);
    }
    command.current_dir(folder);
    command
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
