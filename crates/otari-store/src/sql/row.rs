//! Reading columns by name, the same for both engines.

use otari_types::{AccountId, BudgetId, KeyId, NanoUsd, NodeId, Rate, Timestamp, UserId};
use serde::de::DeserializeOwned;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

use crate::StoreError;

/// One row of an answer.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) table: &'static str,
    pub(crate) cells: Cells,
}

pub(crate) enum Cells {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl std::fmt::Debug for Cells {
    /// Never the values.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cells")
    }
}

impl Row {
    /// A column that is never null.
    pub(crate) fn get<T: Field>(&self, column: &str) -> Result<T, StoreError> {
        self.opt(column)?.ok_or_else(|| self.corrupt(column))
    }

    pub(crate) fn opt<T: Field>(&self, column: &str) -> Result<Option<T>, StoreError> {
        T::read(self, column).map_err(|_| self.corrupt(column))
    }

    /// A column of JSON text.
    pub(crate) fn json<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>, StoreError> {
        let text: Option<String> = self.opt(column)?;
        text.map(|text| serde_json::from_str(&text).map_err(|_| self.corrupt(column)))
            .transpose()
    }

    /// Names the row by its first column, which every query makes the key.
    pub(crate) fn corrupt(&self, column: &str) -> StoreError {
        let row = match &self.cells {
            Cells::Sqlite(row) => row.try_get_unchecked::<String, _>(0),
            Cells::Postgres(row) => row.try_get::<String, _>(0),
        };
        StoreError::Corrupt {
            table: self.table,
            column: column.to_owned(),
            row: row.unwrap_or_else(|_| "?".to_owned()),
        }
    }
}

/// A type a column can be read as.
pub(crate) trait Field: Sized {
    fn read(row: &Row, column: &str) -> Result<Option<Self>, sqlx::Error>;
}

macro_rules! native {
    ($($type:ty),*) => {$(
        impl Field for $type {
            fn read(row: &Row, column: &str) -> Result<Option<Self>, sqlx::Error> {
                match &row.cells {
                    Cells::Sqlite(row) => row.try_get(column),
                    Cells::Postgres(row) => row.try_get(column),
                }
            }
        }
    )*};
}

macro_rules! wrapped {
    ($($type:ty: $native:ty => $wrap:expr;)*) => {$(
        impl Field for $type {
            fn read(row: &Row, column: &str) -> Result<Option<Self>, sqlx::Error> {
                Ok(<$native>::read(row, column)?.map($wrap))
            }
        }
    )*};
}

native!(i64, bool, String);
wrapped! {
    Timestamp: i64 => Timestamp;
    NanoUsd: i64 => NanoUsd;
    Rate: i64 => Rate;
    UserId: String => UserId::from;
    KeyId: String => KeyId::from;
    BudgetId: String => BudgetId::from;
    AccountId: String => AccountId::from;
    NodeId: String => NodeId::from;
}
