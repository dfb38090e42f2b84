//! `otari sandbox run`: one program, for people.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use otari_sandbox::{
    Backend, CreateSession, ExecOutcome, ExecRequest, Kind, Program, Sandbox, SessionId,
    WorkspaceFile,
};
use otari_types::SystemClock;

use crate::cli::SandboxRun;
use crate::command::runtime;
use crate::configuration::load;

const FROM_STDIN: &str = "-";

pub(super) fn run(args: &SandboxRun) -> anyhow::Result<ExitCode> {
    let config = load(&args.file, Vec::new())?;
    let Some(mut settings) = otari_server::sandbox_settings(&config) else {
        bail!("`sandbox_backend` is off; set it to wasm, science or native");
    };
    if args.science {
        settings.backend = Backend::Science;
    }
    // One program, one session.
    settings.limits.warm_sessions = 0;
    if let Some(seconds) = args.timeout {
        settings.limits.exec_timeout = Duration::from_secs(seconds);
    }
    let sandbox = Sandbox::new(settings, Arc::new(SystemClock))?;
    let program = program(args)?;
    if program.kind() == Kind::Bash && !sandbox.runs(Kind::Bash) {
        bail!("this backend has no shell; use Python, or sandbox_backend: native");
    }
    let runtime = runtime()?;
    let outcome = runtime.block_on(execute(&sandbox, args, program))?;
    runtime.shutdown_timeout(Duration::from_secs(5));
    let status = u8::try_from(outcome.return_code).unwrap_or(1);
    Ok(ExitCode::from(status))
}

fn program(args: &SandboxRun) -> anyhow::Result<Program> {
    let code = if args.program == FROM_STDIN {
        let mut code = String::new();
        io::stdin().read_to_string(&mut code)?;
        code
    } else {
        fs::read_to_string(&args.program).with_context(|| args.program.clone())?
    };
    let is_shell = Path::new(&args.program)
        .extension()
        .is_some_and(|extension| extension == "sh");
    Ok(if is_shell {
        Program::Bash { command: code }
    } else {
        Program::Python { code }
    })
}

async fn execute(
    sandbox: &Sandbox,
    args: &SandboxRun,
    program: Program,
) -> anyhow::Result<ExecOutcome> {
    let session = sandbox.create(CreateSession::default()).await?.id;
    let outcome = in_session(sandbox, &session, args, program).await;
    sandbox.destroy(&session).await?;
    outcome
}

async fn in_session(
    sandbox: &Sandbox,
    session: &SessionId,
    args: &SandboxRun,
    program: Program,
) -> anyhow::Result<ExecOutcome> {
    for file in &args.with {
        let content = fs::read(file).with_context(|| file.display().to_string())?;
        let name = file.file_name().and_then(|name| name.to_str());
        let name = name.with_context(|| format!("{}: not a file name", file.display()))?;
        sandbox
            .put_file(session, name, Bytes::from(content))
            .await?;
    }
    let request = ExecRequest {
        program,
        timeout: None,
        tool_use_id: None,
    };
    let outcome = sandbox.exec(session, request).await?;
    io::stdout().write_all(outcome.stdout.as_bytes())?;
    io::stderr().write_all(outcome.stderr.as_bytes())?;
    for file in &outcome.files {
        keep(sandbox, session, file, args.output.as_deref()).await?;
    }
    Ok(outcome)
}

/// Writes a file of the program below `folder`, or says that there is one.
async fn keep(
    sandbox: &Sandbox,
    session: &SessionId,
    file: &WorkspaceFile,
    folder: Option<&Path>,
) -> anyhow::Result<()> {
    let Some(folder) = folder else {
        let told = format!(
            "[{}: {} bytes; keep it with --output DIR]",
            file.path, file.size_bytes
        );
        return Ok(writeln!(io::stderr(), "{told}")?);
    };
    let content = sandbox.get_file(session, &file.path).await?;
    // A remote backend names the paths.
    let inside = Path::new(&file.path);
    let plain = inside
        .components()
        .all(|part| matches!(part, std::path::Component::Normal(_)));
    if !plain {
        bail!(
            "the sandbox named a file outside its workspace: {}",
            file.path
        );
    }
    let target = folder.join(inside);
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(&target, content).with_context(|| target.display().to_string())?;
    Ok(writeln!(io::stderr(), "[{}]", target.display())?)
}
