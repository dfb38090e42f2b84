//! Answers of the Responses API that callers may go on from.

use crate::section::section;

section! {
    /// Stored responses.
    Responses("Responses") {
        /// Days an answer of `/v1/responses` is kept for `previous_response_id` and retrieval; 0 keeps none.
        responses_retention_days: u32 = 30;
    }
}
