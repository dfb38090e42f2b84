//! Landlock: the files a process can reach, and no TCP.

use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, PathBeneath, PathFd, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetStatus, Scope,
};

/// The newest generation this was tried on. Older kernels enforce what they know of it.
const GENERATION: ABI = ABI::V6;

/// From now on this thread, and those it starts, can open files below `root` only, run none of them, and neither
/// connect nor signal out. Answers what the kernel made of it.
pub(crate) fn only_files_in(root: &Path) -> Result<&'static str, String> {
    let allowed = AccessFs::ReadFile
        | AccessFs::ReadDir
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::MakeSym
        | AccessFs::Refer;
    let path = PathFd::new(root).map_err(|error| error.to_string())?;
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(GENERATION))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(GENERATION)))
        .and_then(|rules| rules.scope(Scope::from_all(GENERATION)))
        .and_then(Ruleset::create)
        .and_then(|rules| rules.add_rule(PathBeneath::new(path, allowed)))
        .and_then(landlock::RulesetCreated::restrict_self)
        .map_err(|error| error.to_string())?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => "landlock",
        RulesetStatus::PartiallyEnforced => "landlock (older kernel, in part)",
        RulesetStatus::NotEnforced => "no landlock",
    })
}
