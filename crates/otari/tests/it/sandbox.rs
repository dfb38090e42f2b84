//! `otari sandbox`, the real binary being its own worker.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::{otari, outcome};

/// `otari sandbox run …` in `folder`. The interpreter is compiled once for each machine.
fn run(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = otari(folder, &[&["sandbox", "run"], arguments].concat());
    let data = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sandbox");
    command.env("OTARI_DATA_DIR", data);
    command
}

#[test]
fn a_program_runs_with_its_files_and_exits_with_its_status() {
    let folder = tempfile::tempdir().expect("a folder");
    let write =
        |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    write("in.csv", "1,2\n3,4\n");
    write(
        "program.py",
        "import csv, sys\nrows = [list(map(int, r)) for r in csv.reader(open('in.csv'))]\n\
         open('sum.txt', 'w').write(str(sum(map(sum, rows))))\nprint('done')\nsys.exit(3)\n",
    );
    let arguments = ["program.py", "--with", "in.csv", "--output", "results"];
    let (status, stdout, stderr) = outcome(&mut run(folder.path(), &arguments));
    assert_eq!((status, stdout.as_str()), (3, "done\n"), "{stderr}");
    let made = std::fs::read_to_string(folder.path().join("results/sum.txt"));
    assert_eq!(made.expect("the program's file"), "10");
}

#[test]
fn a_program_from_standard_input_is_stopped_when_it_takes_too_long() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = run(folder.path(), &["-", "--timeout", "1"]);
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = child.spawn().expect("the binary runs");
    let mut input = child.stdin.take().expect("its input");
    input
        .write_all(b"print('begun')\nwhile True: pass")
        .expect("written");
    drop(input);
    let output = child.wait_with_output().expect("an end");
    assert_eq!(output.status.code(), Some(124));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "begun\n");
    assert!(String::from_utf8_lossy(&output.stderr).contains("out of time"));
}

#[test]
fn mistakes_are_told_before_anything_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let (status, _, stderr) = outcome(&mut run(folder.path(), &["missing.py"]));
    assert_eq!(status, 1);
    assert!(stderr.contains("missing.py"), "{stderr}");
    std::fs::write(folder.path().join("a.sh"), "echo hi").expect("written");
    let (status, _, stderr) = outcome(&mut run(folder.path(), &["a.sh"]));
    assert_eq!(status, 1);
    assert!(stderr.contains("no shell"), "{stderr}");
    let (status, _, stderr) =
        outcome(run(folder.path(), &["a.sh"]).env("OTARI_SANDBOX_BACKEND", "off"));
    assert_eq!(status, 1);
    assert!(stderr.contains("`sandbox_backend` is off"), "{stderr}");
}

#[test]
fn a_service_for_everyone_needs_a_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut serve = otari(
        folder.path(),
        &["sandbox", "serve", "--host", "0.0.0.0", "--port", "0"],
    );
    let (status, _, stderr) = outcome(&mut serve);
    assert_eq!(status, 1);
    assert!(stderr.contains("OTARI_SANDBOX_TOKEN"), "{stderr}");
}
