//! Driver and upstream against each other, and against answers that are wrong on purpose.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod figures;
mod load;
mod process;
mod stats;
