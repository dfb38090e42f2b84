//! The examples of users, kept in memory between calls.

use std::sync::Arc;

use moka::sync::Cache;
use otari_store::routing_memory::{self, Judged};
use otari_store::{Store, StoreError};
use otari_types::UserId;

use super::choice::Example;
use super::words::normalized;

/// Numbers of all vectors together: 256 MiB of them.
const NUMBERS_MAX: u64 = 64 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Memory(Cache<UserId, Arc<Examples>>);

/// What one user's router was taught.
#[derive(Debug)]
pub(super) struct Examples(Vec<Arc<Example>>);

impl Default for Memory {
    fn default() -> Self {
        let cache = Cache::builder()
            .max_capacity(NUMBERS_MAX)
            .weigher(|_, examples: &Arc<Examples>| examples.weight())
            .build();
        Self(cache)
    }
}

impl Memory {
    /// What can be compared with a vector of `model`, which is always the same one.
    pub(super) async fn of(
        &self,
        store: &Store,
        user: &UserId,
        model: &str,
    ) -> Result<Arc<Examples>, StoreError> {
        if let Some(known) = self.0.get(user) {
            return Ok(known);
        }
        let judged = routing_memory::of(store, user, model).await?;
        let examples = judged.into_iter().map(|judged| Arc::new(example(judged)));
        let examples = Arc::new(Examples(examples.collect()));
        self.0.insert(user.clone(), Arc::clone(&examples));
        Ok(examples)
    }

    pub(super) fn forget(&self, user: &UserId) {
        self.0.invalidate(user);
    }

    pub(super) fn forget_all(&self) {
        self.0.invalidate_all();
    }
}

impl Examples {
    /// Those of a task; without one, all of them.
    pub(super) fn of_task(&self, task: Option<&str>) -> Vec<Arc<Example>> {
        let belongs = |example: &&Arc<Example>| task.is_none() || example.task.as_deref() == task;
        self.0.iter().filter(belongs).cloned().collect()
    }

    fn weight(&self) -> u32 {
        let numbers = self.0.iter().map(|example| example.vector.len());
        u32::try_from(numbers.sum::<usize>()).unwrap_or(u32::MAX)
    }
}

fn example(judged: Judged) -> Example {
    Example {
        vector: normalized(judged.embedding),
        scores: judged.scores.into_iter().collect(),
        task: judged.task_id,
    }
}
