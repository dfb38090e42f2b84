//! Browsers on other origins.

use crate::section::section;

section! {
    /// Cross-origin access.
    Cors("CORS") {
        /// Origins whose pages may call Otari, as `https://app.example.com`; `*` for any, then without credentials.
        cors_allow_origins: Vec<String> = Vec::new();
    }
}
