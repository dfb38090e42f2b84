use std::fs;

use otari_platform::ReportStatus;
use tempfile::TempDir;

use super::*;

const ROOM: u64 = 64 * 1024;

fn report(id: &str) -> UsageReport {
    UsageReport {
        correlation_id: id.to_owned(),
        status: ReportStatus::Success,
        is_final_attempt: true,
        usage: None,
        error_class: None,
        session_label: None,
    }
}

fn open(folder: &TempDir) -> Spool {
    let options = SpoolOptions {
        directory: folder.path().to_owned(),
        max_bytes: ROOM,
        refuse_calls: true,
    };
    Spool::open(options).unwrap()
}

/// The ids of what waits.
fn left(spool: &Spool) -> Vec<String> {
    let next = || Some(spool.next()?.1.correlation_id);
    std::iter::from_fn(next).collect()
}

fn files(folder: &TempDir) -> Vec<PathBuf> {
    let found = otari_journal::list(&folder.path().join("node-0"), "reports").unwrap();
    found.into_iter().map(|(_, path)| path).collect()
}

fn bytes(folder: &TempDir) -> u64 {
    let files = files(folder);
    files
        .iter()
        .map(|path| fs::metadata(path).unwrap().len())
        .sum()
}

#[test]
fn what_was_not_taken_is_found_again_in_order_and_once() {
    let folder = TempDir::new().unwrap();
    let spool = open(&folder);
    let tickets: Vec<_> = (0..5)
        .map(|n| spool.put(&report(&n.to_string())).unwrap())
        .collect();
    spool.strike(tickets[1]);
    spool.strike(tickets[3]);
    assert_eq!((spool.kept(), spool.waiting()), (3, 0));
    drop(spool);
    let spool = open(&folder);
    let (first, _) = spool.next().unwrap();
    spool.strike(first);
    assert_eq!(left(&spool), ["2", "4"]);
    assert!(left(&spool).is_empty());
    drop(spool);
    // They were only read, not taken.
    let spool = open(&folder);
    let tickets: Vec<_> = std::iter::from_fn(|| Some(spool.next()?.0)).collect();
    assert_eq!(tickets.len(), 2);
    for ticket in tickets {
        spool.strike(ticket);
    }
    drop(spool);
    assert!(left(&open(&folder)).is_empty());
    assert!(bytes(&folder) < 10);
}

#[test]
fn a_torn_or_damaged_line_is_kept_aside_and_the_others_are_found() {
    let folder = TempDir::new().unwrap();
    let spool = open(&folder);
    for id in ["before", "damaged", "after"] {
        spool.put(&report(id)).unwrap();
    }
    drop(spool);
    let path = files(&folder).pop().unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let torn = text.lines().next_back().unwrap().get(..40).unwrap();
    fs::write(&path, text.replace("damaged", "damagee") + torn).unwrap();

    let spool = open(&folder);
    assert_eq!(left(&spool), ["before", "after"]);
    drop(spool);
    let rejected = fs::read_to_string(folder.path().join("node-0/rejected.jsonl")).unwrap();
    let lines: Vec<_> = rejected.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].contains("damagee"));
    assert_eq!(lines[1], torn);
    // Told once, not at every start.
    assert_eq!(left(&open(&folder)), ["before", "after"]);
    let again = fs::read_to_string(folder.path().join("node-0/rejected.jsonl")).unwrap();
    assert_eq!(again, rejected);
}

#[test]
fn reports_that_stay_keep_no_files_of_those_that_went() {
    let folder = TempDir::new().unwrap();
    let spool = open(&folder);
    let mut stuck = Vec::new();
    for n in 0..20_000 {
        let id = format!("report-{n}");
        let ticket = spool.put(&report(&id)).unwrap();
        if n % 1000 == 0 {
            stuck.push(id);
        } else {
            spool.strike(ticket);
        }
        assert!(bytes(&folder) < ROOM);
    }
    assert!(spool.accepts_calls());
    drop(spool);
    let mut found = left(&open(&folder));
    found.sort();
    stuck.sort();
    assert_eq!(found, stuck);
}

#[test]
fn a_full_spool_refuses_calls_before_it_refuses_reports() {
    let folder = TempDir::new().unwrap();
    let spool = open(&folder);
    let mut tickets = Vec::new();
    while spool.accepts_calls() {
        tickets.push(spool.put(&report("a")).unwrap());
    }
    // Calls under way.
    for _ in 0..tickets.len() / 10 {
        tickets.push(spool.put(&report("b")).unwrap());
    }
    while let Some(ticket) = spool.put(&report("c")) {
        tickets.push(ticket);
    }
    assert!(spool.kept() < 1000 && bytes(&folder) < ROOM + 1000);
    for ticket in tickets.drain(..tickets.len() / 4) {
        spool.strike(ticket);
    }
    assert!(spool.accepts_calls());
    assert!(spool.put(&report("d")).is_some());
}

#[test]
fn a_disk_that_fails_refuses_calls() {
    let folder = TempDir::new().unwrap();
    let spool = open(&folder);
    // Writes to the next file fail as on a full disk.
    let next = folder.path().join("node-0");
    let next = next.join(otari_journal::name("reports", 2));
    std::os::unix::fs::symlink("/dev/full", next).unwrap();
    while spool.put(&report("a")).is_some() {}
    assert!(spool.kept() > 10);
    assert!(!spool.accepts_calls());
    assert!(spool.put(&report("b")).is_none());
}

#[test]
fn a_process_beside_has_a_folder_of_its_own_and_leaves_it_to_the_next() {
    let folder = TempDir::new().unwrap();
    let (old, new) = (open(&folder), open(&folder));
    old.put(&report("old")).unwrap();
    new.put(&report("new")).unwrap();
    assert!(left(&new).is_empty());
    drop((old, new));
    assert_eq!(left(&open(&folder)), ["old", "new"]);
    assert_eq!(left(&open(&folder)), ["old", "new"]);
}

#[test]
fn what_found_no_room_comes_again() {
    let folder = TempDir::new().unwrap();
    let spool = open(&folder);
    let ticket = spool.put(&report("a")).unwrap();
    assert!(spool.next().is_none());
    spool.defer(ticket);
    assert_eq!(spool.waiting(), 1);
    assert_eq!(left(&spool), ["a"]);
}
