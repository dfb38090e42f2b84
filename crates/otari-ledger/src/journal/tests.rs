use std::os::unix::fs::symlink;

use otari_types::{CallStatus, Timestamp};

use super::*;

fn record(id: &str) -> UsageRecord {
    UsageRecord::new(id, Timestamp::from_secs(0), CallStatus::Success)
}

#[tokio::test]
async fn a_full_disk_loses_no_record_and_is_noticed_until_it_has_room() {
    let dir = tempfile::tempdir().unwrap();
    let segment = dir.path().join(format!("usage-{:020}.journal", 1));
    // Writes to it fail as on a full disk.
    symlink("/dev/full", &segment).unwrap();
    let journal = Journal::open(dir.path().to_owned()).unwrap();
    assert!(journal.is_writable());
    journal.append(record("kept"));
    assert!(!journal.is_writable());
    journal.probe();
    assert!(!journal.is_writable());
    let waiting = journal.take(10).unwrap();
    assert_eq!(
        waiting.first().map(|record| record.id.as_str()),
        Some("kept")
    );
}

#[tokio::test]
async fn the_last_record_is_drained_before_a_wait_ends() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path().to_owned()).unwrap();
    let numbers: Vec<u64> = (0..3)
        .map(|n| journal.append(record(&n.to_string())))
        .collect();
    assert_eq!((numbers, journal.depth()), (vec![1, 2, 3], 3));
    let taken = journal.take(2).unwrap();
    journal.put_back(taken.clone());
    assert_eq!(journal.take(2).unwrap(), taken);
    journal.drained(2);
    assert_eq!(journal.take(10).unwrap().len(), 1);
    journal.drained(1);
    journal.wait_drained(3).await;
    assert_eq!(journal.depth(), 0);
}
