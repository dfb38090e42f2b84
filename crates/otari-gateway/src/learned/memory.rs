//! The examples of users, kept in memory between calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use moka::sync::Cache;
use otari_store::routing_memory::{self, Judged};
use otari_store::{Store, StoreError};
use otari_types::UserId;

use super::choice::Example;

/// Numbers of all vectors together: 256 MiB of them.
const NUMBERS_MAX: u64 = 64 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Memory {
    known: Cache<UserId, Arc<Examples>>,
    /// How often something was forgotten.
    forgotten: AtomicU64,
}

/// What one user's router was taught.
#[derive(Debug)]
pub(super) struct Examples(Vec<Example>);

impl Default for Memory {
    fn default() -> Self {
        let known = Cache::builder()
            .max_capacity(NUMBERS_MAX)
            .weigher(|_, examples: &Arc<Examples>| examples.weight())
            .build();
        Self {
            known,
            forgotten: AtomicU64::new(0),
        }
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
        match self.known.get(user) {
            Some(known) => Ok(known),
            None => {
                self.keep(user, routing_memory::of(store, user, model))
                    .await
            }
        }
    }

    async fn keep(
        &self,
        user: &UserId,
        reading: impl Future<Output = Result<Vec<Judged>, StoreError>>,
    ) -> Result<Arc<Examples>, StoreError> {
        let forgotten = self.forgotten.load(Ordering::SeqCst);
        let judged = reading.await?;
        let examples = judged.into_iter().map(example).collect();
        let examples = Arc::new(Examples(examples));
        self.known.insert(user.clone(), Arc::clone(&examples));
        // Somebody taught it meanwhile: what was read may be without that, and would stay.
        if self.forgotten.load(Ordering::SeqCst) != forgotten {
            self.known.invalidate(user);
        }
        Ok(examples)
    }

    pub(super) fn forget(&self, user: &UserId) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        self.known.invalidate(user);
    }

    pub(super) fn forget_all(&self) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        self.known.invalidate_all();
    }
}

impl Examples {
    /// Those of a task; without one, all of them.
    pub(super) fn of_task(&self, task: Option<&str>) -> Vec<&Example> {
        let belongs = |example: &&Example| task.is_none() || example.task.as_deref() == task;
        self.0.iter().filter(belongs).collect()
    }

    fn weight(&self) -> u32 {
        let numbers = self.0.iter().map(|example| example.vector.len());
        u32::try_from(numbers.sum::<usize>()).unwrap_or(u32::MAX)
    }
}

fn example(judged: Judged) -> Example {
    Example {
        vector: judged.embedding,
        scores: judged.scores.into_iter().collect(),
        task: judged.task_id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_taught_while_it_is_read_is_not_missed() {
        let (memory, user) = (Memory::default(), UserId::from("ada"));
        let read = memory.keep(&user, async { Ok(Vec::new()) }).await;
        assert_eq!(read.unwrap().of_task(None).len(), 0);
        assert!(memory.known.get(&user).is_some());

        memory.forget(&user);
        let overtaken = async {
            memory.forget(&user);
            Ok(Vec::new())
        };
        memory.keep(&user, overtaken).await.unwrap();
        assert!(memory.known.get(&user).is_none());
    }
}
