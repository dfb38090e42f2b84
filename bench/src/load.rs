//! The load driver: keep-alive connections, closed loop or at a fixed rate, every answer checked.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tokio::sync::mpsc;

use crate::shape::Shape;
use crate::stats::Samples;
pub(crate) use connection::Connection;
pub use outcome::Outcome;
pub use request::Call;
pub(crate) use request::Template;

mod connection;
mod outcome;
mod pace;
mod request;
mod sse;

/// A connection that fails this often in a row gives up.
const MAX_FAILURES: u32 = 20;
/// An answer that takes longer is an error.
const CALL_TIMEOUT: Duration = Duration::from_mins(1);

/// One run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub address: SocketAddr,
    pub call: Call,
    pub connections: usize,
    /// Calls per second over all connections; `None` sends the next call as soon as one is answered.
    pub rate: Option<f64>,
    /// No call starts later than this; those under way are finished and counted.
    pub duration: Duration,
}

/// Runs the plan to its end.
///
/// # Errors
/// When the address is not on this machine, the plan is empty, or no connection can be opened.
pub async fn run(plan: &Plan) -> Result<Outcome> {
    if !plan.address.ip().is_loopback() {
        bail!(
            "{} is not on this machine; the driver only loads loopback addresses",
            plan.address
        );
    }
    if plan.connections == 0 || plan.rate.is_some_and(|rate| rate <= 0.0) {
        bail!("nothing to do: connections and rate must be above zero");
    }
    let mut connections = Vec::with_capacity(plan.connections);
    for _ in 0..plan.connections {
        let opened = Connection::open(plan.address).await;
        connections.push(opened.with_context(|| format!("cannot connect to {}", plan.address))?);
    }
    let started = Instant::now();
    let deadline = started + plan.duration;
    let mut workers = tokio::task::JoinSet::new();
    let mut queues = Vec::new();
    let stagger = stagger(plan);
    for (connection, delay) in connections.into_iter().zip(stagger) {
        let worker = Worker::new(plan, connection);
        if plan.rate.is_some() {
            let (queue, due) = mpsc::unbounded_channel();
            queues.push(queue);
            workers.spawn(worker.on_schedule(due));
        } else {
            workers.spawn(worker.back_to_back(started + delay, deadline));
        }
    }
    if let Some(rate) = plan.rate {
        pace::start(rate, plan.duration, started, queues)?;
    }
    let mut outcome = Outcome::default();
    while let Some(part) = workers.join_next().await {
        outcome.merge(part.context("a worker stopped")?);
    }
    outcome.elapsed = started.elapsed();
    Ok(outcome)
}

/// A single whole call on a connection of its own.
pub async fn once(address: SocketAddr, call: &Call) -> Result<()> {
    let mut connection = Connection::open(address).await?;
    connection.whole(call.template(address).request()).await
}

/// Streams start spread over one gap, so that chunks of all streams do not fall on one instant.
fn stagger(plan: &Plan) -> Vec<Duration> {
    let gap = if plan.call.stream {
        Shape::of_model(&plan.call.model).gap
    } else {
        Duration::ZERO
    };
    let count = u32::try_from(plan.connections).unwrap_or(u32::MAX);
    (0..count).map(|index| gap * index / count.max(1)).collect()
}

struct Worker {
    address: SocketAddr,
    call: Call,
    request: Template,
    connection: Option<Connection>,
    failures: u32,
    outcome: Outcome,
}

impl Worker {
    fn new(plan: &Plan, connection: Connection) -> Self {
        let request = plan.call.template(plan.address);
        Self {
            address: plan.address,
            call: plan.call.clone(),
            request,
            connection: Some(connection),
            failures: 0,
            outcome: Outcome::default(),
        }
    }

    async fn back_to_back(mut self, first: Instant, deadline: Instant) -> Outcome {
        tokio::time::sleep_until(first.into()).await;
        while self.failures < MAX_FAILURES && Instant::now() < deadline {
            self.call(Instant::now()).await;
        }
        self.outcome
    }

    async fn on_schedule(mut self, mut due: mpsc::UnboundedReceiver<Instant>) -> Outcome {
        while let Some(intended) = due.recv().await {
            if self.failures < MAX_FAILURES {
                self.call(intended).await;
            } else {
                self.outcome.failed("the connection gave up");
            }
        }
        self.outcome
    }

    /// One call; its latency counts from `intended`, so that waiting behind a slow answer is not forgotten.
    async fn call(&mut self, intended: Instant) {
        let outcome = tokio::time::timeout(CALL_TIMEOUT, self.attempt(intended)).await;
        match outcome {
            Ok(Ok(())) => {
                self.failures = 0;
                return;
            }
            Ok(Err(error)) => self.outcome.failed(&format!("{error:#}")),
            Err(_) => self.outcome.failed("no whole answer in time"),
        }
        self.failures += 1;
        self.connection = None;
    }

    async fn attempt(&mut self, intended: Instant) -> Result<()> {
        if self.connection.is_none() {
            self.connection = Some(Connection::open(self.address).await?);
        }
        let Some(connection) = self.connection.as_mut() else {
            bail!("no connection")
        };
        let request = self.request.request();
        if self.call.stream {
            let shape = Shape::of_model(&self.call.model);
            let stream = connection.streamed(request, shape, intended).await?;
            self.outcome.streamed(stream, nanos(intended.elapsed()));
        } else {
            connection.whole(request).await?;
            self.outcome.answered(nanos(intended.elapsed()));
        }
        Ok(())
    }
}

pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// What one stream showed.
#[derive(Debug, Default)]
pub(crate) struct StreamTimes {
    /// From the intended start to the first content, in nanoseconds.
    pub(crate) first_token: u64,
    /// Per chunk, from the upstream's stamp to its arrival.
    pub(crate) delays: Samples,
    /// Between two arrivals.
    pub(crate) gaps: Samples,
    /// Chunks sent apart that arrived together.
    pub(crate) merged: u64,
}
