//! Sessions: an interpreter with its variables, and a workspace.

use std::fmt;
use std::time::Duration;

use otari_types::{Secret, Timestamp};

/// Names a session. Whoever knows it may use the session, so it is long and random.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(String);

impl SessionId {
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a new session should be like.
#[derive(Clone, Debug, Default)]
pub struct CreateSession {
    /// Ends the session after so long without an operation; at most the backend's own limit.
    pub idle_timeout: Option<Duration>,
    /// Ends the session however busy; at most the backend's own limit.
    pub max_lifetime: Option<Duration>,
    /// Sent as `Authorization: Bearer` by the HTTP backend on each operation of the session, in place of the
    /// configured token. Other backends ignore it.
    pub credential: Option<Secret>,
}

/// A session as the backend describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionHandle {
    pub id: SessionId,
    pub idle_timeout: Duration,
    pub max_lifetime: Duration,
    pub created_at: Timestamp,
    pub last_activity_at: Timestamp,
}
