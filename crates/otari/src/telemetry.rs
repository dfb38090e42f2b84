//! Logs: human or JSON, to stderr, written by a thread of their own.

mod background;

use std::io::IsTerminal as _;

use otari_config::section::logging::{LogFormat, Logging};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use background::Background;
pub(crate) use background::LogGuard;

/// Dependencies that are talkative at `info` are kept to warnings unless more is asked for.
const QUIET: &str = "sqlx=warn,hyper=warn,h2=warn,rustls=warn";

/// Starts logging. Keep the guard until the end of the process.
pub(crate) fn start(logging: &Logging) -> LogGuard {
    let level = logging.log_level.as_str();
    let filter = EnvFilter::new(format!("{QUIET},otari={level},{level}"));
    let terminal = std::io::stderr().is_terminal();
    let json = match logging.log_format {
        LogFormat::Auto => !terminal,
        LogFormat::Human => false,
        LogFormat::Json => true,
    };
    let (writer, guard) = Background::start();
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(terminal);
    let outcome = if json {
        registry.with(layer.json().flatten_event(true)).try_init()
    } else {
        registry.with(layer).try_init()
    };
    debug_assert!(outcome.is_ok(), "logging is started once");
    guard
}
