//! What hostile programs try. Each is contained, answered with a clear result, and leaves the session or at least the
//! sandbox usable.

mod processes;
mod resources;

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
