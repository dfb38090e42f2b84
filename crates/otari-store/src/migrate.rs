//! Bringing the schema up to date: numbered files, each applied once, under a lock.

use crate::sql::{Query, Row};
use crate::tx::Tx;
use crate::{Engine, Store, StoreError};

/// One step of the schema's history. Both engines take the same steps.
#[derive(Debug)]
struct Migration {
    version: i64,
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "init",
        sqlite: include_str!("../migrations/sqlite/0001_init.sql"),
        postgres: include_str!("../migrations/postgres/0001_init.sql"),
    },
    Migration {
        version: 2,
        name: "responses",
        sqlite: include_str!("../migrations/sqlite/0002_responses.sql"),
        postgres: include_str!("../migrations/postgres/0002_responses.sql"),
    },
    Migration {
        version: 3,
        name: "files",
        sqlite: include_str!("../migrations/sqlite/0003_files.sql"),
        postgres: include_str!("../migrations/postgres/0003_files.sql"),
    },
    Migration {
        version: 4,
        name: "tools",
        sqlite: include_str!("../migrations/sqlite/0004_tools.sql"),
        postgres: include_str!("../migrations/postgres/0004_tools.sql"),
    },
    Migration {
        version: 5,
        name: "batches",
        sqlite: include_str!("../migrations/sqlite/0005_batches.sql"),
        postgres: include_str!("../migrations/postgres/0005_batches.sql"),
    },
    Migration {
        version: 6,
        name: "routing",
        sqlite: include_str!("../migrations/sqlite/0006_routing.sql"),
        postgres: include_str!("../migrations/postgres/0006_routing.sql"),
    },
    Migration {
        version: 7,
        name: "routing_memory",
        sqlite: include_str!("../migrations/sqlite/0007_routing_memory.sql"),
        postgres: include_str!("../migrations/postgres/0007_routing_memory.sql"),
    },
    Migration {
        version: 8,
        name: "batch_handover",
        sqlite: include_str!("../migrations/sqlite/0008_batch_handover.sql"),
        postgres: include_str!("../migrations/postgres/0008_batch_handover.sql"),
    },
];

/// Any constant does, as long as every version of the gateway takes the same.
const POSTGRES_LOCK: i64 = 0x6f74_6172_6901;

impl Store {
    /// Applies what is missing, all of it or nothing. Safe to run from several processes at once, and again.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        if tx.engine() == Engine::Postgres {
            // Held until commit: replicas that start together queue here and then find nothing to do.
            let lock = Query::new("schema_migrations", "SELECT pg_advisory_xact_lock($1)");
            tx.rows(lock.bind(POSTGRES_LOCK)).await?;
        }
        let exists = has_table(
            tx.row(table_query(tx.engine(), "schema_migrations"))
                .await?
                .as_ref(),
        )?;
        if !exists {
            refuse_foreign(&mut tx).await?;
            tx.script(
                "CREATE TABLE schema_migrations (version BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)",
            )
            .await?;
        }
        let applied = versions(&tx.rows(applied_query()).await?)?;
        for migration in pending(&applied)? {
            let script = match tx.engine() {
                Engine::Sqlite => migration.sqlite,
                Engine::Postgres => migration.postgres,
            };
            tx.script(script).await?;
            let text =
                "INSERT INTO schema_migrations (version, name, applied_at) VALUES ($1, $2, $3)";
            let done = Query::new("schema_migrations", text)
                .bind(migration.version)
                .bind(migration.name)
                .bind(self.now());
            tx.execute(done).await?;
            if !self.is_private {
                tracing::info!(
                    version = migration.version,
                    name = migration.name,
                    "schema migrated"
                );
            }
        }
        tx.commit().await
    }

    /// Names of the migrations this version has and the database lacks.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        let exists = has_table(
            self.row(table_query(self.engine(), "schema_migrations"))
                .await?
                .as_ref(),
        )?;
        let applied = if exists {
            versions(&self.rows(applied_query()).await?)?
        } else {
            Vec::new()
        };
        let name = |migration: &Migration| format!("{:04}_{}", migration.version, migration.name);
        Ok(pending(&applied)?.map(name).collect())
    }
}

fn pending(applied: &[i64]) -> Result<impl Iterator<Item = &'static Migration>, StoreError> {
    let newest = MIGRATIONS.last().map_or(0, |migration| migration.version);
    if applied.iter().any(|version| *version > newest) {
        return Err(StoreError::Unusable(
            "the database was migrated by a newer version of otari; run that version, or restore a backup".into(),
        ));
    }
    let missing: Vec<_> = MIGRATIONS
        .iter()
        .filter(|migration| !applied.contains(&migration.version))
        .collect();
    Ok(missing.into_iter())
}

fn applied_query() -> Query {
    Query::new(
        "schema_migrations",
        "SELECT version FROM schema_migrations ORDER BY version",
    )
}

fn versions(rows: &[Row]) -> Result<Vec<i64>, StoreError> {
    rows.iter().map(|row| row.get("version")).collect()
}

fn table_query(engine: Engine, table: &'static str) -> Query {
    let text = match engine {
        Engine::Sqlite => {
            "SELECT COUNT(*) AS n FROM sqlite_master WHERE type = 'table' AND name = $1"
        }
        Engine::Postgres => {
            "SELECT COUNT(*) AS n FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = $1"
        }
    };
    Query::new("schema", text).bind(table)
}

fn has_table(row: Option<&Row>) -> Result<bool, StoreError> {
    Ok(match row {
        Some(row) => row.get::<i64>("n")? > 0,
        None => false,
    })
}

/// The Python gateway's tables have the same names and other columns.
async fn refuse_foreign(tx: &mut Tx) -> Result<(), StoreError> {
    let query = table_query(tx.engine(), "alembic_version");
    if has_table(tx.row(query).await?.as_ref())? {
        return Err(StoreError::Unusable(
            "this database belongs to the Python gateway and cannot be used in place; point database_url at a new one".into(),
        ));
    }
    Ok(())
}
