//! The handle to the database: opening, reading, writing, closing.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use otari_types::{Clock, Timestamp};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use crate::options::Target;
use crate::sql::{Query, Row, run};
use crate::tx::Tx;
use crate::{Change, Changes, StoreError, StoreOptions};

/// Readers of a SQLite file beside its one writer.
const SQLITE_READERS: u32 = 4;
/// An idle reader ends after this long: each is a thread with a page cache.
const SQLITE_READER_IDLE: Duration = Duration::from_mins(1);
/// The write-ahead log is copied into the database after so many pages (32 MiB).
const WAL_PAGES: &str = "8000";
/// How long SQLite waits for another process's write.
const SQLITE_BUSY: Duration = Duration::from_secs(5);

/// Which database is behind a [`Store`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// A handle to the database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    db: Db,
    clock: Arc<dyn Clock>,
    /// In memory, so that nobody is interested in its upkeep.
    pub(crate) is_private: bool,
}

#[derive(Clone, Debug)]
enum Db {
    /// SQLite has one writer anyway: a pool of one queues writes here instead of failing with BUSY there.
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
    },
    Postgres(PgPool),
}

impl Store {
    /// Connects; a SQLite file and its folder are created. Does not migrate.
    pub async fn open(options: &StoreOptions, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let db = match Target::parse(options.url.expose())? {
            Target::Sqlite(path) => open_sqlite(&path, options).await?,
            Target::Postgres(target) => Db::Postgres(open_postgres(*target, options).await?),
        };
        Ok(Self {
            db,
            clock,
            is_private: false,
        })
    }

    /// A database of this process's own, gone with it: for a gateway whose records are kept elsewhere. Not migrated.
    pub async fn in_memory(clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let target = SqliteConnectOptions::from_str("sqlite::memory:")?.foreign_keys(true);
        // One connection that never ends: the database lives as long as it does.
        let only = SqlitePoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .test_before_acquire(false)
            .connect_with(target)
            .await?;
        let db = Db::Sqlite {
            writer: only.clone(),
            readers: only,
        };
        Ok(Self {
            db,
            clock,
            is_private: true,
        })
    }

    pub fn engine(&self) -> Engine {
        match &self.db {
            Db::Sqlite { .. } => Engine::Sqlite,
            Db::Postgres(_) => Engine::Postgres,
        }
    }

    /// Asks the database for an answer, for readiness probes.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.rows(Query::new("none", "SELECT 1")).await.map(drop)
    }

    /// Waits for running statements, then ends every connection.
    pub async fn close(&self) {
        match &self.db {
            Db::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Db::Postgres(pool) => pool.close().await,
        }
    }

    /// Tells every node, this one included, that something it may have cached changed. SQLite has one node: no-op.
    pub async fn notify(&self, change: Change) -> Result<(), StoreError> {
        match &self.db {
            Db::Sqlite { .. } => Ok(()),
            Db::Postgres(pool) => run::postgres_rows(pool, change.announcement())
                .await
                .map(drop),
        }
    }

    /// What other nodes (and this one) announce. On SQLite it never yields.
    pub fn changes(&self) -> Changes {
        match &self.db {
            Db::Sqlite { .. } => Changes::never(),
            Db::Postgres(pool) => Changes::of(pool.clone()),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Runs a read.
    pub(crate) async fn rows(&self, query: Query) -> Result<Vec<Row>, StoreError> {
        match &self.db {
            Db::Sqlite { readers, .. } => run::sqlite_rows(readers, query).await,
            Db::Postgres(pool) => run::postgres_rows(pool, query).await,
        }
    }

    pub(crate) async fn row(&self, query: Query) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(query).await?.into_iter().next())
    }

    /// Runs a write of one statement that nobody needs to hear of.
    pub(crate) async fn execute(&self, query: Query) -> Result<u64, StoreError> {
        match &self.db {
            Db::Sqlite { writer, .. } => run::sqlite_execute(writer, query).await,
            Db::Postgres(pool) => run::postgres_execute(pool, query).await,
        }
    }

    /// Begins several reads that see the same state. Writes in it fail.
    pub(crate) async fn snapshot(&self) -> Result<Tx, StoreError> {
        const POSTGRES: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        Ok(match &self.db {
            Db::Sqlite { readers, .. } => Tx::Sqlite(readers.begin().await?),
            Db::Postgres(pool) => Tx::Postgres(pool.begin_with(POSTGRES).await?),
        })
    }

    /// Begins a write. On SQLite it holds the write lock from the start: a transaction that reads first and
    /// upgrades later would fail with BUSY at once.
    pub(crate) async fn begin(&self) -> Result<Tx, StoreError> {
        Ok(match &self.db {
            Db::Sqlite { writer, .. } => Tx::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
            Db::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        })
    }
}

async fn open_sqlite(path: &Path, options: &StoreOptions) -> Result<Db, StoreError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| StoreError::Unavailable(error.into()))?;
    }
    let target = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(SQLITE_BUSY)
        .foreign_keys(true)
        .pragma("temp_store", "MEMORY")
        // Pages of the usage indexes are written again and again: copied back more rarely, they are copied fewer times.
        .pragma("wal_autocheckpoint", WAL_PAGES);
    let pool = SqlitePoolOptions::new()
        .acquire_timeout(options.acquire_timeout)
        .max_lifetime(None)
        // A file cannot hang up: asking before every use would double the statements.
        .test_before_acquire(false);
    let writer = pool
        .clone()
        .max_connections(1)
        .idle_timeout(None)
        .connect_with(target.clone())
        .await?;
    let readers = pool
        .max_connections(SQLITE_READERS)
        .idle_timeout(SQLITE_READER_IDLE)
        .connect_lazy_with(target.pragma("query_only", "ON"));
    Ok(Db::Sqlite { writer, readers })
}

async fn open_postgres(
    target: PgConnectOptions,
    options: &StoreOptions,
) -> Result<PgPool, StoreError> {
    let pool = PgPoolOptions::new()
        .max_connections(
            options
                .pool_size
                .saturating_add(options.max_overflow)
                .max(1),
        )
        .acquire_timeout(options.acquire_timeout)
        .max_lifetime(options.recycle())
        .connect_with(target)
        .await?;
    Ok(pool)
}
