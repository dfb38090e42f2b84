//! Processes, signals and the kernel.

use super::{SECOND, attempt, still_serves, told};
use crate::support::{Session, backends, small};

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
        assert_ne!(ran.return_code, 0, "{}", told(tried, ran));
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
    let code = "import os\ntry:\n    import ctypes\n    libc = ctypes.CDLL(None, use_errno=True)\n\
                except (ImportError, OSError):\n    print('no ctypes')\nelse:\n    results = {}\n    \
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
        assert_ne!(ran.return_code, 0, "{}", told(tried, ran));
    })
    .await;
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
