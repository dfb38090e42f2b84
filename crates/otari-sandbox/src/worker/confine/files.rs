//! Landlock: the files a process can reach, and no TCP.

use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
};

use crate::wasm::Library;

/// The newest generation this was tried on. Older kernels enforce what they know of it.
const GENERATION: ABI = ABI::V6;

/// From now on this thread, and those it starts, can open files below `root` only and read those below `readable`, run
/// none of them, and neither connect nor signal out. Answers what the kernel made of it.
pub(crate) fn only_files_in(root: &Path, readable: &[Library]) -> Result<&'static str, String> {
    let root = PathFd::new(root).map_err(|error| error.to_string())?;
    let mut rules = vec![(root.as_fd(), files_and_folders())];
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    rules.extend(readable.iter().map(|library| (library.as_fd(), read)));
    restrict(&rules)
}

/// From now on this thread, and those it starts, can write below `writable` only, and neither connect nor signal out.
/// Reading and running is left to what there is to read and run.
pub(crate) fn read_all_write_in(writable: &[&str]) -> Result<&'static str, String> {
    let read_and_run = AccessFs::Execute | AccessFs::ReadFile | AccessFs::ReadDir;
    let written = files_and_folders() | AccessFs::MakeFifo | AccessFs::MakeSock | AccessFs::Execute;
    let open = |path: &str| PathFd::new(path).map_err(|error| error.to_string());
    let everything = open("/")?;
    let writable: Vec<PathFd> = writable
        .iter()
        .copied()
        .map(open)
        .collect::<Result<_, _>>()?;
    let mut rules = vec![(everything.as_fd(), read_and_run)];
    rules.extend(writable.iter().map(|path| (path.as_fd(), written)));
    restrict(&rules)
}

fn files_and_folders() -> BitFlags<AccessFs> {
    AccessFs::ReadFile
        | AccessFs::ReadDir
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::MakeSym
        | AccessFs::Refer
}

fn restrict(allowed: &[(BorrowedFd<'_>, BitFlags<AccessFs>)]) -> Result<&'static str, String> {
    let rules = allowed
        .iter()
        .map(|(folder, access)| Ok::<_, RulesetError>(PathBeneath::new(folder, *access)));
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(GENERATION))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(GENERATION)))
        .and_then(|rules| rules.scope(Scope::from_all(GENERATION)))
        .and_then(Ruleset::create)
        .and_then(|created| created.add_rules(rules))
        .and_then(landlock::RulesetCreated::restrict_self)
        .map_err(|error| error.to_string())?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => "landlock",
        RulesetStatus::PartiallyEnforced => "landlock (older kernel, in part)",
        RulesetStatus::NotEnforced => "no landlock",
    })
}
