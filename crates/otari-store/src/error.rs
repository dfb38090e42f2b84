//! What can go wrong in the store, and which of it passes by itself.

use std::borrow::Cow;

use sqlx::error::{DatabaseError, ErrorKind};

/// Messages name tables and columns, never values: a value may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The row itself.
    #[error("not found")]
    NotFound,
    /// A row that this one was to refer to.
    #[error("{what} not found")]
    Missing { what: &'static str },
    #[error("{what} already exists")]
    Conflict { what: &'static str },
    /// The row cannot go while `by` names it.
    #[error("{what} is in use by {by}")]
    InUse { what: &'static str, by: String },
    /// No connection, no free connection in time, or a fault that a retry may find gone.
    #[error("the database is unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// A stored value that cannot be read as what its column holds.
    #[error("unreadable value in {table}.{column}, row {row}")]
    Corrupt {
        table: &'static str,
        column: String,
        row: String,
    },
    /// The database URL or the schema found behind it; the text says what to do.
    #[error("{0}")]
    Unusable(Cow<'static, str>),
    #[error("database error")]
    Db(#[source] sqlx::Error),
}

impl StoreError {
    /// Whether waiting can help: the same call may succeed once the database is back.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// Names the thing whose unique key or reference an insert violated; other errors pass.
    pub(crate) fn or_conflict(self, conflict: &'static str, missing: &'static str) -> Self {
        let Self::Db(sqlx::Error::Database(error)) = &self else {
            return self;
        };
        match error.kind() {
            ErrorKind::UniqueViolation => Self::Conflict { what: conflict },
            ErrorKind::ForeignKeyViolation => Self::Missing { what: missing },
            _ => self,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        let passing = match &error {
            E::Io(_)
            | E::Tls(_)
            | E::Protocol(_)
            | E::PoolTimedOut
            | E::PoolClosed
            | E::WorkerCrashed
            | E::BeginFailed => true,
            E::Database(error) => is_passing(error.as_ref()),
            _ => false,
        };
        if passing {
            Self::Unavailable(error)
        } else {
            Self::Db(error)
        }
    }
}

/// SQLSTATE classes (PostgreSQL appendix A) and SQLite result codes (sqlite.org/rescode.html) of faults that lie
/// with the server, the disk or another transaction, not with the statement.
fn is_passing(error: &dyn DatabaseError) -> bool {
    let Some(code) = error.code() else {
        return false;
    };
    if error
        .try_downcast_ref::<sqlx::sqlite::SqliteError>()
        .is_some()
    {
        // Extended codes keep the primary one in their low byte: BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN.
        let primary = code.parse::<i64>().map_or(0, |code| code & 0xff);
        return matches!(primary, 5 | 6 | 8 | 10 | 13 | 14);
    }
    // Connection, insufficient resources, operator intervention, system error; serialisation failure, deadlock,
    // lock not available, read-only (a standby after a failover).
    ["08", "53", "57", "58"]
        .iter()
        .any(|class| code.starts_with(class))
        || matches!(code.as_ref(), "40001" | "40P01" | "55P03" | "25006")
}
