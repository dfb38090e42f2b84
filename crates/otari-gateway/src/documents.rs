//! Attachments for models that cannot take them: documents become text, images are described.
//!
//! Decided for each attempt anew, since the next candidate may be a model that can. What was made of an attachment is
//! remembered by its content, for the other attempts and for the turns that send it again.

mod ability;
mod extractor;
mod image;
mod limits;
mod part;
mod piece;
mod source;
mod understand;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use moka::sync::Cache;
use otari_documents::{Document, Label, Limits, Segment};
use otari_tools::GuardedClient;
use otari_tools::url_guard::{UrlGuard, UrlPolicy};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

pub use ability::Takes;
pub use extractor::Worker;
pub(crate) use understand::{Understanding, Understood};

use extractor::Unreadable;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// What is remembered of documents, in bytes of text and pictures.
const KEPT_BYTES_MAX: u64 = 64 * 1024 * 1024;
const KEPT_FOR: Duration = Duration::from_hours(1);
/// More takes a millisecond to hash.
const INLINE_BYTES_MAX: usize = 512 * 1024;
const CAPTIONS_MAX: u64 = 10_000;

/// How attachments are read.
#[derive(Clone, Debug)]
pub struct DocumentOptions {
    pub worker: Worker,
    pub limits: Limits,
    /// Documents read at the same moment.
    pub at_once: usize,
    /// Attachments that are named by their address are fetched.
    pub fetch_urls: bool,
    /// Addresses of callers may lead into private networks.
    pub allow_private_hosts: bool,
    /// A service that reads the text in images.
    pub ocr_url: Option<String>,
    /// What models take, by the operator's word: `instance:model` and its other spellings, or the bare model.
    pub takes: HashMap<String, Takes>,
}

/// SHA-256 of bytes, and of what is said of them.
type Print = [u8; 32];

/// Reads attachments.
#[derive(Debug)]
pub(crate) struct Documents {
    options: DocumentOptions,
    room: Semaphore,
    read: Cache<Print, Arc<Result<Document, Unreadable>>>,
    /// What was said of an image: by the caller it was said for, the model and its limit.
    captions: Cache<Print, Arc<str>>,
    guarded: GuardedClient,
    /// For addresses of the operator's.
    trusted: GuardedClient,
}

impl Documents {
    pub(crate) fn new(options: DocumentOptions) -> Self {
        let guarded = UrlPolicy {
            allow_private: options.allow_private_hosts,
            ..UrlPolicy::default()
        };
        let client = |policy| GuardedClient::new(UrlGuard::new(policy), CONNECT_TIMEOUT);
        let read = Cache::builder()
            .weigher(|_, read: &Arc<Result<Document, Unreadable>>| weight(read))
            .max_capacity(KEPT_BYTES_MAX)
            .time_to_live(KEPT_FOR);
        let captions = Cache::builder()
            .max_capacity(CAPTIONS_MAX)
            .time_to_live(KEPT_FOR);
        Self {
            room: Semaphore::new(options.at_once),
            read: read.build(),
            captions: captions.build(),
            guarded: client(guarded),
            trusted: client(UrlPolicy::operator()),
            options,
        }
    }

    /// What a document says, or why that cannot be told.
    async fn read(&self, bytes: &Bytes, label: &Label) -> Arc<Result<Document, Unreadable>> {
        let name = label.filename.as_deref().unwrap_or_default();
        let mime = label.mime_type.as_deref().unwrap_or_default();
        let print = print_of(bytes.clone(), [name.to_owned(), mime.to_owned()]).await;
        if let Some(known) = print.and_then(|print| self.read.get(&print)) {
            return known;
        }
        let read = Arc::new(self.extract(bytes, label).await);
        // That it took too long may be the hour's fault, not the document's.
        let lasts = !matches!(&*read, Err(unreadable) if unreadable.passing);
        if let Some(print) = print.filter(|_| lasts) {
            self.read.insert(print, Arc::clone(&read));
        }
        read
    }
}

/// On a thread that has time where it takes some.
async fn print_of(bytes: Bytes, said: [String; 2]) -> Option<Print> {
    let [name, mime] = said;
    let small = bytes.len() <= INLINE_BYTES_MAX;
    let hash = move || print(&[&bytes, name.as_bytes(), mime.as_bytes()]);
    if small {
        return Some(hash());
    }
    tokio::task::spawn_blocking(hash).await.ok()
}

fn print(parts: &[&[u8]]) -> Print {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

fn weight(read: &Result<Document, Unreadable>) -> u32 {
    const BESIDE: usize = 256;
    let bytes = match read {
        Ok(document) => document
            .segments
            .iter()
            .map(|segment| match segment {
                Segment::Text(text) => text.len(),
                Segment::Page { jpeg, .. } => jpeg.len(),
            })
            .sum(),
        Err(_) => 0,
    };
    u32::try_from(bytes.saturating_add(BESIDE)).unwrap_or(u32::MAX)
}
