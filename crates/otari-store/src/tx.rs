//! A transaction: every change of more than one statement, every change that is announced, and reads that must agree.

use sqlx::{Postgres, Sqlite, Transaction};

use crate::sql::{Query, Row, run};
use crate::{Change, Engine, StoreError};

/// Dropping it without [`Tx::commit`] undoes everything.
#[derive(Debug)]
pub(crate) enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Tx {
    pub(crate) fn engine(&self) -> Engine {
        match self {
            Self::Sqlite(_) => Engine::Sqlite,
            Self::Postgres(_) => Engine::Postgres,
        }
    }

    pub(crate) async fn rows(&mut self, query: Query) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(tx) => run::sqlite_rows(&mut **tx, query).await,
            Self::Postgres(tx) => run::postgres_rows(&mut **tx, query).await,
        }
    }

    pub(crate) async fn row(&mut self, query: Query) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(query).await?.into_iter().next())
    }

    pub(crate) async fn execute(&mut self, query: Query) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(tx) => run::sqlite_execute(&mut **tx, query).await,
            Self::Postgres(tx) => run::postgres_execute(&mut **tx, query).await,
        }
    }

    /// Runs several statements without values, as a migration has them.
    pub(crate) async fn script(&mut self, text: &'static str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => sqlx::raw_sql(text).execute(&mut **tx).await.map(|_| ())?,
            Self::Postgres(tx) => sqlx::raw_sql(text).execute(&mut **tx).await.map(|_| ())?,
        }
        Ok(())
    }

    /// Announced to every node when this commits, and never if it does not.
    pub(crate) async fn notify(&mut self, change: &Change) -> Result<(), StoreError> {
        if self.engine() == Engine::Postgres {
            self.rows(change.announcement()).await?;
        }
        Ok(())
    }

    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}
