//! The sandbox of a request: which session, and the files that go into it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use otari_sandbox::Kind;
use otari_translate::{Block, Call, Media, MediaKind, Part, Source};
use otari_types::{UserId, new_id};
use serde_json::Value;

use super::code::{CodeSession, GivenFile, Opening};
use super::set_up::{Entry, Opening as Request};
use crate::Gateway;
use crate::error::GatewayError;
use crate::files::is_file_id;
use crate::tools::programs;

/// Of one file that goes into a sandbox.
const FILE_BYTES_MAX: usize = 64 * 1024 * 1024;
const FILES_MAX: usize = 100;
/// Asks for a session that stays.
const AUTO: &str = "auto";

/// The session that the request's programs run in, and their kinds. Its files are taken out of the call where no model could use them.
pub(super) async fn open(
    request: &Request<'_>,
    user: &UserId,
    entry: &Entry,
    call: &mut Call,
) -> Result<(CodeSession, Vec<Kind>), GatewayError> {
    let gateway = request.gateway;
    let sandbox = gateway.sandbox()?;
    let kinds = programs::kinds_of(&entry.raw, &sandbox).map_err(|told| {
        let told = format!("{}: {told}", entry.tool.kind());
        GatewayError::field(&["tools"], "value_error", told)
    })?;
    let mut given = Vec::new();
    for id in file_ids(&entry.raw) {
        given.push(stored(gateway, user, &id).await?);
    }
    take_files(gateway, user, call, &mut given).await?;
    let own = entry.raw.get("container");
    let own = own.and_then(|value| {
        let inner = value.get("id").or_else(|| value.get("type"));
        inner.unwrap_or(value).as_str()
    });
    let (kept, session) = match own.or(request.wanted.container.as_deref()) {
        None => (None, None),
        Some(AUTO) => (
            Some(format!("cntr_otari_{}", new_id().replace('-', ""))),
            None,
        ),
        Some(name) => {
            let session = gateway.containers.find(name, user, gateway.clock.now());
            let session =
                session.ok_or_else(|| GatewayError::ContainerNotFound(name.to_owned()))?;
            (Some(name.to_owned()), Some(session))
        }
    };
    let opening = Opening {
        sandbox,
        files: gateway.files().ok().cloned(),
        user: user.clone(),
        given,
        kept: kept.map(|name| (name, Arc::clone(&gateway.containers))),
        session,
        timeout: request.policies.exec_timeout(),
        credential: gateway.sandbox_credential(&request.admitted.billed),
        at_once: gateway.tools.in_force().sandbox_url().is_some(),
    };
    let session = CodeSession::open(opening)
        .await
        .map_err(GatewayError::Sandbox)?;
    Ok((session, kinds))
}

/// `file_ids`, in the entry or in its container as OpenAI has it.
fn file_ids(entry: &Value) -> Vec<String> {
    let lists = [entry.get("file_ids"), entry.pointer("/container/file_ids")];
    let ids = lists.into_iter().flatten().filter_map(Value::as_array);
    let ids = ids.flatten().filter_map(Value::as_str).map(str::to_owned);
    ids.take(FILES_MAX).collect()
}

async fn stored(gateway: &Gateway, user: &UserId, id: &str) -> Result<GivenFile, GatewayError> {
    let (file, content) = gateway.files()?.read(user, id, FILE_BYTES_MAX).await?;
    Ok(GivenFile {
        name: file.filename,
        content,
    })
}

/// Puts the files of the conversation into the workspace. Documents are replaced by a word of where they are.
async fn take_files(
    gateway: &Gateway,
    user: &UserId,
    call: &mut Call,
    given: &mut Vec<GivenFile>,
) -> Result<(), GatewayError> {
    let parts = call.turns.iter_mut().flat_map(|turn| &mut turn.parts);
    for part in parts {
        let file = match &part.block {
            Block::Media(media) => match &media.source {
                Source::FileId(id) if is_file_id(id) => Some(stored(gateway, user, id).await?),
                Source::Data(data) => inline(media, data, given.len()),
                _ => None,
            },
            // Anthropic's way to say "into the container".
            Block::Unknown(unknown) => match upload(unknown.raw.get()) {
                Some(id) => Some(stored(gateway, user, &id).await?),
                None => None,
            },
            _ => None,
        };
        let Some(file) = file else { continue };
        if given.len() >= FILES_MAX {
            let text = format!("At most {FILES_MAX} files can go into the sandbox");
            return Err(GatewayError::InvalidRequest(text));
        }
        let is_picture = matches!(&part.block, Block::Media(media) if media.kind != MediaKind::File && !matches!(media.source, Source::FileId(_)));
        if !is_picture {
            let word = format!(
                "[The file {} is in the sandbox's working folder.]",
                file.name
            );
            *part = Part {
                block: Block::Text(word),
                cache: part.cache.take(),
            };
        }
        given.push(file);
    }
    Ok(())
}

fn inline(media: &Media, data: &str, number: usize) -> Option<GivenFile> {
    let content = Bytes::from(STANDARD.decode(data.trim()).ok()?);
    let name = media.filename.clone().unwrap_or_else(|| {
        let kind = media.mime.as_deref().unwrap_or_default();
        let ending = kind.rsplit(['/', '+']).next().unwrap_or_default();
        format!(
            "file{}.{}",
            number + 1,
            if ending.is_empty() { "bin" } else { ending }
        )
    });
    Some(GivenFile { name, content })
}

fn upload(block: &str) -> Option<String> {
    let block: Value = serde_json::from_str(block).ok()?;
    let is_upload = block.get("type").and_then(Value::as_str) == Some("container_upload");
    let id = block.get("file_id").and_then(Value::as_str);
    id.filter(|_| is_upload).map(str::to_owned)
}
