//! One module per table: its row as a plain struct, and the functions that read and write it.

pub mod accounts;
pub mod usage;
