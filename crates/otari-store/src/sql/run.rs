//! Running a [`Query`] on either driver.

use sqlx::{Executor, Postgres, Sqlite};

use super::Query;
use super::row::{Cells, Row};
use crate::StoreError;

macro_rules! runner {
    ($rows:ident, $execute:ident, $database:ty, $convert:ident, $cells:ident) => {
        pub(crate) async fn $rows<'c, E>(executor: E, query: Query) -> Result<Vec<Row>, StoreError>
        where
            E: Executor<'c, Database = $database>,
        {
            let (table, cached) = (query.table, query.cached);
            let (text, arguments) = query.$convert()?;
            let rows = sqlx::query_with(text, arguments)
                .persistent(cached)
                .fetch_all(executor)
                .await?;
            let row = |cells| Row {
                table,
                cells: Cells::$cells(cells),
            };
            Ok(rows.into_iter().map(row).collect())
        }

        /// Returns how many rows were changed.
        pub(crate) async fn $execute<'c, E>(executor: E, query: Query) -> Result<u64, StoreError>
        where
            E: Executor<'c, Database = $database>,
        {
            let cached = query.cached;
            let (text, arguments) = query.$convert()?;
            let done = sqlx::query_with(text, arguments)
                .persistent(cached)
                .execute(executor)
                .await?;
            Ok(done.rows_affected())
        }
    };
}

runner!(sqlite_rows, sqlite_execute, Sqlite, sqlite, Sqlite);
runner!(
    postgres_rows,
    postgres_execute,
    Postgres,
    postgres,
    Postgres
);
