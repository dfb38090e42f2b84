//! `otari-bench`: see `bench/README.md`.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Parser, Subcommand};
use hyper::Uri;
use otari_bench::compare::{GuardrailOptions, Options, compare, guardrails};
use otari_bench::load::{self, Call, Plan};
use otari_bench::{sandbox, upstream};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Parser)]
#[command(about = "Measures what a gateway costs")]
struct Cli {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Serve the mock model provider on 127.0.0.1.
    Upstream {
        #[arg(long, default_value_t = 9300)]
        port: u16,
    },
    /// Load one address and print what happened as JSON.
    Load(LoadArgs),
    /// Measure nginx and Otari side by side and print a table.
    Compare(CompareArgs),
    /// Measure sandbox sessions: time to a result, memory of many at once.
    Sandbox(SandboxArgs),
    /// Measure what guardrails add to a call.
    Guardrails(GuardrailArgs),
}

#[derive(Args)]
struct GuardrailArgs {
    /// The otari binary, built for release.
    #[arg(long)]
    otari: PathBuf,
    /// Pairs of calls for each row.
    #[arg(long, default_value_t = 2000)]
    pairs: usize,
    #[arg(
        long = "profile",
        default_values = ["otari:prompt-injection", "otari:pii", "otari:secrets"]
    )]
    profiles: Vec<String>,
}

#[derive(Args)]
struct SandboxArgs {
    /// The otari binary, which is its own worker.
    #[arg(long)]
    otari: PathBuf,
    /// The host's Python under namespaces in place of WebAssembly.
    #[arg(long)]
    native: bool,
    /// The Python with packages, which `otari sandbox install science` puts into the data directory.
    #[arg(long, conflicts_with = "native")]
    science: bool,
    #[arg(long, default_value_t = 200)]
    sessions: usize,
    #[arg(long, default_value_t = 50)]
    rounds: usize,
    /// Where the compiled interpreter is kept.
    #[arg(long, default_value = "./otari-data")]
    data_dir: PathBuf,
}

#[derive(Args)]
struct LoadArgs {
    /// Such as http://127.0.0.1:8000/v1/chat/completions
    #[arg(long)]
    url: Uri,
    /// Sent as bearer token.
    #[arg(long)]
    key: Option<String>,
    /// With --stream, a name like mock-s100-g10 asks for 100 chunks 10 ms apart.
    #[arg(long, default_value = "mock")]
    model: String,
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Calls per second in all; without it each connection calls as fast as it is answered.
    #[arg(long)]
    rate: Option<f64>,
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    #[arg(long)]
    stream: bool,
}

#[derive(Args)]
struct CompareArgs {
    /// The otari binary; without it only nginx is measured.
    #[arg(long)]
    otari: Option<PathBuf>,
    #[arg(long, default_value = "/usr/sbin/nginx")]
    nginx: PathBuf,
    /// About a minute instead of several.
    #[arg(long)]
    quick: bool,
    #[arg(long)]
    rounds: Option<u32>,
    /// Of each run.
    #[arg(long)]
    seconds: Option<f64>,
    /// Also write every observation here.
    #[arg(long)]
    json: Option<PathBuf>,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    // One thread: the driver and the upstream leave as much of the machine as they can to what is measured.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        tokio::select! {
            result = run(cli.command) => result,
            result = stopped() => result,
        }
    })
}

async fn run(command: Verb) -> Result<()> {
    match command {
        Verb::Upstream { port } => {
            let listener = TcpListener::bind(("127.0.0.1", port)).await?;
            upstream::serve(listener)
                .await
                .context("the upstream stopped")
        }
        Verb::Load(arguments) => {
            let outcome = load::run(&plan(arguments)?).await?;
            print(&format!("{:#}\n", outcome.json()))
        }
        Verb::Compare(arguments) => side_by_side(arguments).await,
        Verb::Sandbox(arguments) => sandboxes(arguments).await,
        Verb::Guardrails(arguments) => {
            let options = GuardrailOptions {
                otari: arguments.otari,
                pairs: arguments.pairs,
                profiles: arguments.profiles,
            };
            print(&guardrails(&options).await?)
        }
    }
}

async fn sandboxes(arguments: SandboxArgs) -> Result<()> {
    let options = sandbox::Options {
        otari: arguments.otari,
        backend: if arguments.native {
            otari_sandbox::Backend::Native {
                python: PathBuf::from("python3"),
            }
        } else if arguments.science {
            otari_sandbox::Backend::Science
        } else {
            otari_sandbox::Backend::Wasm
        },
        sessions: arguments.sessions,
        rounds: arguments.rounds,
        data_dir: arguments.data_dir,
    };
    print(&sandbox::measure(&options).await?)
}

/// Ends the select, which drops the measurement and with it every process it started.
async fn stopped() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    bail!("stopped by a signal")
}

fn plan(arguments: LoadArgs) -> Result<Plan> {
    let authority = arguments.url.authority().context("--url has no host")?;
    let address = authority.as_str().replace("localhost", "127.0.0.1");
    let address: SocketAddr = address
        .parse()
        .context("--url needs an IP address and a port")?;
    Ok(Plan {
        address,
        call: Call {
            path: arguments.url.path().to_owned(),
            key: arguments.key,
            model: arguments.model,
            stream: arguments.stream,
        },
        connections: arguments.connections,
        rate: arguments.rate,
        duration: Duration::try_from_secs_f64(arguments.seconds)?,
    })
}

async fn side_by_side(arguments: CompareArgs) -> Result<()> {
    let (rounds, seconds) = if arguments.quick { (2, 2.0) } else { (5, 6.0) };
    let options = Options {
        otari: arguments.otari,
        nginx: arguments.nginx,
        rounds: arguments.rounds.unwrap_or(rounds),
        duration: Duration::try_from_secs_f64(arguments.seconds.unwrap_or(seconds))?,
        progress: |step| drop(writeln!(std::io::stderr(), "{step}")),
    };
    let comparison = compare(&options).await?;
    if let Some(path) = &arguments.json {
        let all = serde_json::json!({
            "machine": comparison.machine,
            "figures": comparison.figures.json(),
            "remarks": comparison.remarks,
        });
        std::fs::write(path, format!("{all:#}\n"))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let mut text = format!("{}\n{}", comparison.figures.table(), comparison.machine);
    for remark in &comparison.remarks {
        text.extend(["\n", remark]);
    }
    print(&format!("{text}\n"))
}

fn print(text: &str) -> Result<()> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("cannot print")
}
