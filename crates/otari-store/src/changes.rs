//! How nodes that share a PostgreSQL database tell each other what to forget.

use std::time::Duration;

use otari_types::{AccountId, BudgetId, KeyId, UserId};
use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgListener, PgPool};

use crate::sql::Query;

const CHANNEL: &str = "otari_changes";
/// Pause between attempts to reach a database that is away.
const RECONNECT: Duration = Duration::from_secs(1);

/// Something another node may have cached is no longer true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    Key(KeyId),
    User(UserId),
    Budget(BudgetId),
    /// The model key whose price changed.
    Price(String),
    Account(AccountId),
    /// A node ran out of allowance for this account: return what is not in use.
    Recall(AccountId),
    /// What the learned router of this user knows.
    Examples(UserId),
    Settings,
    /// Changes may have been missed: drop everything cached.
    Lagged,
}

impl Change {
    pub(crate) fn announcement(&self) -> Query {
        // A payload above 8000 bytes is refused by PostgreSQL; an id of that length can only say "something".
        const PAYLOAD_MAX: usize = 7_900;
        let text = serde_json::to_string(self)
            .ok()
            .filter(|text| text.len() <= PAYLOAD_MAX)
            .unwrap_or_else(|| r#""lagged""#.to_owned());
        Query::new("none", "SELECT pg_notify($1, $2)")
            .bind(CHANNEL)
            .bind(text)
    }
}

/// The changes as they arrive.
#[derive(Debug)]
pub struct Changes(Source);

#[derive(Debug)]
enum Source {
    Never,
    Waiting(PgPool),
    Listening(PgPool, Box<PgListener>),
}

impl Changes {
    pub(crate) fn never() -> Self {
        Self(Source::Never)
    }

    pub(crate) fn of(pool: PgPool) -> Self {
        Self(Source::Waiting(pool))
    }

    /// Waits for the next change. The first is [`Change::Lagged`], and so is the first after every lost
    /// connection: whoever listens only from now on cannot know what came before. Never returns on SQLite; `None`
    /// once the store is closed.
    pub async fn recv(&mut self) -> Option<Change> {
        loop {
            match &mut self.0 {
                Source::Never => return std::future::pending().await,
                Source::Waiting(pool) => {
                    let pool = pool.clone();
                    match listen(&pool).await {
                        Ok(listener) => {
                            self.0 = Source::Listening(pool, Box::new(listener));
                            return Some(Change::Lagged);
                        }
                        Err(_) if pool.is_closed() => return None,
                        Err(error) => {
                            tracing::warn!(%error, "changes of other nodes cannot be heard; retrying");
                            tokio::time::sleep(RECONNECT).await;
                        }
                    }
                }
                Source::Listening(pool, listener) => match listener.try_recv().await {
                    // A node of another version may announce what this one does not know.
                    Ok(Some(note)) => {
                        return Some(
                            serde_json::from_str(note.payload()).unwrap_or(Change::Lagged),
                        );
                    }
                    Ok(None) | Err(_) => self.0 = Source::Waiting(pool.clone()),
                },
            }
        }
    }
}

async fn listen(pool: &PgPool) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    // Reconnecting is done above, where it is reported as a gap.
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}
