//! The file tree of a session: the host's programs read-only, one small file system for everything that is written.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{Gid, Uid, chown, pivot_root};

use super::{DRIVER_INSIDE, Python, WORKER_INSIDE, refused};
use crate::frame::Bounds;

/// What programs are made of. Links stay links; what is not there is left out.
const PROGRAMS: &[&str] = &[
    "usr",
    "bin",
    "sbin",
    "lib",
    "lib32",
    "lib64",
    "etc/alternatives",
    "etc/fonts",
    "etc/ld.so.cache",
    "etc/localtime",
    "etc/ssl/certs",
];
const DEVICES: &[&str] = &["null", "zero", "full", "random", "urandom"];
/// Where programs write: the folder inside, and its name on the file system they share.
const WRITTEN: &[(&str, &str)] = &[
    ("workspace", "workspace"),
    ("tmp", "tmp"),
    ("dev/shm", "shm"),
];
const SPACE: &str = ".space";
const OLD: &str = ".old";

/// The Python half, by file name.
const DRIVER: &[(&str, &str)] = &[
    (
        "native.py",
        include_str!("../../../../sandbox/py/native.py"),
    ),
    ("cells.py", include_str!("../../../../sandbox/py/cells.py")),
];

/// Makes a tree on `root`, an empty directory, and makes it `/`. What is written belongs to `user`.
pub(super) fn build(
    root: &Path,
    python: &Python,
    bounds: &Bounds,
    user: Option<u32>,
) -> Result<(), String> {
    assemble(root, python, bounds, user).map_err(|error| refused("mounts", &error.to_string()))
}

fn assemble(root: &Path, python: &Python, bounds: &Bounds, user: Option<u32>) -> io::Result<()> {
    // Nothing that is mounted here is seen outside.
    change("/", MsFlags::MS_REC | MsFlags::MS_PRIVATE)?;
    memory(root, "size=1m,mode=755")?;
    for name in PROGRAMS {
        program(root, Path::new(name))?;
    }
    for prefix in &python.prefixes {
        let name = prefix.strip_prefix("/").unwrap_or(prefix);
        if !name.starts_with("usr") && !name.as_os_str().is_empty() {
            program(root, name)?;
        }
    }
    ours(root)?;
    devices(root)?;
    written(root, bounds, user)?;
    // A new one goes over it; the kernel wants to see that this one hides nothing.
    fs::create_dir(root.join("proc"))?;
    bind(Path::new("/proc"), &root.join("proc"), MsFlags::MS_REC)?;
    let old = root.join(OLD);
    fs::create_dir(&old)?;
    pivot_root(root, &old)?;
    std::env::set_current_dir("/")?;
    umount2(format!("/{OLD}").as_str(), MntFlags::MNT_DETACH)?;
    fs::remove_dir(format!("/{OLD}"))?;
    read_only(Path::new("/"))
}

fn program(root: &Path, name: &Path) -> io::Result<()> {
    let source = Path::new("/").join(name);
    let target = root.join(name);
    let Ok(metadata) = fs::symlink_metadata(&source) else {
        return Ok(());
    };
    if let Some(folder) = target.parent() {
        open_dir(folder)?;
    }
    if metadata.is_symlink() {
        return match symlink(fs::read_link(&source)?, &target) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        };
    }
    if metadata.is_dir() {
        open_dir(&target)?;
    } else if !target.exists() {
        fs::write(&target, "")?;
    }
    // Without what is mounted below, unless the kernel insists on the whole.
    bind(&source, &target, MsFlags::empty())
        .or_else(|_| bind(&source, &target, MsFlags::MS_REC))?;
    read_only(&target)
}

/// This program and the Python half.
fn ours(root: &Path) -> io::Result<()> {
    let driver = below(root, DRIVER_INSIDE);
    open_dir(&driver)?;
    for (name, text) in DRIVER {
        let file = driver.join(name);
        fs::write(&file, text)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644))?;
    }
    let worker = below(root, WORKER_INSIDE);
    fs::write(&worker, "")?;
    // By its name: what /proc/self/exe leads to is mounted outside.
    bind(&std::env::current_exe()?, &worker, MsFlags::empty())?;
    read_only(&worker)
}

fn devices(root: &Path) -> io::Result<()> {
    let folder = root.join("dev");
    open_dir(&folder)?;
    for name in DEVICES {
        let target = folder.join(name);
        fs::write(&target, "")?;
        bind(&Path::new("/dev").join(name), &target, MsFlags::empty())?;
    }
    for (name, target) in [
        ("fd", "fd"),
        ("stdin", "fd/0"),
        ("stdout", "fd/1"),
        ("stderr", "fd/2"),
    ] {
        symlink(format!("/proc/self/{target}"), folder.join(name))?;
    }
    Ok(())
}

/// One file system with a size, so that its folders share one limit.
fn written(root: &Path, bounds: &Bounds, user: Option<u32>) -> io::Result<()> {
    let space = root.join(SPACE);
    open_dir(&space)?;
    let options = format!(
        "size={},nr_inodes={},mode=755",
        bounds.workspace_bytes,
        // Folders of our own are among them.
        bounds.workspace_files.saturating_add(16)
    );
    memory(&space, &options)?;
    for (inside, name) in WRITTEN {
        let (source, target) = (space.join(name), root.join(inside));
        open_dir(&source)?;
        open_dir(&target)?;
        if let Some(user) = user {
            chown(
                &source,
                Some(Uid::from_raw(user)),
                Some(Gid::from_raw(user)),
            )?;
        }
        bind(&source, &target, MsFlags::empty())?;
    }
    umount2(&space, MntFlags::MNT_DETACH)?;
    fs::remove_dir(&space)
}

/// The processes of this namespace and, where the kernel can leave it out, nothing about the machine.
pub(super) fn mount_processes() -> io::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let mounted = |options| mount(Some("proc"), "/proc", Some("proc"), flags, options);
    mounted(Some("subset=pid")).or_else(|_| mounted(None))?;
    Ok(())
}

fn memory(target: &Path, options: &str) -> io::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), target, Some("tmpfs"), flags, Some(options))
        .map_err(|error| at(target, error))
}

fn bind(source: &Path, target: &Path, more: MsFlags) -> io::Result<()> {
    let flags = MsFlags::MS_BIND | more;
    mount(Some(source), target, None::<&str>, flags, None::<&str>)
        .map_err(|error| at(source, error))
}

/// What the host forbids stays forbidden: the kernel does not let us drop it. When files were read is noted as before,
/// since nothing is said of it (mount(2), since Linux 3.17).
fn read_only(target: &Path) -> io::Result<()> {
    let mut flags = MsFlags::MS_REMOUNT
        | MsFlags::MS_BIND
        | MsFlags::MS_RDONLY
        | MsFlags::MS_NOSUID
        | MsFlags::MS_NODEV;
    if statvfs(target)?.flags().contains(FsFlags::ST_NOEXEC) {
        flags |= MsFlags::MS_NOEXEC;
    }
    change(target, flags)
}

fn change<P: ?Sized + nix::NixPath>(target: &P, flags: MsFlags) -> io::Result<()> {
    mount(None::<&str>, target, None::<&str>, flags, None::<&str>)?;
    Ok(())
}

fn at(path: &Path, error: Errno) -> io::Error {
    io::Error::other(format!("{}: {}", path.display(), error.desc()))
}

fn open_dir(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(path)
}

fn below(root: &Path, inside: &str) -> PathBuf {
    root.join(inside.trim_start_matches('/'))
}
