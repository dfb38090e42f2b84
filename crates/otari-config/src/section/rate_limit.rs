//! Requests a minute.

use crate::section::section;
use crate::setting::Limit::AtLeast;

section! {
    /// Request rates.
    RateLimit("Rate limit") {
        /// Requests a minute for one user; unset for no limit.
        rate_limit_rpm: Option<u32> = None => AtLeast(1.0);
    }
}
