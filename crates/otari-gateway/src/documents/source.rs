//! Getting an attachment's bytes: out of the request, from the caller's files, from its address.

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use otari_types::UserId;

use super::Documents;
use super::limits::fetching;
use super::piece::{Piece, Source};
use crate::Gateway;
use crate::files::is_file_id;

/// An attachment at hand.
#[derive(Clone, Debug)]
pub(super) struct AtHand {
    pub(super) data: Bytes,
    pub(super) filename: Option<String>,
    pub(super) mime_type: Option<String>,
}

/// Why it is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotAtHand {
    /// It names a file that is not the caller's; perhaps the provider knows it.
    UnknownFile,
    Because(String),
}

pub(super) async fn get(
    gateway: &Gateway,
    documents: &Documents,
    user: &UserId,
    piece: &Piece,
    max: usize,
) -> Result<AtHand, NotAtHand> {
    let given = |data: Bytes| AtHand {
        data,
        filename: piece.filename.clone(),
        mime_type: piece.mime_type.clone(),
    };
    match &piece.source {
        Source::Data(data) => Ok(given(data.clone())),
        Source::Text(text) => Ok(given(Bytes::copy_from_slice(text.as_bytes()))),
        Source::Broken => Err(because("its base64 is broken")),
        Source::FileId(id) => stored(gateway, user, id, max).await,
        Source::Url(url) if documents.options.fetch_urls => fetched(documents, url, max).await,
        Source::Url(_) => Err(because(
            "attachments are not fetched from their addresses here",
        )),
    }
}

pub(super) async fn stored(
    gateway: &Gateway,
    user: &UserId,
    id: &str,
    max: usize,
) -> Result<AtHand, NotAtHand> {
    let files = gateway.files().map_err(|_| NotAtHand::UnknownFile)?;
    if !is_file_id(id) {
        return Err(NotAtHand::UnknownFile);
    }
    match files.read(user, id, max).await {
        Ok((file, data)) => Ok(AtHand {
            data,
            filename: Some(file.filename),
            mime_type: Some(file.mime_type),
        }),
        Err(crate::GatewayError::FileNotFound(_)) => Err(NotAtHand::UnknownFile),
        Err(error) => Err(because(&error.to_string())),
    }
}

async fn fetched(documents: &Documents, url: &str, max: usize) -> Result<AtHand, NotAtHand> {
    let told = |error: otari_tools::HttpError| because(&error.to_string());
    let received = documents
        .guarded
        .get(url, HeaderMap::new(), fetching(max))
        .await
        .map_err(told)?;
    if !received.status.is_success() {
        let text = format!("its address answers {}", received.status);
        return Err(because(&text));
    }
    let mime_type = received.headers.get(CONTENT_TYPE);
    let mime_type = mime_type.and_then(|value| value.to_str().ok());
    let mime_type = mime_type.map(str::to_owned);
    let last = received.url.path_segments().and_then(Iterator::last);
    let filename = last.filter(|name| !name.is_empty()).map(str::to_owned);
    Ok(AtHand {
        data: received.body.collect().await.map_err(told)?,
        filename,
        mime_type,
    })
}

fn because(text: &str) -> NotAtHand {
    NotAtHand::Because(text.to_owned())
}
