//! How sessions begin and end.

use std::sync::Arc;
use std::time::Duration;

use otari_sandbox::{
    Backend, CreateSession, ExecRequest, Limits, Sandbox, SandboxError, SessionId,
};
use otari_types::{Clock as _, ManualClock, SystemClock, Timestamp};

use crate::support::{Session, backends, settings, small, wasm, with_clock};

fn unknown(id: &SessionId) -> SandboxError {
    SandboxError::UnknownSession(id.to_string())
}

#[tokio::test]
async fn a_destroyed_session_is_gone_and_destroying_it_again_is_no_error() {
    for tried in backends(&small()).await {
        let session = Session::open(&tried.sandbox).await;
        tried.sandbox.destroy(&session.id).await.expect("destroyed");
        tried.sandbox.destroy(&session.id).await.expect("again");
        let gone = tried
            .sandbox
            .exec(&session.id, ExecRequest::python("1"))
            .await;
        assert_eq!(gone, Err(unknown(&session.id)), "{}", tried.name);
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_told_by_its_setting() {
    let mut settings = settings(Backend::Wasm, small());
    // A file has no folders in it, whoever asks.
    settings.data_dir = std::env::current_exe().expect("this program");
    let sandbox = Sandbox::new(settings, Arc::new(SystemClock)).expect("a sandbox");
    let refused = sandbox.prepare().await.expect_err("no folder");
    let told = refused.to_string();
    assert!(told.contains("`data_dir`"), "{told}");
}

#[tokio::test]
async fn sessions_end_when_idle_and_when_old() {
    let clock = ManualClock::at(Timestamp::from_secs(1_800_000_000));
    let sandbox = with_clock(Backend::Wasm, small(), Arc::new(clock.clone()));
    let wanted = || CreateSession {
        idle_timeout: Some(Duration::from_secs(30)),
        max_lifetime: Some(Duration::from_secs(100)),
        credential: None,
    };
    let idle = sandbox.create(wanted()).await.expect("a session");
    assert_eq!(idle.created_at, clock.now());
    clock.advance_secs(31);
    let gone = sandbox.exec(&idle.id, ExecRequest::python("1")).await;
    assert_eq!(gone, Err(unknown(&idle.id)));
    let old = sandbox.create(wanted()).await.expect("a session");
    for _ in 0..4 {
        clock.advance_secs(24);
        sandbox
            .exec(&old.id, ExecRequest::python("1"))
            .await
            .expect("not idle");
    }
    clock.advance_secs(24);
    let gone = sandbox.exec(&old.id, ExecRequest::python("1")).await;
    assert_eq!(gone, Err(unknown(&old.id)));
}

#[tokio::test]
async fn a_session_cannot_ask_for_more_than_the_limits() {
    let sandbox = wasm(small());
    let day = Duration::from_hours(24);
    let wanted = CreateSession {
        idle_timeout: Some(day),
        max_lifetime: Some(day),
        credential: None,
    };
    let handle = sandbox.create(wanted).await.expect("a session");
    assert_eq!(handle.idle_timeout, small().idle_timeout);
    assert_eq!(handle.max_lifetime, small().max_lifetime);
}

#[tokio::test]
async fn at_capacity_means_until_a_session_ends() {
    let limits = Limits {
        sessions: 2,
        ..small()
    };
    for tried in backends(&limits).await {
        let one = Session::open(&tried.sandbox).await;
        let _two = Session::open(&tried.sandbox).await;
        let refused = tried.sandbox.create(CreateSession::default()).await;
        assert_eq!(refused, Err(SandboxError::AtCapacity), "{}", tried.name);
        tried.sandbox.destroy(&one.id).await.expect("destroyed");
        // The worker's end is what makes room, and that takes its moment.
        let room = async {
            while tried
                .sandbox
                .create(CreateSession::default())
                .await
                .is_err()
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), room)
            .await
            .expect("room again");
    }
}

#[tokio::test]
async fn a_caller_who_leaves_does_not_break_the_session() {
    for tried in backends(&small()).await {
        let session = Session::open(&tried.sandbox).await;
        session.printed("x = 1").await;
        let leaving = session.run("import time; time.sleep(0.3)\nx = 2");
        assert!(
            tokio::time::timeout(Duration::from_millis(50), leaving)
                .await
                .is_err()
        );
        assert_eq!(session.printed("x").await, "2\n", "{}", tried.name);
    }
}

#[tokio::test]
async fn the_workspaces_of_a_process_that_is_gone_are_removed() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let abandoned = folder.path().join("sandbox/abandoned/session/workspace");
    std::fs::create_dir_all(&abandoned).expect("made");
    std::fs::write(folder.path().join("sandbox/abandoned/lock"), "").expect("written");
    let mut settings = settings(Backend::Wasm, small());
    let cache = settings.data_dir.join("cache");
    // Compiled by now, or in a moment; not once more for this test.
    wasm(small()).prepare().await.expect("prepared");
    std::os::unix::fs::symlink(cache, folder.path().join("cache")).expect("linked");
    settings.data_dir = folder.path().to_owned();
    let sandbox = Sandbox::new(settings, Arc::new(SystemClock)).expect("a sandbox");
    let session = Session::open(&sandbox).await;
    assert_eq!(session.printed("1").await, "1\n");
    assert!(!abandoned.exists());
}
