//! How settled calls reach the database, and what happens when they cannot.

use crate::section::section;
use crate::setting::Limit::AtLeast;
use crate::setting::choice;

choice! {
    /// When a settled call counts as safe.
    UsageDurability("`journal` or `database`") {
        /// Once in the local journal; the database follows within moments.
        Journal = "journal",
        /// Once committed to the database, for nodes without a disk of their own.
        Database = "database",
    }
}

choice! {
    /// What to do with calls while the journal cannot be written.
    JournalUnwritable("`refuse` or `allow`") {
        /// Answer 503: no call goes unrecorded.
        Refuse = "refuse",
        /// Serve; such calls are lost if the process dies before the database has them.
        Allow = "allow",
    }
}

choice! {
    /// How an earlier version wrote usage rows.
    LogWriter("`single` or `batch`") {
        /// One row at a time.
        Single = "single",
        /// In batches.
        Batch = "batch",
    }
}

section! {
    /// The usage journal and budget leases.
    Ledger("Usage ledger") {
        /// Directory of the usage journal and of this node's identity.
        data_dir: String = "./otari-data".to_owned();
        /// When a settled call counts as safe: in the local `journal`, or committed to the `database`.
        usage_durability: UsageDurability = UsageDurability::Journal;
        /// What to do with calls while the journal cannot be written.
        journal_unwritable: JournalUnwritable = JournalUnwritable::Refuse;
        /// Seconds until the budget allowance of a node that went away returns to the pool.
        lease_ttl_seconds: u32 = 900 => AtLeast(30.0);
        /// Accepted for existing files; usage is always written in batches from the journal.
        log_writer_strategy: LogWriter = LogWriter::Single;
    }
}
