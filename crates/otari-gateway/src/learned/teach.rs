//! Teaching the learned router: how good the answers of models to a request were.

use std::collections::BTreeMap;
use std::time::Instant;

use otari_store::routing_memory::{self, Judged, Pool};
use otari_store::{StoreError, users};
use otari_types::UserId;

use super::EmbedsFor;
use super::embedder::EmbedError;
use crate::Gateway;
use crate::admit::of_operator;
use crate::error::GatewayError;
use crate::inbound::Origin;

/// A request whose answers were judged.
#[derive(Clone, Debug)]
pub struct Lesson {
    pub prompt: String,
    /// Model, in any spelling → how good its answer was, from 0 to 1.
    pub scores: BTreeMap<String, f64>,
    pub task_id: Option<String>,
    /// Who judged.
    pub label_source: String,
}

/// Why nothing was learned.
#[derive(Debug, thiserror::Error)]
pub enum TeachError {
    #[error("User with id '{0}' not found")]
    NoSuchUser(String),
    /// Which example, counted from 0, and the name.
    #[error("examples[{0}].scores: '{1}' is no model that a configured provider serves")]
    NoSuchModel(usize, String),
    #[error("examples[{0}].scores: '{1}' and another name are the same model")]
    SameModel(usize, String),
    #[error(
        "the prompts could not be embedded by {model}: {cause}. None of the examples was recorded."
    )]
    Embedding { model: String, cause: EmbedError },
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How much a user's router knows.
#[derive(Clone, Debug)]
pub struct Pools {
    /// Of every task and of none: what requests without a task are decided by.
    pub all: i64,
    pub tasks: Vec<(String, i64)>,
}

impl Gateway {
    /// Records `lessons` for `user`, all or none, and returns how many. Embeddings of a provider are billed to the user.
    pub async fn teach_router(
        &self,
        user: &UserId,
        origin: Origin,
        lessons: Vec<Lesson>,
    ) -> Result<usize, TeachError> {
        let known = users::get(&self.store, user).await?;
        if known.is_none_or(|row| row.deleted_at.is_some()) {
            return Err(TeachError::NoSuchUser(user.to_string()));
        }
        let mut judged = Vec::with_capacity(lessons.len());
        for (index, lesson) in lessons.iter().enumerate() {
            judged.push(self.canonical_scores(index, lesson, &origin).await?);
        }
        let asker = EmbedsFor {
            gateway: self,
            origin: &Origin {
                started: Instant::now(),
                ..origin
            },
            billed: &of_operator(self, user.clone()).await?,
        };
        let options = &self.learned.options;
        let embedding = |cause| TeachError::Embedding {
            model: options.embedding_model.to_string(),
            cause,
        };
        let prompts = lessons.iter().map(|lesson| lesson.prompt.clone()).collect();
        let vectors = asker.embed(prompts).await.map_err(embedding)?;
        let rows: Vec<Judged> = lessons
            .into_iter()
            .zip(judged)
            .zip(vectors)
            .map(|((lesson, scores), vector)| Judged {
                task_id: lesson.task_id,
                embedding_model: options.embedding_model.to_string(),
                embedding: vector,
                scores,
                label_source: lesson.label_source,
            })
            .collect();
        routing_memory::add(&self.store, user, &rows, options.keep).await?;
        self.learned.forget(user);
        Ok(rows.len())
    }

    async fn canonical_scores(
        &self,
        index: usize,
        lesson: &Lesson,
        origin: &Origin,
    ) -> Result<BTreeMap<String, f64>, TeachError> {
        let mut scores = BTreeMap::new();
        for (name, score) in &lesson.scores {
            let target = self.targets.resolve(name, None, origin.received_at).await?;
            if target.instance.is_none() {
                return Err(TeachError::NoSuchModel(index, name.clone()));
            }
            if scores.insert(target.key.clone(), *score).is_some() {
                return Err(TeachError::SameModel(index, name.clone()));
            }
        }
        Ok(scores)
    }

    /// What the router of `user` was taught.
    pub async fn router_pools(&self, user: &UserId) -> Result<Pools, StoreError> {
        let model = self.learned.options.embedding_model.to_string();
        let pools = routing_memory::pools(&self.store, user, &model).await?;
        let all = pools.iter().map(|pool| pool.records).sum();
        let task = |pool: Pool| Some((pool.task_id?, pool.records));
        Ok(Pools {
            all,
            tasks: pools.into_iter().filter_map(task).collect(),
        })
    }
}
