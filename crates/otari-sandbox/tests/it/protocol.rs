//! The client against servers that are odd, late or wrong.

use axum::Json;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::{delete, post};
use otari_sandbox::{CreateSession, ExecRequest, SandboxError, SessionId};
use serde_json::{Value, json};

use crate::support::{TOKEN, remote, serve, small, wasm};

/// A server that answers every exec with `answer`, and has only the three operations that every server has.
async fn odd_server(answer: Value) -> String {
    let router = Router::new()
        .route(
            "/base/sessions",
            post(|| async {
                (
                    StatusCode::CREATED,
                    Json(json!({"session_id": "s/1", "later": 1})),
                )
            }),
        )
        .route(
            "/base/sessions/{id}/exec",
            post(move || async move { Json(answer) }),
        )
        .route(
            "/base/sessions/{id}",
            delete(|| async { StatusCode::NOT_FOUND }),
        );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/base/")
}

async fn outcome(answer: Value) -> Result<otari_sandbox::ExecOutcome, SandboxError> {
    let sandbox = remote(&odd_server(answer).await, None, small());
    let session = sandbox
        .create(CreateSession::default())
        .await
        .expect("a session");
    assert_eq!(session.id, SessionId::new("s/1"));
    let outcome = sandbox.exec(&session.id, ExecRequest::python("1")).await;
    sandbox.destroy(&session.id).await.expect("gone is gone");
    outcome
}

#[tokio::test]
async fn results_are_read_tolerantly() {
    let result = outcome(json!({"tool_use_id": "t1", "result_block": {"type": "a_later_result", "new": true, "content": {
        "stdout": {"structured": 1}, "stderr": null, "return_code": null,
        "content": [{"type": "code_execution_output", "file_id": "f1", "filename": "chart.png"}]}}}))
    .await
    .expect("an outcome");
    assert_eq!(result.stdout, "{\"structured\":1}");
    assert_eq!(
        (
            result.stderr.as_str(),
            result.return_code,
            result.tool_use_id.as_str()
        ),
        ("", 0, "t1")
    );
    assert_eq!(
        result.files.first().map(|file| file.path.as_str()),
        Some("chart.png")
    );
}

#[tokio::test]
async fn a_complaint_names_members_and_never_what_was_printed() {
    for (answer, member) in [
        (json!({"stdout": "THE-SECRET"}), "`result_block`"),
        (
            json!({"result_block": {"content": "THE-SECRET"}}),
            "`result_block.content`",
        ),
        (json!("THE-SECRET"), "`body`"),
    ] {
        let error = outcome(answer).await.expect_err("malformed").to_string();
        assert!(
            error.contains(member) && !error.contains("THE-SECRET"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn the_token_is_sent_and_a_session_can_have_its_own() {
    let url = serve(wasm(small()), Some(TOKEN)).await;
    for wrong in [None, Some("wrong")] {
        let refused = remote(&url, wrong, small())
            .create(CreateSession::default())
            .await;
        assert_eq!(refused, Err(SandboxError::Unauthorized));
    }
    let sandbox = remote(&url, Some("wrong"), small());
    let wanted = CreateSession {
        credential: Some(otari_types::Secret::new(TOKEN)),
        ..CreateSession::default()
    };
    let session = sandbox.create(wanted).await.expect("a session");
    let ran = sandbox
        .exec(&session.id, ExecRequest::python("1 + 1"))
        .await
        .expect("an outcome");
    assert_eq!(ran.stdout, "2\n");
    sandbox.destroy(&session.id).await.expect("destroyed");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let sandbox = remote("http://127.0.0.1:1", None, small());
    let refused = sandbox.create(CreateSession::default()).await;
    assert!(
        matches!(refused, Err(SandboxError::Unavailable { .. })),
        "{refused:?}"
    );
}
