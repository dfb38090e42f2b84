//! Where the database is, read from the URL spellings operators already have in their configuration.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use otari_types::Secret;
use sqlx::postgres::PgConnectOptions;

use crate::StoreError;

/// How to reach the database and how many connections to keep.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// `sqlite:///./otari.db` (three slashes: relative, four: absolute), `postgresql://user@host/name?sslmode=…`;
    /// a driver after `+` is accepted and ignored.
    pub url: Secret,
    /// PostgreSQL connections kept, and how many more may open under load.
    pub pool_size: u32,
    pub max_overflow: u32,
    /// How long a caller waits for a free connection.
    pub acquire_timeout: Duration,
    /// Connections older than this are replaced; zero or less keeps them.
    pub recycle_secs: i64,
}

impl StoreOptions {
    /// The default pool behind `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: Secret::new(url),
            pool_size: 10,
            max_overflow: 20,
            acquire_timeout: Duration::from_secs(3),
            recycle_secs: 3600,
        }
    }

    pub(crate) fn recycle(&self) -> Option<Duration> {
        u64::try_from(self.recycle_secs)
            .ok()
            .filter(|secs| *secs > 0)
            .map(Duration::from_secs)
    }
}

/// A database URL, understood.
#[derive(Debug)]
pub(crate) enum Target {
    Sqlite(PathBuf),
    Postgres(Box<PgConnectOptions>),
}

impl Target {
    pub(crate) fn parse(url: &str) -> Result<Self, StoreError> {
        let (scheme, rest) = url.trim().split_once(':').ok_or_else(unknown_scheme)?;
        // SQLAlchemy names the driver after a plus: sqlite+aiosqlite, postgresql+asyncpg.
        let dialect = scheme.split('+').next().unwrap_or(scheme);
        match dialect.to_ascii_lowercase().as_str() {
            "sqlite" => sqlite(rest),
            "postgresql" | "postgres" => postgres(rest),
            _ => Err(unknown_scheme()),
        }
    }
}

fn unknown_scheme() -> StoreError {
    StoreError::Unusable(
        "the database URL must start with sqlite:// or postgresql://, for example sqlite:///./otari.db".into(),
    )
}

fn sqlite(rest: &str) -> Result<Target, StoreError> {
    let path = rest.split('?').next().unwrap_or(rest);
    let path = match path.strip_prefix("//") {
        // Three slashes: the third only ends the empty host. Two: the spelling without a host at all.
        Some(tail) => tail.strip_prefix('/').unwrap_or(tail),
        None => path,
    };
    if path.is_empty() || path.contains(":memory:") {
        return Err(StoreError::Unusable(
            "an in-memory SQLite database is not supported: every connection would see its own; \
             use a file, for example sqlite:///./otari.db"
                .into(),
        ));
    }
    Ok(Target::Sqlite(PathBuf::from(path)))
}

fn postgres(rest: &str) -> Result<Target, StoreError> {
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    // asyncpg says `ssl` where libpq says `sslmode`.
    let query: Vec<String> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.strip_prefix("ssl=") {
            Some(mode) => format!("sslmode={mode}"),
            None => pair.to_owned(),
        })
        .collect();
    let url = format!("postgres:{address}?{}", query.join("&"));
    // The parser's own error may quote the URL, and with it the password.
    let options = PgConnectOptions::from_str(&url).map_err(|_| {
        StoreError::Unusable(
            "the PostgreSQL URL cannot be read; expected postgresql://user:password@host:5432/name"
                .into(),
        )
    })?;
    Ok(Target::Postgres(Box::new(
        options.application_name("otari"),
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(url: &str) -> String {
        match Target::parse(url).unwrap() {
            Target::Sqlite(path) => path.display().to_string(),
            Target::Postgres(_) => panic!("{url} is not PostgreSQL"),
        }
    }

    #[test]
    fn three_slashes_are_relative_and_four_absolute() {
        for (url, expected) in [
            ("sqlite:///./otari.db", "./otari.db"),
            ("sqlite:///data/otari.db", "data/otari.db"),
            ("sqlite:////var/lib/otari.db", "/var/lib/otari.db"),
            ("sqlite+aiosqlite:///otari.db?timeout=5", "otari.db"),
            ("sqlite://otari.db", "otari.db"),
        ] {
            assert_eq!(path(url), expected, "{url}");
        }
    }

    #[test]
    fn postgres_drivers_and_ssl_spellings_are_understood() {
        for url in [
            "postgresql://me:pw@db:5433/otari?sslmode=require",
            "postgres://me:pw@db:5433/otari?sslmode=require",
            "postgresql+asyncpg://me:pw@db:5433/otari?ssl=require",
            "postgresql+psycopg://me:pw@db:5433/otari?sslmode=require",
        ] {
            let Target::Postgres(options) = Target::parse(url).unwrap() else {
                panic!("{url} is PostgreSQL");
            };
            assert_eq!((options.get_host(), options.get_port()), ("db", 5433));
            assert_eq!(options.get_database(), Some("otari"));
            assert!(matches!(
                options.get_ssl_mode(),
                sqlx::postgres::PgSslMode::Require
            ));
        }
    }

    #[test]
    fn what_cannot_work_is_refused_without_showing_the_url() {
        for url in [
            "sqlite://",
            "sqlite::memory:",
            "sqlite:///:memory:",
            "mysql://me:hunter2@db/x",
            "postgresql://me:hunter2@db:notaport/x",
            "hunter2",
        ] {
            let error = Target::parse(url).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
