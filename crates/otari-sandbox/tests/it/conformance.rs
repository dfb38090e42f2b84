//! The protocol as any client sees it: every operation, every status, the envelope.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use axum::response::Response;
use otari_sandbox::{Limits, Sandbox, server};
use otari_types::Secret;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::support::{TOKEN, backends, small};

/// A served sandbox.
struct Server(axum::Router);

impl Server {
    fn of(sandbox: &Sandbox) -> Self {
        Self(server::router(
            sandbox.clone(),
            Some(Secret::new(TOKEN)),
            16 << 20,
        ))
    }

    async fn send(&self, request: Request<Body>) -> Response {
        self.0.clone().oneshot(request).await.expect("an answer")
    }

    async fn call(&self, method: Method, path: &str, body: &str) -> (StatusCode, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {TOKEN}"))
            .body(Body::from(body.to_owned()))
            .expect("a request");
        read(self.send(request).await).await
    }

    async fn exec(&self, id: &str, body: Value) -> (StatusCode, Value) {
        self.call(
            Method::POST,
            &format!("/sessions/{id}/exec"),
            &body.to_string(),
        )
        .await
    }

    async fn open(&self) -> String {
        let (status, handle) = self.call(Method::POST, "/sessions", "").await;
        assert_eq!(status, StatusCode::CREATED, "{handle}");
        handle["session_id"].as_str().expect("an id").to_owned()
    }

    async fn put(&self, id: &str, parts: &[(&str, &str)]) -> (StatusCode, Value) {
        let parts = parts.iter().map(|(head, body)| {
            format!("--b\r\nContent-Disposition: form-data; {head}\r\n\r\n{body}\r\n")
        });
        let form = parts.collect::<Vec<String>>().concat();
        let request = Request::post(format!("/sessions/{id}/files"))
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("content-type", "multipart/form-data; boundary=b")
            .body(Body::from(form + "--b--\r\n"))
            .expect("a request");
        read(self.send(request).await).await
    }
}

async fn read(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .expect("a body");
    let text = String::from_utf8_lossy(&body).into_owned();
    (
        status,
        serde_json::from_slice(&body).unwrap_or(Value::String(text)),
    )
}

#[tokio::test]
async fn every_operation_answers_as_the_contract_says() {
    for tried in backends(&small()).await {
        let name = tried.name;
        let server = Server::of(&tried.sandbox);
        let wanted = json!({"idle_timeout_seconds": 60, "max_lifetime_seconds": 120}).to_string();
        let (status, handle) = server.call(Method::POST, "/sessions", &wanted).await;
        assert_eq!(status, StatusCode::CREATED, "{name}");
        assert_eq!(
            (
                &handle["idle_timeout_seconds"],
                &handle["max_lifetime_seconds"]
            ),
            (&json!(60), &json!(120))
        );
        assert!(handle["created_at"].is_number() && handle["last_activity_at"].is_number());
        let id = handle["session_id"].as_str().expect("an id");
        let code = json!({"tool": "code_execution", "input": {"code": "open('c.png', 'w').write('x'); print('hi')"},
                          "timeout_seconds": 5, "tool_use_id": "srvtoolu_x"});
        let (status, answer) = server.exec(id, code).await;
        assert_eq!(status, StatusCode::OK, "{name}");
        assert!(answer["execution_time_ms"].is_u64());
        let block = json!({"type": "code_execution_tool_result", "tool_use_id": "srvtoolu_x",
            "content": {"type": "code_execution_result", "stdout": "hi\n", "stderr": "", "return_code": 0,
            "content": [{"type": "code_execution_output", "file_id": "c.png", "filename": "c.png"}]}});
        assert_eq!(
            (&answer["tool_use_id"], &answer["result_block"]),
            (&json!("srvtoolu_x"), &block),
            "{name}"
        );
        let failing = json!({"tool": "code_execution", "input": {"code": "1/0"}});
        let (status, answer) = server.exec(id, failing).await;
        assert_eq!(
            (status, &answer["result_block"]["content"]["return_code"]),
            (StatusCode::OK, &json!(1))
        );
        assert!(
            answer["tool_use_id"]
                .as_str()
                .is_some_and(|id| id.starts_with("srvtoolu_")),
            "{name} {answer}"
        );
    }
}

#[tokio::test]
async fn file_operations_answer_as_the_contract_says() {
    for tried in backends(&small()).await {
        let name = tried.name;
        let server = Server::of(&tried.sandbox);
        let id = &server.open().await;
        let (status, stored) = server
            .put(
                id,
                &[
                    ("name=\"path\"", "d/e.txt"),
                    ("name=\"file\"; filename=\"x\"", "content"),
                ],
            )
            .await;
        assert_eq!(
            (status, stored),
            (
                StatusCode::CREATED,
                json!({"path": "d/e.txt", "size_bytes": 7})
            ),
            "{name}"
        );
        let (status, stored) = server
            .put(id, &[("name=\"file\"; filename=\"own.txt\"", "y")])
            .await;
        assert_eq!(
            (status, &stored["path"]),
            (StatusCode::CREATED, &json!("own.txt")),
            "{name}"
        );
        let (status, content) = server
            .call(
                Method::GET,
                &format!("/sessions/{id}/files?path=d/e.txt"),
                "",
            )
            .await;
        assert_eq!(
            (status, content),
            (StatusCode::OK, json!("content")),
            "{name}"
        );
        let (status, listed) = server
            .call(Method::GET, &format!("/sessions/{id}/files/list"), "")
            .await;
        let paths: Vec<&str> = listed["files"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|file| file["path"].as_str())
            .collect();
        assert_eq!(
            (status, paths),
            (StatusCode::OK, vec!["d/e.txt", "own.txt"]),
            "{name}"
        );
        let (status, _) = server
            .call(Method::DELETE, &format!("/sessions/{id}"), "")
            .await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{name}");
        let (status, _) = server
            .call(Method::DELETE, "/sessions/never-there", "")
            .await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{name}");
    }
}

#[tokio::test]
async fn malformed_requests_are_refused_with_a_reason() {
    for tried in backends(&small()).await {
        let server = Server::of(&tried.sandbox);
        let id = server.open().await;
        let editor = |input: Value| json!({"tool": "text_editor_code_execution", "input": input});
        for body in [
            json!({"tool": "code_execution", "input": {}}),
            json!({"tool": "code_execution", "input": {"code": 1}}),
            json!({"tool": "code_execution"}),
            json!({"tool": "unknown_execution", "input": {"code": "1"}}),
            json!({"tool": "code_execution", "input": {"code": "1"}, "timeout_seconds": 0}),
            json!({"tool": "code_execution", "input": {"code": "1"}, "timeout_seconds": "soon"}),
            editor(json!({"command": "view"})),
            editor(json!({"command": "explode", "path": "a"})),
            editor(json!({"command": "create", "path": "a"})),
            editor(json!({"command": "insert", "path": "a", "new_str": "x"})),
            editor(json!({"command": "view", "path": "a", "view_range": [1]})),
        ] {
            let (status, answer) = server.exec(&id, body.clone()).await;
            assert_eq!(
                status,
                StatusCode::UNPROCESSABLE_ENTITY,
                "{} {body} {answer}",
                tried.name
            );
            assert!(
                answer["detail"]
                    .as_str()
                    .is_some_and(|detail| !detail.is_empty()),
                "{answer}"
            );
        }
        let (status, _) = server
            .call(Method::POST, &format!("/sessions/{id}/exec"), "{")
            .await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        let (status, _) = server
            .call(Method::POST, "/sessions", "{\"idle_timeout_seconds\": 0}")
            .await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        let (status, _) = server
            .call(Method::GET, &format!("/sessions/{id}/files"), "")
            .await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        let (status, _) = server.put(&id, &[("name=\"path\"", "a")]).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        let (status, _) = server.call(Method::GET, "/nowhere", "").await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        let (status, _) = server.call(Method::PUT, "/sessions", "").await;
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    }
}

#[tokio::test]
async fn each_refusal_has_its_status() {
    let limits = Limits {
        sessions: 1,
        ..small()
    };
    for tried in backends(&limits).await {
        let name = tried.name;
        let server = Server::of(&tried.sandbox);
        let id = server.open().await;
        let code = json!({"tool": "code_execution", "input": {"code": "1"}});
        let (status, _) = server.exec("unknown", code).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{name}");
        let (status, _) = server
            .call(
                Method::GET,
                &format!("/sessions/{id}/files?path=nothing"),
                "",
            )
            .await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{name}");
        let (status, _) = server
            .call(Method::GET, "/sessions/unknown/files/list", "")
            .await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{name}");
        for path in ["../x", "/etc/passwd", "..%2F..%2Fetc%2Fpasswd"] {
            let (status, _) = server
                .call(
                    Method::GET,
                    &format!("/sessions/{id}/files?path={path}"),
                    "",
                )
                .await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{name} {path}");
        }
        let (status, _) = server
            .put(
                &id,
                &[
                    ("name=\"path\"", "../x"),
                    ("name=\"file\"; filename=\"x\"", "y"),
                ],
            )
            .await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{name}");
        let large = "x".repeat(17 << 20);
        let (status, _) = server
            .put(&id, &[("name=\"file\"; filename=\"x\"", &large)])
            .await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{name}");
        let (status, _) = server.call(Method::POST, "/sessions", "").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{name}");
        for (method, path) in [
            (Method::POST, "/sessions".to_owned()),
            (Method::POST, format!("/sessions/{id}/exec")),
            (Method::GET, format!("/sessions/{id}/files/list")),
            (Method::GET, format!("/sessions/{id}/files?path=x")),
            (Method::POST, format!("/sessions/{id}/files")),
            (Method::DELETE, format!("/sessions/{id}")),
        ] {
            let request = Request::builder()
                .method(method)
                .uri(&path)
                .body(Body::empty())
                .expect("a request");
            let (status, _) = read(server.send(request).await).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{name} {path}");
        }
    }
}
