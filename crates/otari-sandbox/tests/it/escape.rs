//! What hostile programs try. Each is contained, answered with a clear result, and leaves the session or at least the
//! sandbox usable.

use std::time::Duration;

use otari_sandbox::{ExecOutcome, SandboxError};

use crate::support::{Session, Tried, backends, small};

const SECOND: Duration = Duration::from_secs(1);

/// Runs `code` on every backend in a session of its own, shows the outcome to `check`, and then sees that the backend
/// still serves: the same session if it is there, a new one in any case.
async fn attempt(code: &str, timeout: Duration, check: impl Fn(&Tried, &ExecOutcome)) {
    for tried in backends(&small()).await {
        let session = Session::open(&tried.sandbox).await;
        let ran = session.run_for(code, timeout).await;
        check(&tried, &ran);
        still_serves(&tried, &session).await;
    }
}

async fn still_serves(tried: &Tried, session: &Session) {
    let again = tried
        .sandbox
        .exec(&session.id, otari_sandbox::ExecRequest::python("1 + 1"))
        .await;
    match again {
        Ok(ran) => assert_eq!(ran.stdout, "2\n", "{}: {}", tried.name, ran.stderr),
        Err(SandboxError::UnknownSession(_)) => {}
        Err(error) => unreachable!("{}: {error}", tried.name),
    }
    let fresh = Session::open(&tried.sandbox).await;
    assert_eq!(fresh.printed("6 * 7").await, "42\n", "{}", tried.name);
}

fn told(tried: &Tried, ran: &ExecOutcome) -> String {
    format!(
        "{}: {} {:?} {:?}",
        tried.name, ran.return_code, ran.stdout, ran.stderr
    )
}

#[tokio::test]
async fn there_is_no_network() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let code = format!(
        "import socket, urllib.request\n\
         def attempt(name, act):\n    try: act(); print(name, 'OPEN')\n    except Exception: print(name, 'closed')\n\
         attempt('tcp', lambda: socket.create_connection(('127.0.0.1', {port}), 1))\n\
         attempt('socket', lambda: socket.socket().connect(('127.0.0.1', {port})))\n\
         attempt('udp', lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {port})))\n\
         attempt('names', lambda: socket.gethostbyname('localhost.example.com'))\n\
         attempt('http', lambda: urllib.request.urlopen('http://127.0.0.1:{port}', timeout=1))\n\
         attempt('raw', lambda: __import__('_socket').socket())\n\
         attempt('metadata', lambda: urllib.request.urlopen('http://169.254.169.254/', timeout=1))"
    );
    attempt(&code, SECOND * 8, |tried, ran| {
        assert_eq!(ran.return_code, 0, "{}", told(tried, ran));
        assert_eq!(
            ran.stdout.matches("closed").count(),
            7,
            "{}",
            told(tried, ran)
        );
    })
    .await;
    let knocked = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
    assert!(knocked.is_err(), "somebody came through");
}

#[tokio::test]
async fn host_files_are_out_of_reach() {
    // Something of ours that must not be found, wherever it is looked for.
    let secret = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let secret_file = secret.path().join("secret.txt");
    std::fs::write(&secret_file, "THE-SECRET").expect("written");
    let path = secret_file.display();
    let code = format!(
        "import os, glob\n\
         def read(path):\n    try: return open(path, 'rb').read(100000)\n    except Exception: return b''\n\
         tries = ['{path}', '../../../../../../..{path}', '/workspace/../..{path}', '/proc/1/root{path}', \
         '/proc/self/root{path}', '/proc/self/cwd/../../..{path}', '/dev/fd/0/..{path}']\n\
         print(any(b'THE-SECRET' in read(p) for p in tries))\n\
         print([p for p in ('/etc/shadow', '/etc/passwd', '/root/.bashrc', '/proc/1/environ') if read(p)])\n\
         try: os.symlink('{path}', 'link')\n\
         except OSError: pass\n\
         print(b'THE-SECRET' in read('link'))"
    );
    attempt(&code, SECOND * 5, |tried, ran| {
        assert_eq!(ran.return_code, 0, "{}", told(tried, ran));
        let lines: Vec<&str> = ran.stdout.lines().collect();
        assert_eq!(lines.first(), Some(&"False"), "{}", told(tried, ran));
        assert_eq!(lines.last(), Some(&"False"), "{}", told(tried, ran));
        assert!(
            !ran.stdout.contains("shadow") && !ran.stdout.contains("bashrc"),
            "{}",
            told(tried, ran)
        );
        assert!(!ran.stdout.contains("passwd"), "{}", told(tried, ran));
    })
    .await;
}

#[tokio::test]
async fn a_link_out_is_not_followed_by_the_file_operations_either() {
    for tried in backends(&small()).await {
        let session = Session::open(&tried.sandbox).await;
        let code = "import os\nfor name, to in (('up', '../..'), ('etc', '/etc'), ('file', '/etc/hostname')):\n    \
                    try: os.symlink(to, name)\n    except OSError: pass";
        session.run(code).await;
        for path in [
            "up/etc/hostname",
            "etc/hostname",
            "file",
            "../workspace/../x",
            "/etc/hostname",
        ] {
            let got = tried.sandbox.get_file(&session.id, path).await;
            let contained = matches!(
                got,
                Err(SandboxError::PathEscapes(_) | SandboxError::UnknownFile(_))
            );
            assert!(contained, "{} {path}: {got:?}", tried.name);
            let put = tried.sandbox.put_file(&session.id, path, "x".into()).await;
            let inside = put.as_ref().is_ok_and(|_| path != "/etc/hostname");
            assert!(inside || put.is_err(), "{} {path}: {put:?}", tried.name);
        }
        assert_ne!(
            std::fs::read_to_string("/etc/hostname").unwrap_or_default(),
            "x"
        );
        still_serves(&tried, &session).await;
    }
}

#[tokio::test]
async fn the_environment_is_empty_of_ours() {
    let code = "import os\nprint(sorted(os.environ))\n\
                try: print(open('/proc/self/environ').read())\nexcept OSError: pass";
    attempt(code, SECOND * 5, |tried, ran| {
        assert_eq!(ran.return_code, 0, "{}", told(tried, ran));
        for ours in ["CARGO", "OTARI", "RUST", "USER", "SSH"] {
            assert!(!ran.stdout.contains(ours), "{}", told(tried, ran));
        }
    })
    .await;
}

#[tokio::test]
async fn other_sessions_files_are_out_of_reach() {
    for tried in backends(&small()).await {
        let victim = Session::open(&tried.sandbox).await;
        victim
            .printed("open('mine.txt', 'w').write('THE-SECRET') and None")
            .await;
        let thief = Session::open(&tried.sandbox).await;
        let code = "import os\nfound = []\nfor root in ('.', '/', '..', '/workspace', '/tmp', '/data', '/dev/shm'):\n    \
                    for folder, _, files in os.walk(root):\n        \
                    if folder.startswith(('/proc', '/sys', '/usr', '/lib')): continue\n        \
                    found += [f for f in files if f == 'mine.txt']\nfound";
        assert_eq!(thief.printed(code).await, "[]\n", "{}", tried.name);
        let got = tried
            .sandbox
            .get_file(&thief.id, "../../workspace/mine.txt")
            .await;
        assert!(
            matches!(got, Err(SandboxError::PathEscapes(_))),
            "{} {got:?}",
            tried.name
        );
        assert_eq!(
            victim.printed("open('mine.txt').read()").await,
            "'THE-SECRET'\n"
        );
    }
}

#[tokio::test]
async fn a_fork_bomb_is_contained() {
    let code = "import os\nwhile True:\n    try: os.fork()\n    except (OSError, AttributeError): break\n\
                import time\ntime.sleep(0.3)\nprint('ended')";
    attempt(code, SECOND * 3, |tried, ran| {
        // The fork is refused where there are too many, or the whole is stopped.
        assert!(
            ran.return_code != 0 || ran.stdout.contains("ended"),
            "{}",
            told(tried, ran)
        );
    })
    .await;
    for tried in backends(&small()).await {
        let session = Session::open(&tried.sandbox).await;
        if let Some(ran) = session.shell(":(){ :|:& };:; sleep 2").await {
            assert!(
                ran.return_code != 0 || ran.stderr.contains("fork"),
                "{}",
                told(&tried, &ran)
            );
            still_serves(&tried, &session).await;
        }
    }
}

#[tokio::test]
async fn threads_without_end_are_contained() {
    let code = "import threading, time\nstarted = 0\ntry:\n    while started < 5000:\n        \
                threading.Thread(target=time.sleep, args=(60,), daemon=True).start(); started += 1\n\
                except BaseException as e: print(type(e).__name__)\nstarted < 5000";
    attempt(code, SECOND * 5, |tried, ran| {
        let refused = ran.return_code == 0 && ran.stdout.ends_with("True\n");
        assert!(refused || ran.return_code >= 124, "{}", told(tried, ran));
    })
    .await;
}

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
        assert_ne!(ran.return_code, 0, "{}", told(tried, ran))
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
async fn signals_reach_no_one_else() {
    let code = "import os, signal\n\
                for pid in (1, os.getppid() if hasattr(os, 'getppid') else 1, -1):\n    \
                for sig in (9, 15, 19):\n        \
                try: os.kill(pid, sig)\n        except (OSError, AttributeError): pass\nprint('alive')";
    attempt(code, SECOND * 5, |tried, ran| {
        // `kill(-1)` may end the program itself; that is its own affair.
        assert!(ran.return_code != 124, "{}", told(tried, ran));
    })
    .await;
    let tricks = "import signal, os\nfor s in range(1, 32):\n    try: signal.signal(s, signal.SIG_IGN)\n    \
                  except (OSError, ValueError, RuntimeError): pass\nwhile True: pass";
    attempt(tricks, SECOND / 2, |tried, ran| {
        assert_eq!(ran.return_code, 124, "{}", told(tried, ran));
    })
    .await;
    let itself = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)";
    attempt(itself, SECOND * 5, |tried, ran| {
        assert_ne!(ran.return_code, 0, "{}", told(tried, ran))
    })
    .await;
}

#[tokio::test]
async fn processes_end_with_the_program_that_started_them() {
    for tried in backends(&small()).await {
        let session = Session::open(&tried.sandbox).await;
        let Some(ran) = session
            .shell("nohup sleep 1000 >/dev/null 2>&1 & disown; echo started")
            .await
        else {
            continue;
        };
        assert_eq!(ran.stdout, "started\n", "{}", told(&tried, &ran));
        let counting = "import glob\nlen([p for p in glob.glob('/proc/[0-9]*/cmdline') if b'sleep' in open(p, 'rb').read()])";
        assert_eq!(session.printed(counting).await, "0\n", "{}", tried.name);
    }
}

#[tokio::test]
async fn ctypes_calls_no_forbidden_function_of_the_kernel() {
    let code = "import os\ntry:\n    import ctypes\nexcept ImportError:\n    print('no ctypes')\nelse:\n    \
                libc = ctypes.CDLL(None, use_errno=True)\n    results = {}\n    \
                results['mount'] = libc.mount(b'none', b'/tmp', b'tmpfs', 0, None)\n    \
                results['umount'] = libc.umount2(b'/workspace', 2)\n    \
                results['unshare'] = libc.unshare(0x10000000)\n    \
                results['setns'] = libc.setns(0, 0)\n    \
                results['ptrace'] = libc.ptrace(16, 1, 0, 0)\n    \
                results['chroot'] = libc.chroot(b'/tmp')\n    \
                results['setuid'] = libc.setuid(0)\n    \
                results['sethostname'] = libc.sethostname(b'x', 1)\n    \
                results['inet'] = libc.socket(2, 1, 0)\n    \
                results['netlink'] = libc.socket(16, 3, 0)\n    \
                results['bpf'] = libc.syscall(321, 0, 0, 0)\n    \
                results['io_uring'] = libc.syscall(425, 1, 0)\n    \
                results['keyctl'] = libc.syscall(250, 0, 0)\n    \
                results['userfaultfd'] = libc.syscall(323, 0)\n    \
                results['x32'] = libc.syscall(0x40000000 | 165, 0, 0, 0, 0, 0)\n    \
                results['clone into user namespace'] = libc.syscall(56, 0x10000000 | 17, 0, 0, 0, 0)\n    \
                print({name: got for name, got in results.items() if got != -1})";
    attempt(code, SECOND * 5, |tried, ran| {
        let contained = ran.stdout == "no ctypes\n" || ran.stdout == "{}\n";
        assert!(contained, "{}", told(tried, ran));
    })
    .await;
    let crash = "try:\n    import ctypes\n    ctypes.string_at(0)\nexcept ImportError:\n    raise SystemExit(1)";
    attempt(crash, SECOND * 5, |tried, ran| {
        assert_ne!(ran.return_code, 0, "{}", told(tried, ran))
    })
    .await;
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

#[tokio::test]
async fn a_session_that_breaks_its_interpreter_harms_only_itself() {
    let code = "import sys, builtins, gc, os\nbuiltins.print = builtins.compile = builtins.eval = None\n\
                sys.modules.clear()\ndel os.write\nfor o in gc.get_objects():\n    \
                if isinstance(o, dict): o.clear()";
    for tried in backends(&small()).await {
        let session = Session::open(&tried.sandbox).await;
        let _ = session.run_for(code, SECOND * 3).await;
        // Whatever the broken session answers now, it answers, and others do not notice.
        let broken = otari_sandbox::ExecRequest {
            timeout: Some(SECOND),
            ..otari_sandbox::ExecRequest::python("1")
        };
        let _ = tried.sandbox.exec(&session.id, broken).await;
        let fresh = Session::open(&tried.sandbox).await;
        assert_eq!(fresh.printed("6 * 7").await, "42\n", "{}", tried.name);
    }
}
