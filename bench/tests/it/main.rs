//! Driver and upstream against each other, and against answers that are wrong on purpose.

mod figures;
mod load;
mod stats;
