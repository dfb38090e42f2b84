//! `otari health`: whether a gateway answers, for images that have no other program to ask with.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use otari_config::Config;

use super::print;
use crate::cli::Health;
use crate::configuration::load;

/// Of each step; a gateway that takes longer to say that it is well is not.
const WITHIN: Duration = Duration::from_secs(5);
/// Of the answer; the status is in its first line.
const ANSWER_BYTES_MAX: u64 = 16 * 1024;

pub(crate) fn run(args: &Health) -> anyhow::Result<ExitCode> {
    let config = load(&args.file, Vec::new())?;
    let (host, port) = address(&config, args);
    match ask(&config, &host, port, args.ready) {
        Ok(said) => {
            print(&said)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            print(&format!("not healthy: {host}:{port}: {error:#}"))?;
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Where the gateway listens, as seen from its own machine.
fn address(config: &Config, args: &Health) -> (String, u16) {
    let host = args
        .host
        .clone()
        .unwrap_or_else(|| config.server.host.clone());
    let host = match host.as_str() {
        "0.0.0.0" => "127.0.0.1".to_owned(),
        "::" | "[::]" => "::1".to_owned(),
        _ => host,
    };
    (host, args.port.unwrap_or(config.server.port))
}

fn ask(config: &Config, host: &str, port: u16, ready: bool) -> anyhow::Result<String> {
    let mut stream = connect(host, port)?;
    if config.tls.tls_cert.is_some() {
        // The certificate is for the name that clients know, which is not this one.
        return Ok("healthy: it accepts connections (HTTPS is not looked into)".to_owned());
    }
    let path = if ready {
        "/health/readiness"
    } else {
        "/health"
    };
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: {host}:{port}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let line = answer.lines().next().unwrap_or_default();
    let status = line.split(' ').nth(1).unwrap_or_default();
    if status != "200" {
        bail!("{path} answers '{line}'");
    }
    Ok(format!("healthy: {path} answers 200"))
}

fn connect(host: &str, port: u16) -> anyhow::Result<TcpStream> {
    let mut failure = None;
    for address in (host, port).to_socket_addrs().context("no such host")? {
        match TcpStream::connect_timeout(&address, WITHIN) {
            Ok(stream) => {
                stream.set_read_timeout(Some(WITHIN))?;
                stream.set_write_timeout(Some(WITHIN))?;
                return Ok(stream);
            }
            Err(error) => failure = Some(error),
        }
    }
    Err(failure
        .unwrap_or_else(|| io::Error::other("no address"))
        .into())
}
