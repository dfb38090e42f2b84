//! Who may administer, and how keys come to be.

use otari_types::Secret;

use crate::section::section;
use crate::setting::Limit::AtLeast;

section! {
    /// Deployment credential, first key, dashboard sessions.
    Auth("Authentication") {
        /// The deployment's admin credential. Made and shown once at first start when unset (standalone).
        master_key: Option<Secret> = None;
        /// Make a first API key when there is none.
        bootstrap_api_key: bool = true;
        /// Hours until a dashboard session ends.
        dashboard_session_ttl_hours: u32 = 168 => AtLeast(1.0);
        /// Sign-in attempts a minute from one address; `null` for no limit.
        dashboard_login_rate_limit_per_minute: Option<u32> = Some(10) => AtLeast(1.0);
        /// Refuse a call whose body names another user than its key belongs to.
        reject_user_mismatch: bool = true;
    }
}
