//! Taking too much: memory, disk, time, output, stack.

use super::{SECOND, attempt, still_serves, told};
use crate::support::{Session, backends, small};

#[tokio::test]
async fn a_memory_bomb_is_contained() {
    let all_at_once = "b = bytearray(1 << 30)";
    attempt(all_at_once, SECOND * 5, |tried, ran| {
        assert_eq!(ran.return_code, 1, "{}", told(tried, ran));
        assert!(ran.stderr.contains("MemoryError"), "{}", told(tried, ran));
    })
    .await;
    let bit_by_bit = "hoard = []\nwhile True: hoard.append(bytearray(1 << 20))";
    attempt(bit_by_bit, SECOND * 8, |tried, ran| {
        let clear = ran.stderr.contains("MemoryError") || ran.stderr.contains("out of memory");
        assert!(clear && ran.return_code != 0, "{}", told(tried, ran));
    })
    .await;
    let doubling = "s = 'x'\nwhile True: s += s";
    attempt(doubling, SECOND * 8, |tried, ran| {
        assert_ne!(ran.return_code, 0, "{}", told(tried, ran));
    })
    .await;
}

#[tokio::test]
async fn memory_of_many_processes_counts_together() {
    for tried in backends(&small()).await {
        let session = Session::open(&tried.sandbox).await;
        let command = "for i in 1 2 3 4; do python3 -c 'b = bytearray(60 << 20); import time; time.sleep(20)' & done; wait";
        if let Some(ran) = session.shell(command).await {
            assert_eq!(ran.return_code, 137, "{}", told(&tried, &ran));
            assert!(
                ran.stderr.contains("out of memory"),
                "{}",
                told(&tried, &ran)
            );
            still_serves(&tried, &session).await;
        }
    }
}

#[tokio::test]
async fn the_disk_cannot_be_filled() {
    let one_file = "with open('big', 'wb') as f:\n    while True: f.write(b'x' * 1_000_000)";
    let many_files =
        "for i in range(1_000_000):\n    with open(f'{i}', 'wb') as f: f.write(b'x' * 100_000)";
    let tiny_files = "import os\nfor i in range(1_000_000): os.mkdir(f'd{i}')";
    let unnamed =
        "import os\nf = open('u', 'wb'); os.unlink('u')\nwhile True: f.write(b'x' * 1_000_000)";
    let elsewhere = "import tempfile\nf = tempfile.NamedTemporaryFile(delete=False)\nwhile True: f.write(b'x' * 1_000_000)";
    let sparse = "f = open('s', 'wb')\nf.truncate(1 << 40)";
    for code in [one_file, many_files, tiny_files, unnamed, elsewhere, sparse] {
        attempt(code, SECOND * 8, |tried, ran| {
            assert_ne!(ran.return_code, 0, "{code}: {}", told(tried, ran));
            assert_ne!(ran.return_code, 124, "{code}: {}", told(tried, ran));
            let clear =
                ran.stderr.contains("OSError") || ran.stderr.contains("the workspace is full");
            assert!(clear, "{code}: {}", told(tried, ran));
            let kept: u64 = ran.files.iter().map(|file| file.size_bytes).sum();
            assert!(kept <= 16 << 20, "{code}: {} kept {kept}", tried.name);
        })
        .await;
    }
}

#[tokio::test]
async fn a_loop_without_end_is_stopped_and_what_it_printed_is_told() {
    let busy = "print('begun')\nwhile True: pass";
    let stubborn = "print('begun')\nwhile True:\n    try:\n        while True: pass\n    except BaseException: pass";
    let in_c = "print('begun')\nimport re\nre.match('(a*)*b', 'a' * 60)";
    let asleep = "print('begun')\nimport time\ntime.sleep(1000)";
    for code in [busy, stubborn, in_c, asleep] {
        attempt(code, SECOND / 2, |tried, ran| {
            assert_eq!(
                (ran.return_code, ran.stdout.as_str()),
                (124, "begun\n"),
                "{}",
                told(tried, ran)
            );
            assert!(ran.stderr.contains("out of time"), "{}", told(tried, ran));
            assert!(ran.execution_time < SECOND * 8, "{}", told(tried, ran));
        })
        .await;
    }
}

#[tokio::test]
async fn a_flood_of_output_is_cut_with_a_mark() {
    let lines = "for i in range(200_000): print('x' * 20)";
    let one_line = "print('x' * 5_000_000)";
    let errors = "import sys\nsys.stderr.write('x' * 5_000_000)";
    let without_end = "while True: print('x' * 1000)";
    for code in [lines, one_line, errors, without_end] {
        attempt(code, SECOND * 3, |tried, ran| {
            let text = format!("{}{}", ran.stdout, ran.stderr);
            assert!(
                text.contains("[output truncated: "),
                "{code}: {} {}",
                tried.name,
                ran.return_code
            );
            assert!(
                ran.stdout.len() < 21_000 && ran.stderr.len() < 21_000,
                "{code}: {}",
                tried.name
            );
        })
        .await;
    }
}

#[tokio::test]
async fn deep_recursion_and_deep_nesting_end_in_an_error() {
    let recursion = "def f(n): return f(n + 1)\nf(0)";
    let in_c =
        "import sys\nsys.setrecursionlimit(10**9)\nx = []\nfor _ in range(10**6): x = [x]\nrepr(x)";
    let parser = "eval('(' * 100_000 + ')' * 100_000)";
    for code in [recursion, in_c, parser] {
        attempt(code, SECOND * 8, |tried, ran| {
            assert_ne!(ran.return_code, 0, "{code} {}", tried.name);
            assert!(!ran.stderr.is_empty(), "{code} {}", tried.name);
        })
        .await;
    }
}
