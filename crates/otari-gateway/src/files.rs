//! Files: uploaded by callers or produced for them, kept for their owner until they expire.
//!
//! The row of a file is written before its bytes and deleted after them, so that whatever a crash leaves behind is
//! found by the sweeper.

mod local;
mod names;
mod s3;
mod storage;
mod sweep;
mod upload;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use otari_providers::{Bucket, BucketError, BucketOptions, UpstreamError};
use otari_store::files::{self as rows, FileRow};
use otari_store::{Order, Page, Store};
use otari_types::{Clock, Timestamp, UserId};

use crate::error::GatewayError;

pub use names::PURPOSES;
pub(crate) use names::is_id as is_file_id;
pub use storage::FileBytes;
pub use upload::Upload;

use storage::{Place, Storage};

/// Longest file name kept, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// How files are kept.
#[derive(Debug)]
pub struct FilesOptions {
    /// Folder of the local storage; read from even where new files go to a bucket.
    pub folder: PathBuf,
    /// `Some`: new files go there.
    pub bucket: Option<BucketOptions>,
    /// Largest file, in bytes.
    pub max_bytes: u64,
    /// Most bytes of all files of one user; `None` is no limit.
    pub user_max_bytes: Option<u64>,
    /// How long files are kept; `None` is for ever.
    pub retention: Option<Duration>,
}

/// The files of all users.
#[derive(Debug)]
pub struct Files {
    store: Store,
    clock: Arc<dyn Clock>,
    storage: Arc<Storage>,
    max_bytes: u64,
    user_max_bytes: Option<u64>,
    retention: Option<Duration>,
}

/// A file as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileObject {
    /// `file-` and 32 hexadecimal digits.
    pub id: String,
    pub owner: UserId,
    pub filename: String,
    pub mime_type: String,
    pub purpose: String,
    pub bytes: u64,
    pub created_at: Timestamp,
    /// `None`: never.
    pub expires_at: Option<Timestamp>,
    place: Place,
}

/// What a file is to be called and whose it is.
#[derive(Clone, Debug)]
pub struct NewFile {
    pub owner: UserId,
    /// Folders in it are dropped.
    pub filename: String,
    /// One of OpenAI's, or a word of the caller's own.
    pub purpose: String,
    /// `None`: guessed from the name.
    pub mime_type: Option<String>,
    /// Sooner than the retention of the deployment, if it is.
    pub expires_after: Option<Duration>,
}

/// A part of a user's files.
#[derive(Clone, Debug)]
pub struct FilesPage {
    pub purpose: Option<String>,
    pub limit: u32,
    pub order: Order,
    /// Goes on after this file.
    pub after: Option<String>,
    /// Ends before this file. Not together with `after`.
    pub before: Option<String>,
}

/// Why bytes could not be written or read; for the log.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    #[error("{action}: {source}")]
    Disk {
        action: &'static str,
        source: std::io::Error,
    },
    #[error(transparent)]
    Bucket(#[from] BucketError),
    #[error("the object storage's answer broke off: {}", .0.message.as_deref().unwrap_or("no reason given"))]
    Download(UpstreamError),
    #[error("the bytes of a file are not as many as were written")]
    Incomplete,
    #[error("a file is in a bucket, but no bucket is configured")]
    NoBucket,
}

impl Files {
    pub fn new(
        options: FilesOptions,
        store: Store,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, BucketError> {
        let bucket = options.bucket.map(Bucket::new).transpose()?;
        Ok(Self {
            store,
            clock,
            storage: Arc::new(Storage::new(options.folder, bucket)),
            max_bytes: options.max_bytes,
            user_max_bytes: options.user_max_bytes,
            retention: options.retention,
        })
    }

    /// Keeps bytes that are at hand.
    pub async fn create(&self, new: NewFile, bytes: Bytes) -> Result<FileObject, GatewayError> {
        let mut upload = self.begin().await?;
        upload.write(bytes).await?;
        upload.finish(new).await
    }

    /// Begins a file whose bytes come piece by piece. Dropped before its end, it leaves nothing.
    pub async fn begin(&self) -> Result<Upload<'_>, GatewayError> {
        Upload::begin(self).await
    }

    /// As [`Files::begin`], for what the gateway makes itself: limits on what callers upload do not apply.
    pub(crate) async fn begin_own(&self) -> Result<Upload<'_>, GatewayError> {
        Ok(self.begin().await?.unlimited())
    }

    /// A user's own file; unknown, expired, deleted and foreign ones are all not found.
    pub async fn get(&self, owner: &UserId, id: &str) -> Result<FileObject, GatewayError> {
        let row = if is_file_id(id) {
            rows::get(&self.store, id, owner).await?
        } else {
            None
        };
        let row = row.ok_or_else(|| GatewayError::FileNotFound(id.to_owned()))?;
        FileObject::of(row)
    }

    /// The bytes of a file, or those of an inclusive range, as a stream. They are known to be there.
    pub async fn open(
        &self,
        file: &FileObject,
        range: Option<(u64, u64)>,
    ) -> Result<FileBytes, GatewayError> {
        let (first, last) = range.unwrap_or((0, file.bytes.saturating_sub(1)));
        let opened = self.storage.open(file.place, &file.id, first, last).await;
        opened.map_err(|error| lost(&file.id, error))
    }

    /// A file with all its bytes; more than `max` of them are [`GatewayError::FileTooLarge`].
    pub async fn read(
        &self,
        owner: &UserId,
        id: &str,
        max: usize,
    ) -> Result<(FileObject, Bytes), GatewayError> {
        let file = self.get(owner, id).await?;
        let length = usize::try_from(file.bytes).unwrap_or(usize::MAX);
        if length > max {
            return Err(GatewayError::FileTooLarge { max });
        }
        let mut bytes = self.open(&file, None).await?;
        let mut whole = BytesMut::with_capacity(length);
        while let Some(chunk) = bytes.next().await.map_err(|error| lost(id, error))? {
            whole.extend_from_slice(&chunk);
        }
        Ok((file, whole.freeze()))
    }

    /// A page of a user's files, and whether there are more in its direction.
    pub async fn list(
        &self,
        owner: &UserId,
        page: &FilesPage,
    ) -> Result<(Vec<FileObject>, bool), GatewayError> {
        let backwards = page.before.is_some() && page.after.is_none();
        let order = match (page.order, backwards) {
            (order, false) => order,
            (Order::NewestFirst, true) => Order::OldestFirst,
            (Order::OldestFirst, true) => Order::NewestFirst,
        };
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let one_more = i64::from(page.limit) + 1;
        let place = match page.after.as_deref().or(page.before.as_deref()) {
            None => Page::skip(0, one_more),
            Some(id) => {
                let place = rows::place(&self.store, id, owner).await?;
                let place = place.ok_or_else(|| GatewayError::FileNotFound(id.to_owned()))?;
                Page::after(place, one_more)
            }
        };
        let purpose = page.purpose.as_deref();
        let mut found = rows::list(&self.store, owner, purpose, &place, order).await?;
        let has_more = found.len() > limit;
        found.truncate(limit);
        if backwards {
            found.reverse();
        }
        let files: Result<Vec<_>, _> = found.into_iter().map(FileObject::of).collect();
        Ok((files?, has_more))
    }

    /// Deletes a user's file. The row goes out of sight first; if its bytes cannot go now, the sweeper tries again.
    pub async fn delete(&self, owner: &UserId, id: &str) -> Result<(), GatewayError> {
        let file = self.get(owner, id).await?;
        if !rows::delete(&self.store, id, owner).await? {
            return Err(GatewayError::FileNotFound(id.to_owned()));
        }
        match self.storage.remove(file.place, id).await {
            Ok(()) => rows::forget(&self.store, id).await?,
            Err(error) => {
                tracing::warn!(%error, id, "the bytes of a deleted file are left to the sweeper");
            }
        }
        Ok(())
    }

    /// Largest file, in bytes.
    pub fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    fn expiry(&self, created_at: Timestamp, asked: Option<Duration>) -> Option<Timestamp> {
        let life = match (self.retention, asked) {
            (Some(retention), Some(asked)) => retention.min(asked),
            (retention, asked) => retention.or(asked)?,
        };
        Some(created_at.plus_secs(i64::try_from(life.as_secs()).unwrap_or(i64::MAX)))
    }
}

impl FileObject {
    fn of(row: FileRow) -> Result<Self, GatewayError> {
        let place = Place::parse(&row.storage).ok_or(StorageError::NoBucket);
        Ok(Self {
            place: place.map_err(|error| lost(&row.id, error))?,
            owner: row.user_id,
            filename: row.filename,
            mime_type: row.mime_type,
            purpose: row.purpose,
            bytes: u64::try_from(row.bytes).unwrap_or_default(),
            created_at: row.created_at,
            expires_at: row.expires_at,
            id: row.id,
        })
    }
}

/// The row is there and the bytes are not to be had.
fn lost(id: &str, error: StorageError) -> GatewayError {
    tracing::error!(%error, id, "a file cannot be read");
    GatewayError::Storage(error)
}
