//! `/v1/files`: files of callers, in OpenAI's shape or, where `anthropic-version` is sent, in Anthropic's.

mod content;
mod form;
mod shape;

use axum::Json;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use otari_gateway::{FileObject, Files, FilesPage, GatewayError, NewFile};
use otari_store::Order;
use otari_types::UserId;

use crate::data::inference::for_surface;
use crate::error::ApiError;
use crate::extract::{AnyKey, QueryArgs, query_problem};
use crate::state::App;

use shape::Shape;

/// Files that a list can be limited to.
const IDS_MAX: usize = 100;

/// Upload a file
///
/// A form with `file` and `purpose` (`user_data` unless given); `expires_after[anchor]=created_at` with
/// `expires_after[seconds]` lets it expire. With the master key, `user` names the owner. The body is stored as it
/// arrives. Anthropic's clients get their own shape.
#[utoipa::path(
    post, path = "/v1/files", tag = "files", operation_id = "create_file",
    request_body(content = Object, content_type = "multipart/form-data", description = "`file`, `purpose`, `expires_after`, `user`"),
    responses(
        (status = 200, description = "The file"),
        (status = 400, description = "No form, or an empty file"),
        (status = 403, description = "Blocked, or `files_user_max_bytes` is reached"),
        (status = 404, description = "Files are switched off"),
        (status = 413, description = "The file is larger than `files_max_bytes`"),
        (status = 422, description = "`file` is missing, or a field is invalid"),
    )
)]
pub(crate) async fn create_file(
    State(app): State<App>,
    request: Request,
) -> Result<Response, ApiError> {
    let shape = Shape::of(request.headers());
    for_surface(shape.surface(), request, async |request| {
        let (mut parts, body) = request.into_parts();
        let files = app.gateway.files()?;
        let asked = Asked::read(&mut parts, &app).await?;
        if asked.caller.user().is_some() {
            asked.caller.adding_owner(&app, None).await?;
        }
        let (upload, fields) = form::receive(files, &parts.headers, body).await?;
        let named = fields.user.as_deref().or(asked.query.one("user"));
        let file = upload
            .finish(NewFile {
                owner: asked.caller.adding_owner(&app, named).await?,
                filename: fields.filename,
                purpose: fields.purpose.unwrap_or_else(|| "user_data".to_owned()),
                mime_type: fields.mime_type,
                expires_after: fields.expires_after,
            })
            .await?;
        Ok(Json(shape.file(&file)).into_response())
    })
    .await
}

/// List files
///
/// The caller's own, newest first. Pages go on with `after`; Anthropic's clients use `page`, `after_id` or `before_id`, and `ids`.
#[utoipa::path(
    get, path = "/v1/files", tag = "files", operation_id = "list_files",
    params(
        ("purpose" = Option<String>, Query), ("limit" = Option<i64>, Query), ("after" = Option<String>, Query),
        ("order" = Option<String>, Query, description = "`desc` (default) or `asc`, by time of creation"),
        ("user" = Option<String>, Query, description = "With the master key: the owner"),
    ),
    responses((status = 200, description = "A page of files"), (status = 404, description = "`after` is no file"))
)]
pub(crate) async fn list_files(
    State(app): State<App>,
    request: Request,
) -> Result<Response, ApiError> {
    let shape = Shape::of(request.headers());
    for_surface(shape.surface(), request, async |request| {
        let asked = Asked::read(&mut request.into_parts().0, &app).await?;
        let page = page(shape, &asked.query)?;
        let (owner, files) = (asked.owner()?, app.gateway.files()?);
        let ids = shape.ids(&asked.query);
        let (files, has_more) = if ids.is_empty() {
            files.list(&owner, &page).await?
        } else {
            (named(files, &owner, ids).await?, false)
        };
        Ok(Json(shape.list(&files, has_more)).into_response())
    })
    .await
}

/// Get a file
///
/// What is known of it; its bytes are at `/content`.
#[utoipa::path(
    get, path = "/v1/files/{file_id}", tag = "files", operation_id = "get_file",
    params(("file_id" = String, Path), ("user" = Option<String>, Query, description = "With the master key: the owner")),
    responses((status = 200, description = "The file"), (status = 404, description = "Unknown, expired or of another user"))
)]
pub(crate) async fn get_file(
    State(app): State<App>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let shape = Shape::of(request.headers());
    for_surface(shape.surface(), request, async |request| {
        let asked = Asked::read(&mut request.into_parts().0, &app).await?;
        let file = app.gateway.files()?.get(&asked.owner()?, &id).await?;
        Ok(Json(shape.file(&file)).into_response())
    })
    .await
}

/// Get a file's content
///
/// Its bytes, or one part of them where `Range` asks for it.
#[utoipa::path(
    get, path = "/v1/files/{file_id}/content", tag = "files", operation_id = "get_file_content",
    params(("file_id" = String, Path), ("user" = Option<String>, Query, description = "With the master key: the owner")),
    responses(
        (status = 200, description = "The bytes"),
        (status = 206, description = "The part that was asked for"),
        (status = 404, description = "Unknown, expired or of another user"),
        (status = 416, description = "The file has no such part"),
    )
)]
pub(crate) async fn get_file_content(
    State(app): State<App>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let shape = Shape::of(request.headers());
    for_surface(shape.surface(), request, async |request| {
        let mut parts = request.into_parts().0;
        let asked = Asked::read(&mut parts, &app).await?;
        let files = app.gateway.files()?;
        let file = files.get(&asked.owner()?, &id).await?;
        content::serve(files, &file, &parts.headers).await
    })
    .await
}

/// Delete a file
///
/// It is gone at once, its bytes too.
#[utoipa::path(
    delete, path = "/v1/files/{file_id}", tag = "files", operation_id = "delete_file",
    params(("file_id" = String, Path), ("user" = Option<String>, Query, description = "With the master key: the owner")),
    responses((status = 200, description = "Deleted"), (status = 404, description = "Unknown, expired or of another user"))
)]
pub(crate) async fn delete_file(
    State(app): State<App>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let shape = Shape::of(request.headers());
    for_surface(shape.surface(), request, async |request| {
        let asked = Asked::read(&mut request.into_parts().0, &app).await?;
        app.gateway.files()?.delete(&asked.owner()?, &id).await?;
        Ok(Json(shape.deleted(&id)).into_response())
    })
    .await
}

/// Who asks, and with what query. Read in the handler, so that a refusal has the shape of the route too.
struct Asked {
    caller: AnyKey,
    query: QueryArgs,
}

impl Asked {
    async fn read(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        Ok(Self {
            caller: AnyKey::from_request_parts(parts, app).await?,
            query: QueryArgs::from_request_parts(parts, app).await?,
        })
    }

    fn owner(&self) -> Result<UserId, ApiError> {
        self.caller.owner(self.query.one("user"))
    }
}

/// The files of a list of ids; those that are not there are left out.
async fn named(
    files: &Files,
    owner: &UserId,
    mut ids: Vec<String>,
) -> Result<Vec<FileObject>, ApiError> {
    ids.sort_unstable();
    ids.dedup();
    if ids.len() > IDS_MAX {
        let message = format!("List should have at most {IDS_MAX} items");
        return Err(query_problem("ids", "too_long", &message));
    }
    let mut found = Vec::new();
    for id in ids {
        match files.get(owner, &id).await {
            Ok(file) => found.push(file),
            Err(GatewayError::FileNotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

fn page(shape: Shape, query: &QueryArgs) -> Result<FilesPage, ApiError> {
    let (default, max) = shape.limits();
    let limit = query.int("limit")?.unwrap_or(default);
    let limit = u32::try_from(limit).ok().filter(|n| (1..=max).contains(n));
    let limit = limit.ok_or_else(|| {
        let message = format!("Input should be between 1 and {max}");
        query_problem("limit", "out_of_range", &message)
    })?;
    let order = match query.one("order") {
        None | Some("desc") => Order::NewestFirst,
        Some("asc") => Order::OldestFirst,
        Some(_) => {
            let message = "Input should be 'asc' or 'desc'";
            return Err(query_problem("order", "literal_error", message));
        }
    };
    let (after, before) = shape.cursors(query);
    if after.is_some() && before.is_some() {
        let text = "after_id and before_id exclude each other".to_owned();
        return Err(GatewayError::InvalidRequest(text).into());
    }
    Ok(FilesPage {
        purpose: query.one("purpose").map(str::to_owned),
        limit,
        order,
        after: after.map(str::to_owned),
        before: before.map(str::to_owned),
    })
}
