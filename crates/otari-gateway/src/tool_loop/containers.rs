//! Sandbox sessions that outlive a request, so that a later one of the same user goes on where it ended.

use std::collections::HashMap;

use otari_sandbox::{SessionHandle, SessionId};
use otari_types::{Timestamp, UserId};
use parking_lot::Mutex;

/// Sessions by the names callers know. The sandbox ends them; what is forgotten here is only the way there.
#[derive(Debug, Default)]
pub(crate) struct Containers(Mutex<HashMap<String, Container>>);

#[derive(Debug)]
struct Container {
    user: UserId,
    session: SessionId,
    expires_at: Timestamp,
}

impl Containers {
    pub(super) fn remember(&self, name: &str, user: &UserId, handle: &SessionHandle) {
        let lifetime = i64::try_from(handle.max_lifetime.as_secs()).unwrap_or(i64::MAX);
        let container = Container {
            user: user.clone(),
            session: handle.id.clone(),
            expires_at: handle.created_at.plus_secs(lifetime),
        };
        let mut known = self.0.lock();
        known.retain(|_, other| other.expires_at > handle.created_at);
        known.insert(name.to_owned(), container);
    }

    /// The session of this name, if it is this user's.
    pub(super) fn find(&self, name: &str, user: &UserId, now: Timestamp) -> Option<SessionId> {
        let known = self.0.lock();
        let container = known.get(name)?;
        let fits = container.user == *user && container.expires_at > now;
        fits.then(|| container.session.clone())
    }
}
