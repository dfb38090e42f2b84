//! Files in a bucket: small ones in one request, others in parts as their bytes arrive.

use bytes::{Bytes, BytesMut};
use otari_providers::{Bucket, PartedUpload};

use super::StorageError;

/// Bytes in a part, and in memory at a time. S3 takes parts of 5 MiB and more, ten thousand of them.
const PART_BYTES: usize = 8 * 1024 * 1024;

pub(super) fn key(id: &str) -> String {
    format!("files/{id}")
}

/// An object on its way in.
#[derive(Debug)]
pub(super) struct S3Write {
    key: String,
    /// `None` until a first part is full.
    upload: Option<PartedUpload>,
    part: BytesMut,
    whole: bool,
}

impl S3Write {
    pub(super) fn new(id: &str) -> Self {
        Self {
            key: key(id),
            upload: None,
            part: BytesMut::new(),
            whole: false,
        }
    }

    pub(super) async fn write(
        &mut self,
        bucket: &Bucket,
        mut bytes: Bytes,
    ) -> Result<(), StorageError> {
        while !bytes.is_empty() {
            // Filled to the brim, so that every part but the last is of one size: some storages insist.
            let room = PART_BYTES - self.part.len();
            let piece = bytes.split_to(room.min(bytes.len()));
            self.part.extend_from_slice(&piece);
            if self.part.len() == PART_BYTES {
                self.send_part(bucket).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn finish(&mut self, bucket: &Bucket) -> Result<(), StorageError> {
        if self.upload.is_none() {
            let whole = self.part.split().freeze();
            self.whole = true;
            return Ok(bucket.put(&self.key, whole).await?);
        }
        if !self.part.is_empty() {
            self.send_part(bucket).await?;
        }
        if let Some(upload) = &self.upload {
            self.whole = true;
            bucket.complete(&self.key, upload).await?;
        }
        Ok(())
    }

    pub(super) async fn discard(self, bucket: &Bucket) -> Result<(), StorageError> {
        if let Some(upload) = &self.upload {
            bucket.abort(&self.key, upload).await?;
        }
        if self.whole {
            bucket.delete(&self.key).await?;
        }
        Ok(())
    }

    async fn send_part(&mut self, bucket: &Bucket) -> Result<(), StorageError> {
        let upload = match &mut self.upload {
            Some(upload) => upload,
            none => none.insert(bucket.begin(&self.key).await?),
        };
        let part = self.part.split().freeze();
        Ok(bucket.put_part(&self.key, upload, part).await?)
    }
}
