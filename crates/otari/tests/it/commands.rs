//! The short commands, and how a bad invocation ends.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use crate::{otari, outcome};

const USAGE_ERROR: i32 = 2;

#[test]
fn a_secret_key_is_new_each_time_and_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let key = || outcome(&mut otari(folder.path(), &["gen-secret-key"])).1;
    let (first, second) = (key(), key());
    assert_eq!(first.trim().len(), 44);
    assert_ne!(first, second);
    let mut check = otari(folder.path(), &["check-config"]);
    assert_eq!(outcome(check.env("OTARI_SECRET_KEY", first.trim())).0, 0);
}

#[test]
fn the_version_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let (code, told, _) = outcome(&mut otari(folder.path(), &["version"]));
    assert_eq!(
        (code, told),
        (0, format!("otari {}\n", env!("CARGO_PKG_VERSION")))
    );
}

#[test]
fn the_openapi_document_is_json() {
    let folder = tempfile::tempdir().unwrap();
    let (code, told, _) = outcome(&mut otari(folder.path(), &["openapi"]));
    assert_eq!(code, 0);
    let document: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert!(
        document["paths"]
            .as_object()
            .is_some_and(|paths| !paths.is_empty())
    );
}

#[test]
fn the_database_is_made_and_migrated_once() {
    let folder = tempfile::tempdir().unwrap();
    let migrate = || {
        outcome(&mut otari(
            folder.path(),
            &["migrate", "--revision", "head"],
        ))
    };
    let (code, told, error) = migrate();
    assert_eq!(code, 0, "{error}");
    assert!(told.starts_with("applied 0001_"), "{told}");
    assert!(folder.path().join("otari.db").exists());
    assert_eq!(migrate().1, "the schema is up to date\n");
    let (code, told, _) = outcome(&mut otari(folder.path(), &["init-db"]));
    assert_eq!(
        (code, told.as_str()),
        (0, "sqlite:///./otari.db is ready\n")
    );
}

#[test]
fn usage_errors_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, expected) in [
        (
            vec!["serve", "--workers", "4"],
            "one process already uses every core",
        ),
        (
            vec!["serve", "--log-level", "loud"],
            "use trace, debug, info, warn or error",
        ),
        (vec!["serve", "--port", "99999"], "99999"),
        (vec!["launch"], "unrecognized subcommand"),
    ] {
        let (code, _, error) = outcome(&mut otari(folder.path(), &arguments));
        assert_eq!(code, USAGE_ERROR, "{arguments:?}");
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn serving_a_bad_configuration_ends_with_every_problem() {
    let folder = tempfile::tempdir().unwrap();
    let mut serve = otari(folder.path(), &["serve"]);
    let (code, _, error) = outcome(serve.env("OTARI_PORT", "x").env("OTARI_LOG_FORMAT", "xml"));
    assert_eq!(code, 1);
    assert!(
        error.starts_with("otari: the configuration has 2 problems\n"),
        "{error}"
    );
}

#[test]
fn health_is_what_the_gateway_says_of_itself() {
    let folder = tempfile::tempdir().unwrap();
    for (answer, flag, code, told) in [
        ("200 OK", None, 0, "healthy: /health answers 200\n"),
        (
            "200 OK",
            Some("--ready"),
            0,
            "healthy: /health/readiness answers 200\n",
        ),
        (
            "503 Service Unavailable",
            Some("--ready"),
            1,
            "/health/readiness answers 'HTTP/1.1 503 Service Unavailable'\n",
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let serving = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).unwrap();
            assert!(request[..read].starts_with(b"GET /health"));
            write!(stream, "HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n").unwrap();
        });
        let mut command = otari(folder.path(), &["health", "--port", &port]);
        let (found, said, _) = outcome(command.args(flag));
        assert_eq!(found, code, "{said}");
        assert!(said.ends_with(told), "{said}");
        serving.join().unwrap();
    }
}

#[test]
fn nobody_there_is_not_healthy() {
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let (code, said, _) = outcome(&mut otari(
        folder.path(),
        &["health", "--port", &port.to_string()],
    ));
    assert_eq!(code, 1);
    assert!(
        said.starts_with(&format!("not healthy: 127.0.0.1:{port}: ")),
        "{said}"
    );
}
