//! What guardrails add to a call: the same calls with and without them, in turns, on the same connections.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::setup::Access;
use super::{in_folder, machine, otari, start_upstream};
use crate::load::{Connection, Template, nanos};
use crate::stats::{Samples, Sorted};

/// Prose with figures and names, cut to length.
const PROSE: &str = include_str!("../../README.md");
const CONNECTIONS: [usize; 2] = [1, 16];
const SIZES: [usize; 2] = [2 * 1024, 20 * 1024];
const WARM_UP: usize = 50;

/// What to measure.
#[derive(Clone, Debug)]
pub struct GuardrailOptions {
    /// The otari binary, built for release.
    pub otari: PathBuf,
    /// Pairs of calls for each row.
    pub pairs: usize,
    /// As callers name them; all three sets of rules unless told otherwise.
    pub profiles: Vec<String>,
}

/// Runs the measurement and answers a table.
pub async fn guardrails(options: &GuardrailOptions) -> Result<String> {
    in_folder(async |dir| measure(options, dir).await).await
}

async fn measure(options: &GuardrailOptions, dir: &Path) -> Result<String> {
    let (upstream, _upstream) = start_upstream(dir).await?;
    let (setup, _) = otari::setup(&options.otari, dir, upstream).await?;
    let _process = setup.start().await?;
    let mut table = format!(
        "{} in `block` mode; milliseconds from the request to the whole answer\n\n\
         | connections | text | without p50 | with p50 | added p50 | without p99 | with p99 | added p99 |\n\
         |---|---|---|---|---|---|---|---|\n",
        options.profiles.join(", ")
    );
    for connections in CONNECTIONS {
        for size in SIZES {
            let calls = Calls::new(&setup.access, setup.address, size, &options.profiles);
            calls.run(1, WARM_UP).await?;
            let (without, with) = calls.run(connections, options.pairs).await?;
            row(&mut table, connections, size, &without, &with);
        }
    }
    if let Some(remark) = machine::busy() {
        writeln!(table, "\n{remark}")?;
    }
    Ok(table)
}

fn row(table: &mut String, connections: usize, size: usize, without: &Sorted, with: &Sorted) {
    let ms = |samples: &Sorted, percent| samples.percentile_us(percent) / 1e3;
    let _ = write!(table, "| {connections} | {} KB ", size / 1024);
    for percent in [50.0, 99.0] {
        let (without, with) = (ms(without, percent), ms(with, percent));
        let _ = write!(table, "| {without:.2} | {with:.2} | {:.2} ", with - without);
    }
    table.push_str("|\n");
}

/// One call in two forms.
#[derive(Clone)]
struct Calls {
    address: SocketAddr,
    without: Template,
    with: Template,
}

impl Calls {
    fn new(access: &Access, address: SocketAddr, size: usize, profiles: &[String]) -> Self {
        let text: String = PROSE
            .chars()
            .filter(char::is_ascii)
            .cycle()
            .take(size)
            .collect();
        let checks = profiles
            .iter()
            .map(|profile| json!({"profile": profile, "mode": "block"}));
        let call = access.call("mock", false);
        let body = |checks: Vec<Value>| {
            let mut body = json!({
                "model": call.model,
                "messages": [{"role": "user", "content": text}],
                "max_tokens": 256,
            });
            if let (false, Some(members)) = (checks.is_empty(), body.as_object_mut()) {
                members.insert("guardrails".to_owned(), Value::Array(checks));
            }
            Bytes::from(body.to_string())
        };
        Self {
            address,
            without: call.template_of(address, body(Vec::new())),
            with: call.template_of(address, body(checks.collect())),
        }
    }

    /// All latencies without and with, of `pairs` pairs over all connections.
    async fn run(&self, connections: usize, pairs: usize) -> Result<(Sorted, Sorted)> {
        let mut running = JoinSet::new();
        for _ in 0..connections {
            running.spawn(self.clone().pairs(pairs.div_ceil(connections)));
        }
        let (mut without, mut with) = (Samples::default(), Samples::default());
        while let Some(ended) = running.join_next().await {
            let (mut plain, mut checked) = ended??;
            without.append(&mut plain);
            with.append(&mut checked);
        }
        Ok((without.sorted(), with.sorted()))
    }

    async fn pairs(self, pairs: usize) -> Result<(Samples, Samples)> {
        let mut connection = Connection::open(self.address).await?;
        let (mut without, mut with) = (Samples::default(), Samples::default());
        for pair in 0..pairs {
            // Neither form is always the one that comes first.
            let turns = if pair % 2 == 0 {
                [false, true]
            } else {
                [true, false]
            };
            for checked in turns {
                let (template, samples) = if checked {
                    (&self.with, &mut with)
                } else {
                    (&self.without, &mut without)
                };
                let begun = Instant::now();
                connection.whole(template.request()).await?;
                samples.push(nanos(begun.elapsed()));
            }
        }
        Ok((without, with))
    }
}
