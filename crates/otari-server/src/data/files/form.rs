//! The upload form, read as it arrives: only a piece of the file is in memory at a time.

use std::time::Duration;

use axum::body::Body;
use http::{HeaderMap, header};
use multer::{Field, Multipart};
use otari_gateway::{FieldProblem, Files, GatewayError, Upload};

use crate::error::ApiError;
use crate::extract::content_length;

/// Of each field that is no file, in bytes.
const TEXT_BYTES_MAX: usize = 4096;
/// What a form may have beside the file, in bytes.
const FORM_BYTES_MAX: u64 = 1024 * 1024;
const FIELDS_MAX: usize = 32;
/// OpenAI's bounds of `expires_after[seconds]`.
const LIFE_SECS: std::ops::RangeInclusive<u64> = 3_600..=2_592_000;

/// What a form says of its file.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) filename: String,
    pub(super) mime_type: Option<String>,
    pub(super) purpose: Option<String>,
    pub(super) user: Option<String>,
    pub(super) expires_after: Option<Duration>,
}

/// Reads a whole form; its file goes to the storage on the way.
pub(super) async fn receive<'a>(
    files: &'a Files,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Upload<'a>, Fields), ApiError> {
    let max = files.max_bytes();
    let declared = content_length(headers).and_then(|length| u64::try_from(length).ok());
    if declared.is_some_and(|length| length > max.saturating_add(FORM_BYTES_MAX)) {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        return Err(GatewayError::FileTooLarge { max }.into());
    }
    let content_type = headers.get(header::CONTENT_TYPE);
    let boundary = content_type
        .and_then(|content_type| multer::parse_boundary(content_type.to_str().ok()?).ok())
        .ok_or_else(|| {
            ApiError::bad_request("Content-Type must be multipart/form-data with a boundary")
        })?;
    let mut form = Multipart::new(body.into_data_stream(), boundary);
    let mut fields = Fields::default();
    let (mut upload, mut seconds, mut anchor) = (None, None, None);
    let mut count = 0;
    while let Some(field) = form.next_field().await.map_err(|error| malformed(&error))? {
        count += 1;
        if count > FIELDS_MAX {
            return Err(ApiError::bad_request("The form has too many fields"));
        }
        let name = field.name().unwrap_or_default().to_owned();
        match name.as_str() {
            "file" if upload.is_some() => {
                return Err(problem(
                    "file",
                    "invalid_body",
                    "Only one file can be uploaded at a time",
                ));
            }
            "file" => upload = Some(store(files, field, &mut fields).await?),
            "purpose" => fields.purpose = Some(text(field).await?),
            "user" => fields.user = Some(text(field).await?),
            "expires_after[anchor]" => anchor = Some(text(field).await?),
            "expires_after[seconds]" => seconds = Some(text(field).await?),
            _ => skip(field).await?,
        }
    }
    fields.expires_after = life(anchor.as_deref(), seconds.as_deref())?;
    let upload = upload.ok_or_else(|| problem("file", "missing", "Field required"))?;
    Ok((upload, fields))
}

async fn store<'a>(
    files: &'a Files,
    mut field: Field<'_>,
    fields: &mut Fields,
) -> Result<Upload<'a>, ApiError> {
    let filename = field.file_name().unwrap_or_default();
    filename.clone_into(&mut fields.filename);
    fields.mime_type = field.content_type().map(ToString::to_string);
    let mut upload = files.begin().await?;
    while let Some(chunk) = field.chunk().await.map_err(|error| malformed(&error))? {
        upload.write(chunk).await?;
    }
    Ok(upload)
}

async fn text(mut field: Field<'_>) -> Result<String, ApiError> {
    let name = field.name().unwrap_or_default().to_owned();
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| malformed(&error))? {
        if bytes.len() + chunk.len() > TEXT_BYTES_MAX {
            return Err(problem(&name, "string_too_long", "Input is too long"));
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes)
        .map_err(|_| problem(&name, "string_type", "Input should be a valid string"))
}

async fn skip(mut field: Field<'_>) -> Result<(), ApiError> {
    let mut skipped = 0;
    while let Some(chunk) = field.chunk().await.map_err(|error| malformed(&error))? {
        skipped += chunk.len();
        if skipped > TEXT_BYTES_MAX {
            let name = field.name().unwrap_or_default().to_owned();
            return Err(problem(
                &name,
                "extra_forbidden",
                "No such field; the file goes in `file`",
            ));
        }
    }
    Ok(())
}

fn life(anchor: Option<&str>, seconds: Option<&str>) -> Result<Option<Duration>, ApiError> {
    if anchor.is_some_and(|anchor| anchor != "created_at") {
        let name = "expires_after[anchor]";
        return Err(problem(
            name,
            "literal_error",
            "Input should be 'created_at'",
        ));
    }
    let Some(seconds) = seconds else {
        return Ok(None);
    };
    let seconds = seconds
        .parse()
        .ok()
        .filter(|seconds| LIFE_SECS.contains(seconds));
    let seconds = seconds.ok_or_else(|| {
        let message = "Input should be between 3600 (an hour) and 2592000 (30 days)";
        problem("expires_after[seconds]", "out_of_range", message)
    })?;
    Ok(Some(Duration::from_secs(seconds)))
}

fn malformed(error: &multer::Error) -> ApiError {
    tracing::debug!(%error, "an upload form cannot be read");
    ApiError::bad_request("The form is malformed or ends early")
}

fn problem(name: &str, kind: &'static str, message: &str) -> ApiError {
    ApiError::invalid_fields(&[FieldProblem {
        loc: vec![name.to_owned()],
        kind,
        message: message.to_owned(),
    }])
}
