//! Where bytes are: a folder or a bucket. A file stays where it was written, whichever is configured by now.

use std::path::PathBuf;

use bytes::Bytes;
use otari_providers::{Bucket, UpstreamBody};

use super::StorageError;
use super::local::{Folder, LocalRead, LocalWrite};
use super::s3::{S3Write, key};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Local,
    S3,
}

impl Place {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::S3 => "s3",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Local, Self::S3]
            .into_iter()
            .find(|place| place.as_str() == text)
    }
}

#[derive(Debug)]
pub(super) struct Storage {
    folder: Folder,
    bucket: Option<Bucket>,
}

/// Bytes on their way in.
#[derive(Debug)]
pub(super) enum Write {
    Local(LocalWrite),
    S3(S3Write),
}

/// Bytes on their way out, exactly as many as were promised.
#[derive(Debug)]
pub struct FileBytes {
    source: Source,
    left: u64,
}

#[derive(Debug)]
enum Source {
    Local(LocalRead),
    S3(Box<UpstreamBody>),
    Empty,
}

impl Storage {
    pub(super) fn new(folder: PathBuf, bucket: Option<Bucket>) -> Self {
        Self {
            folder: Folder::new(folder),
            bucket,
        }
    }

    /// Where new files go.
    pub(super) fn place(&self) -> Place {
        match self.bucket {
            Some(_) => Place::S3,
            None => Place::Local,
        }
    }

    pub(super) async fn begin(&self, id: &str) -> Result<Write, StorageError> {
        Ok(match self.place() {
            Place::Local => Write::Local(self.folder.create(id).await?),
            Place::S3 => Write::S3(S3Write::new(id)),
        })
    }

    pub(super) async fn write(&self, write: &mut Write, bytes: Bytes) -> Result<(), StorageError> {
        match write {
            Write::Local(file) => file.write(&bytes).await,
            Write::S3(object) => object.write(self.bucket()?, bytes).await,
        }
    }

    /// When this returns, the bytes outlive a power cut.
    pub(super) async fn finish(&self, write: &mut Write) -> Result<(), StorageError> {
        match write {
            Write::Local(file) => file.finish().await,
            Write::S3(object) => object.finish(self.bucket()?).await,
        }
    }

    /// Removes what was written of a file that will not be.
    pub(super) async fn discard(&self, id: &str, write: Write) -> Result<(), StorageError> {
        match write {
            Write::Local(file) => {
                drop(file);
                self.folder.remove(id).await
            }
            Write::S3(object) => object.discard(self.bucket()?).await,
        }
    }

    /// Bytes `first` to `last`, both included; of an empty file none.
    pub(super) async fn open(
        &self,
        place: Place,
        id: &str,
        first: u64,
        last: u64,
    ) -> Result<FileBytes, StorageError> {
        let left = (last + 1).saturating_sub(first);
        let source = match place {
            Place::Local => Source::Local(self.folder.open(id, first, last).await?),
            Place::S3 => {
                let range = Some((first, last));
                Source::S3(Box::new(self.bucket()?.get(&key(id), range).await?))
            }
        };
        Ok(FileBytes { source, left })
    }

    /// Removes a file's bytes; none there is as good.
    pub(super) async fn remove(&self, place: Place, id: &str) -> Result<(), StorageError> {
        match place {
            Place::Local => self.folder.remove(id).await,
            Place::S3 => Ok(self.bucket()?.delete(&key(id)).await?),
        }
    }

    /// As [`Storage::remove`], and what an upload left that was cut short.
    pub(super) async fn sweep(&self, place: Place, id: &str) -> Result<(), StorageError> {
        if place == Place::S3 {
            let aborted = self.bucket()?.abort_all(&key(id)).await;
            if let Err(error) = aborted {
                // Not every storage lists uploads; those that do not expire them.
                tracing::debug!(%error, id, "unfinished uploads cannot be listed");
            }
        }
        self.remove(place, id).await
    }

    fn bucket(&self) -> Result<&Bucket, StorageError> {
        self.bucket.as_ref().ok_or(StorageError::NoBucket)
    }
}

impl FileBytes {
    /// The next piece; `None` once all were given.
    pub async fn next(&mut self) -> Result<Option<Bytes>, StorageError> {
        let chunk = match &mut self.source {
            _ if self.left == 0 => None,
            Source::Local(file) => file.next(self.left).await?,
            Source::S3(body) => body.next_chunk().await.map_err(StorageError::Download)?,
            Source::Empty => None,
        };
        let Some(chunk) = chunk else {
            self.source = Source::Empty;
            return match self.left {
                0 => Ok(None),
                _ => Err(StorageError::Incomplete),
            };
        };
        let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        self.left = self
            .left
            .checked_sub(length)
            .ok_or(StorageError::Incomplete)?;
        Ok(Some(chunk))
    }

    /// Bytes that are still to come.
    pub fn left(&self) -> u64 {
        self.left
    }
}
