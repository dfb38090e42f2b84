//! The database connection.

use std::fmt;

use otari_types::Secret;
use serde_json::Value;

use crate::problem::Report;
use crate::section::section;
use crate::setting::Limit::AtLeast;
use crate::setting::{Setting, redact_url};

section! {
    /// The database and its connection pool.
    Database("Database") {
        /// SQLite or PostgreSQL address. SQLAlchemy spellings work: `sqlite:///./otari.db`, `postgresql+asyncpg://…`.
        database_url: DatabaseUrl = DatabaseUrl::new("sqlite:///./otari.db");
        /// Bring the schema up to date at start.
        auto_migrate: bool = true;
        /// Connections kept open.
        db_pool_size: u32 = 10 => AtLeast(1.0);
        /// Further connections in bursts.
        db_max_overflow: u32 = 20;
        /// Seconds to wait for a connection.
        db_pool_timeout: f64 = 30.0 => AtLeast(0.0);
        /// Seconds after which a connection is replaced; negative for never.
        db_pool_recycle: i64 = -1;
    }
}

/// A database address. Its password is masked wherever it is shown.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(Secret);

impl DatabaseUrl {
    pub fn new(url: impl Into<String>) -> Self {
        Self(Secret::new(url))
    }

    /// The address with its password, for opening the connection.
    pub fn secret(&self) -> &Secret {
        &self.0
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact_url(self.0.expose()))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Setting for DatabaseUrl {
    const TYPE: &'static str = "text";

    fn read(value: &Value, path: &str, report: &mut Report) -> Option<Self> {
        String::read(value, path, report).map(Self::new)
    }

    fn show(&self) -> Value {
        Value::from(self.to_string())
    }
}
