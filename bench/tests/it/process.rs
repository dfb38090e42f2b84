use std::path::Path;
use std::process::Command;

use otari_bench::process::Process;

/// The first line of a log, once it is there; spins for a bounded number of looks.
fn first_line(log: &Path) -> String {
    for _ in 0..10_000_000 {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        if let Some((line, _)) = text.split_once('\n') {
            return line.to_owned();
        }
        std::thread::yield_now();
    }
    String::new()
}

#[test]
fn a_process_is_measured_while_it_runs_and_gone_when_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let mut command = Command::new("sh");
    command.args(["-c", "echo $$; exec sleep 60"]);
    let mut process = Process::spawn("sleeper", &mut command, &log).unwrap();
    let own = Path::new("/proc").join(first_line(&log));
    assert!(own.join("stat").exists());
    assert_eq!(process.ended(), None);
    let memory = process.memory();
    assert!(
        memory.resident > 0 && memory.peak >= memory.resident,
        "{memory:?}"
    );
    drop(process);
    assert!(!own.exists());
}

#[test]
fn a_process_that_ended_says_how() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "exit 3"]);
    let mut process = Process::spawn("leaver", &mut command, &dir.path().join("log")).unwrap();
    let status = std::iter::repeat_with(|| process.ended())
        .take(100_000_000)
        .flatten()
        .next();
    assert_eq!(status.unwrap(), "exit status: 3");
}
