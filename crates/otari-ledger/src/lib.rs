//! Money under concurrency and crashes: holds before a call, settlement after it, exactly once.
//!
//! Invariant: for every budget, *settled + held ≤ limit* at every instant on every node, unless a call cost more
//! than the estimate it held. No database round trip happens on the path of a call: a node leases allowance
//! from the database and takes holds from it in memory; settling appends one record to a local journal, and a
//! drainer commits rows and counters together.
//!
//! This crate decides nothing about prices or periods' length: it is told amounts, and asks `otari-metering`
//! for windows.

mod account;
mod drain;
mod hold;
mod journal;
mod lease;
mod ledger;
mod slot;

pub use drain::DrainObserver;
pub use hold::{Hold, Refusal};
pub use ledger::{Durability, Ledger, LedgerError, LedgerOptions, WhenUnwritable};
