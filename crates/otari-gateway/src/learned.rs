//! The learned router: which of a policy's models served similar requests well enough, at what cost. It knows what it
//! was taught, and leaves the decision to the policy's default rather than guess.

mod choice;
mod embedder;
mod memory;
mod signal;
mod teach;
mod words;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use moka::sync::Cache;
use otari_config::{EmbeddingModel, Entry, RouterGranularity};
use otari_store::Store;
use otari_types::{Timestamp, UserId};
use tokio::time::timeout;

use crate::Gateway;
use crate::admit::{Admitted, Billed};
use crate::encoder::SharedEncoder;
use crate::inbound::{Inbound, Origin};
use crate::plan::conversation;
use choice::{Contender, Weighing};
use memory::Memory;
use signal::Signal;

use choice::Declined;
pub use teach::{Lesson, Pools, TeachError};

const DECISIONS_MAX: u64 = 10_000;
const TASK_HEADER: &str = "otari-router-task";

/// How the learned router decides.
#[derive(Clone, Debug)]
pub struct LearnedOptions {
    pub embedding_model: EmbeddingModel,
    /// Neighbours that are asked.
    pub k: u32,
    /// Weight of cost against quality.
    pub alpha: f64,
    /// The share of neighbours that must favour the choice.
    pub confidence_floor: f64,
    /// Examples it wants before it decides anything.
    pub seed_count: u32,
    /// Longest a decision may take; a caller waits for it.
    pub decision_max: Duration,
    /// What one decision covers.
    pub granularity: RouterGranularity,
    /// Examples kept for one user; 0 for all.
    pub keep: u32,
}

/// What it is made of.
#[derive(Debug)]
pub struct Learned {
    pub options: LearnedOptions,
    store: Store,
    encoder: Arc<SharedEncoder>,
    memory: Memory,
    /// Of conversations, where one decision covers one.
    decisions: Cache<u64, Arc<[String]>>,
}

impl Learned {
    pub(crate) fn new(options: LearnedOptions, store: Store, encoder: Arc<SharedEncoder>) -> Self {
        Self {
            memory: Memory::default(),
            decisions: Cache::new(DECISIONS_MAX),
            options,
            store,
            encoder,
        }
    }

    /// Somebody taught it, here or on another node.
    pub(crate) fn forget(&self, user: &UserId) {
        self.memory.forget(user);
    }

    pub(crate) fn forget_all(&self) {
        self.memory.forget_all();
    }

    fn weighing(&self) -> Weighing {
        Weighing {
            k: usize::try_from(self.options.k).unwrap_or(usize::MAX),
            alpha: self.options.alpha,
            confidence_floor: self.options.confidence_floor,
        }
    }
}

/// Whose request it is that a policy's models are ranked for.
pub(crate) struct Asked<'a> {
    pub(crate) gateway: &'a Gateway,
    pub(crate) inbound: &'a Inbound,
    pub(crate) admitted: &'a Admitted,
    /// The policy's name.
    pub(crate) policy: &'a str,
}

impl Asked<'_> {
    /// The models of `entry`, the best first.
    pub(crate) async fn rank(&self, entry: &Entry) -> Result<Vec<String>, Declined> {
        let longest = self.gateway.learned.options.decision_max;
        let ranked = timeout(longest, self.decide(entry)).await;
        let ranked = ranked.unwrap_or(Err(Declined::TooSlow));
        if let Err(why) = &ranked {
            let request_id = &self.inbound.origin.request_id;
            tracing::debug!(%why, %request_id, policy = self.policy, "the learned router leaves it to the default");
        }
        ranked
    }

    async fn decide(&self, entry: &Entry) -> Result<Vec<String>, Declined> {
        let learned = &self.gateway.learned;
        let whole = learned.options.granularity == RouterGranularity::TraceSticky;
        let signal = Signal::read(&self.inbound.body, whole)?;
        let contenders = self.contenders(entry).await?;
        let decision = whole.then(|| self.decision());
        let decided = decision.and_then(|decision| learned.decisions.get(&decision));
        if let Some(decided) = decided.filter(|decided| leads(decided, &contenders)) {
            return Ok(in_order(&decided, &contenders));
        }
        let ranked = self.rank_by_memory(&signal, &contenders).await?;
        if let Some(decision) = decision {
            learned.decisions.insert(decision, ranked.clone().into());
        }
        Ok(ranked)
    }

    async fn rank_by_memory(
        &self,
        signal: &Signal,
        contenders: &[Contender],
    ) -> Result<Vec<String>, Declined> {
        let learned = &self.gateway.learned;
        let model = learned.options.embedding_model.to_string();
        let user = &self.admitted.billed.user;
        let examples = learned
            .memory
            .of(&learned.store, user, &model)
            .await
            .map_err(|error| {
                tracing::warn!(%error, "the learned router's examples could not be read");
                Declined::NoExamples
            })?;
        let pool = examples.of_task(task(&self.inbound.headers));
        let seed_count = usize::try_from(learned.options.seed_count).unwrap_or(usize::MAX);
        if pool.len() < seed_count {
            return Err(Declined::Cold);
        }
        let asker = EmbedsFor {
            gateway: self.gateway,
            origin: &self.inbound.origin,
            billed: &self.admitted.billed,
        };
        let vectors = asker.embed(vec![signal.text.clone()]).await;
        let vectors = vectors.map_err(|error| {
            tracing::warn!(%error, "the learned router could not embed a request");
            Declined::NoVector
        })?;
        let asked = vectors.first().ok_or(Declined::NoVector)?;
        choice::rank(asked, &pool, contenders, learned.weighing())
    }

    /// The models that the caller may use and something serves.
    async fn contenders(&self, entry: &Entry) -> Result<Vec<Contender>, Declined> {
        let mut contenders: Vec<Contender> = Vec::with_capacity(entry.candidates.len());
        for selector in &entry.candidates {
            let targets = &self.gateway.targets;
            let now: Timestamp = self.inbound.origin.received_at;
            let target = targets.resolve(selector, None, now).await;
            let target = target.map_err(|_| Declined::NoExamples)?;
            if target.instance.is_some() && self.admitted.permits_key(&target.key) {
                contenders.push(Contender {
                    selector: selector.clone(),
                    key: target.key.clone(),
                    price: target.price.as_ref().map(|point| {
                        #[expect(
                            clippy::cast_precision_loss,
                            reason = "to be compared, not billed"
                        )]
                        let price = point.price.input.0 as f64;
                        price
                    }),
                });
            }
        }
        Ok(contenders)
    }

    fn decision(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let user = self.admitted.billed.user.as_str();
        conversation(self.inbound, user).hash(&mut hasher);
        self.policy.hash(&mut hasher);
        task(&self.inbound.headers).hash(&mut hasher);
        hasher.finish()
    }
}

/// For whom, and on which call's behalf, texts are embedded.
#[derive(Clone, Copy)]
struct EmbedsFor<'a> {
    gateway: &'a Gateway,
    origin: &'a Origin,
    billed: &'a Billed,
}

/// The kind of work the caller says the request belongs to.
fn task(headers: &HeaderMap) -> Option<&str> {
    let task = headers.get(TASK_HEADER)?.to_str().ok()?.trim();
    (!task.is_empty()).then_some(task)
}

/// Whether the model that a decision puts first can still be chosen.
fn leads(decided: &[String], contenders: &[Contender]) -> bool {
    let can_be_chosen = |first: &String| contenders.iter().any(|one| one.selector == *first);
    decided.first().is_some_and(can_be_chosen)
}

/// The contenders as a decision ordered them; those it did not know come last.
fn in_order(decided: &[String], contenders: &[Contender]) -> Vec<String> {
    let place = |selector: &String| decided.iter().position(|one| one == selector);
    let mut order: Vec<String> = contenders.iter().map(|one| one.selector.clone()).collect();
    order.sort_by_key(|selector| place(selector).unwrap_or(usize::MAX));
    order
}
