//! Fresh, migrated databases for tests: SQLite always, PostgreSQL when `TEST_DATABASE_URL` names a server.

#![expect(
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a fixture that cannot be set up fails its test"
)]

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, Once};

use otari_types::{Clock, ManualClock, Timestamp, new_id};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::{Store, StoreOptions};

/// Names the PostgreSQL server; its user must be allowed to create databases.
const SERVER_VARIABLE: &str = "TEST_DATABASE_URL";
/// Where test clocks start: 2026-01-01T00:00:00Z, a Thursday.
pub const EPOCH: Timestamp = Timestamp::from_secs(1_767_225_600);

/// A database of its own for one test. It is removed by [`Database::finish`], and by the drop of a SQLite one.
#[derive(Debug)]
pub struct Database {
    pub store: Store,
    pub clock: ManualClock,
    /// What [`Store::open`] was given, for tests that need a second node or process.
    pub url: String,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Folder(PathBuf),
    Server { url: String, name: String },
}

impl Deref for Database {
    type Target = Store;
    fn deref(&self) -> &Store {
        &self.store
    }
}

impl Database {
    /// Another handle to the same database with its own connections, as another process would have.
    pub async fn another_store(&self) -> Store {
        open(&self.url, Arc::new(self.clock.clone())).await
    }

    /// Ends the server's side of every connection that listens for changes.
    pub async fn sever_listeners(&self) {
        let listening = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                         WHERE datname = current_database() AND query LIKE 'LISTEN%'";
        run(&self.url, listening.to_owned()).await;
    }

    /// Closes and removes it. Left out, a PostgreSQL database stays behind on the test server.
    pub async fn finish(self) {
        self.store.close().await;
        if let Place::Server { url, name } = &self.place {
            run(url, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Place::Folder(folder) = &self.place {
            // A leftover in the temporary folder fails no test.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// One fresh, migrated database per engine at hand.
pub async fn databases() -> Vec<Database> {
    let mut databases = vec![sqlite().await];
    databases.extend(postgres().await);
    for database in &databases {
        database.migrate().await.expect("a fresh database migrates");
    }
    databases
}

/// A fresh SQLite database, not migrated.
pub async fn sqlite() -> Database {
    let folder = std::env::temp_dir().join(format!("otari-store-{}", new_id()));
    let url = format!("sqlite:///{}", folder.join("otari.db").display());
    build(url, Place::Folder(folder)).await
}

/// A fresh PostgreSQL database, not migrated, if there is a server.
pub async fn postgres() -> Option<Database> {
    static SAID: Once = Once::new();
    let Some(server) = server() else {
        SAID.call_once(|| eprintln!("{SERVER_VARIABLE} is not set: tests run on SQLite only"));
        return None;
    };
    let name = format!("otari_test_{}", new_id().replace('-', ""));
    run(&server, format!("CREATE DATABASE {name}")).await;
    let (base, query) = server.split_once('?').unwrap_or((&server, ""));
    let (host, _) = base
        .rsplit_once('/')
        .expect("the server URL names a database");
    let url = format!("{host}/{name}?{query}");
    Some(build(url, Place::Server { url: server, name }).await)
}

#[expect(
    clippy::disallowed_methods,
    reason = "which server tests may use is no setting of the gateway"
)]
fn server() -> Option<String> {
    std::env::var(SERVER_VARIABLE)
        .ok()
        .filter(|url| !url.is_empty())
}

async fn build(url: String, place: Place) -> Database {
    let clock = ManualClock::at(EPOCH);
    let store = open(&url, Arc::new(clock.clone())).await;
    Database {
        store,
        clock,
        url,
        place,
    }
}

async fn open(url: &str, clock: Arc<dyn Clock>) -> Store {
    let mut options = StoreOptions::new(url);
    // Tests run side by side and share one server.
    options.pool_size = 5;
    options.max_overflow = 0;
    options.acquire_timeout = std::time::Duration::from_secs(30);
    Store::open(&options, clock)
        .await
        .expect("the test database opens")
}

async fn run(server: &str, statement: String) {
    let mut connection = PgConnection::connect(server)
        .await
        .expect("the test server answers");
    let done = sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await;
    done.expect("the test server obeys");
    connection.close().await.expect("the connection closes");
}
