//! Files of a session.

use axum::Json;
use axum::body::Bytes;
use axum::extract::multipart::MultipartError;
use axum::extract::{Multipart, Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::refusal::{Refused, detail, malformed};
use super::sessions::posix;
use crate::{Sandbox, SessionId, WorkspaceFile};

const ROOT: &str = ".";

#[derive(Deserialize)]
pub(super) struct Named {
    path: Option<String>,
}

/// `GET /sessions/{id}/files/list?path=.`
pub(super) async fn list(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    Query(named): Query<Named>,
) -> Result<Json<Value>, Refused> {
    let path = named.path.as_deref().unwrap_or(ROOT);
    let files = sandbox.list_files(&SessionId::new(id), path).await?;
    let files: Vec<Value> = files.iter().map(shown).collect();
    Ok(Json(json!({"files": files})))
}

/// `GET /sessions/{id}/files?path=…`
pub(super) async fn get(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    Query(named): Query<Named>,
) -> Result<Response, Refused> {
    let path = named.path.filter(|path| !path.is_empty());
    let path = path.ok_or_else(|| malformed("name the file: ?path=…"))?;
    let content = sandbox.get_file(&SessionId::new(id), &path).await?;
    let kind = crate::file::mime_type(&path).unwrap_or("application/octet-stream");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        // Made by a program nobody vouches for: a browser must not run it as a page of this origin.
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment"),
        ),
    ];
    Ok((headers, content).into_response())
}

/// `POST /sessions/{id}/files`, multipart: `file`, and `path` unless the file's own name will do.
pub(super) async fn put(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    form: Multipart,
) -> Result<Response, Refused> {
    let (path, content) = match read(form).await {
        Ok(form) => form,
        Err(response) => return Ok(response),
    };
    let file = sandbox
        .put_file(&SessionId::new(id), &path, content)
        .await?;
    let stored = json!({"path": file.path, "size_bytes": file.size_bytes});
    Ok((StatusCode::CREATED, Json(stored)).into_response())
}

async fn read(mut form: Multipart) -> Result<(String, Bytes), Response> {
    let (mut path, mut file) = (None, None);
    while let Some(field) = form.next_field().await.map_err(|error| told(&error))? {
        match field.name() {
            Some("path") => path = Some(field.text().await.map_err(|error| told(&error))?),
            Some("file") => {
                let name = field.file_name().map(str::to_owned);
                file = Some((name, field.bytes().await.map_err(|error| told(&error))?));
            }
            _ => {}
        }
    }
    let Some((name, content)) = file else {
        return Err(malformed("the form needs a part named `file`").into_response());
    };
    let path = path.or(name).filter(|path| !path.is_empty());
    path.map(|path| (path, content))
        .ok_or_else(|| malformed("the form needs `path`, or a file name").into_response())
}

/// 413 where the body is over the limit, 400 where it is no form.
fn told(error: &MultipartError) -> Response {
    detail(error.status(), &error.body_text())
}

fn shown(file: &WorkspaceFile) -> Value {
    let mut shown = json!({"path": file.path, "size_bytes": file.size_bytes});
    if let Some(shown) = shown.as_object_mut() {
        if let Some(kind) = &file.mime_type {
            shown.insert("mime_type".to_owned(), Value::from(kind.clone()));
        }
        if let Some(modified) = file.modified_at {
            shown.insert("modified_at".to_owned(), Value::from(posix(modified)));
        }
    }
    shown
}
