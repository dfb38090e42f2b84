//! Seccomp: the system calls that remain.

mod native;
mod reader;
mod wasm;

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// Whom a filter is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Calls {
    /// A worker that runs WebAssembly: files it holds, memory that cannot become code, time.
    WasmWorker,
    /// Programs of the host: what programs need, without what would change the room they are in.
    NativeProgram,
    /// Something that reads its input and writes its output.
    Reader,
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Applies the filter to all threads. A forbidden call fails with EPERM.
pub(crate) fn filter(calls: Calls) -> Result<(), String> {
    let rules = match calls {
        Calls::WasmWorker => without_new_code(wasm::CALLS)?,
        Calls::Reader => without_new_code(reader::CALLS)?,
        Calls::NativeProgram => {
            // Its flags are behind a pointer, where a filter cannot look. C libraries then use `clone`.
            let hidden = Rules::from([(libc::SYS_clone3, Vec::new())]);
            apply(hidden, SeccompAction::Allow, errno(libc::ENOSYS)?)?;
            native_program()?
        }
    };
    apply(rules, errno(libc::EPERM)?, SeccompAction::Allow)
}

fn apply(rules: Rules, otherwise: SeccompAction, matched: SeccompAction) -> Result<(), String> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| error.to_string())?;
    let program: BpfProgram = SeccompFilter::new(rules, otherwise, matched, arch)
        .and_then(TryInto::try_into)
        .map_err(|error| error.to_string())?;
    seccompiler::apply_filter_all_threads(&program).map_err(|error| error.to_string())
}

fn errno(number: i32) -> Result<SeccompAction, String> {
    let number = u32::try_from(number).map_err(|error| error.to_string())?;
    Ok(SeccompAction::Errno(number))
}

fn without_new_code(calls: &[&[i64]]) -> Result<Rules, String> {
    let mut rules = allowed(calls);
    // Machine code was mapped before; from here on, nothing that is written can be run.
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(call, vec![without(2, libc::PROT_EXEC)?]);
    }
    Ok(rules)
}

/// Typing into a terminal that is not one's own. By number: C libraries do not agree on its type.
const TIOCSTI: u64 = 0x5412;

fn native_program() -> Result<Rules, String> {
    const NAMESPACES: i32 = libc::CLONE_NEWNS
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUSER
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWCGROUP;
    let mut rules = allowed(native::CALLS);
    rules.insert(libc::SYS_clone, vec![without(0, NAMESPACES)?]);
    for call in [libc::SYS_socket, libc::SYS_socketpair] {
        let local = u64::try_from(libc::AF_UNIX).map_err(|error| error.to_string())?;
        rules.insert(call, vec![when(0, SeccompCmpOp::Eq, local)?]);
    }
    rules.insert(libc::SYS_ioctl, vec![when(1, SeccompCmpOp::Ne, TIOCSTI)?]);
    Ok(rules)
}

fn allowed(tables: &[&[i64]]) -> Rules {
    let calls = tables.iter().flat_map(|table| table.iter());
    calls.map(|call| (*call, Vec::new())).collect()
}

/// Matches a call by one argument.
fn when(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompRule, String> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
        .and_then(|condition| SeccompRule::new(vec![condition]))
        .map_err(|error| error.to_string())
}

/// Matches a call whose argument has none of `bits`.
fn without(argument: u8, bits: i32) -> Result<SeccompRule, String> {
    when(
        argument,
        SeccompCmpOp::MaskedEq(u64::from(bits.cast_unsigned())),
        0,
    )
}
