//! A file whose bytes are still coming: counted as they do, and gone without a trace if they stop.

use std::sync::Arc;

use bytes::Bytes;
use otari_store::Store;
use otari_store::files::{self as rows, FileRow};

use crate::error::GatewayError;

use super::storage::{Place, Storage, Write};
use super::{FileObject, Files, NewFile, StorageError, names};

/// An upload under way. [`Upload::finish`] makes a file of it; dropped before, what was written is removed.
#[derive(Debug)]
pub struct Upload<'a> {
    files: &'a Files,
    leftovers: Leftovers,
    written: u64,
    limited: bool,
}

/// What there is to remove if the upload does not come to its end.
#[derive(Debug)]
struct Leftovers {
    id: String,
    place: Place,
    store: Store,
    storage: Arc<Storage>,
    /// `None` once nothing is left to remove.
    write: Option<Write>,
}

impl<'a> Upload<'a> {
    pub(super) async fn begin(files: &'a Files) -> Result<Self, GatewayError> {
        let id = names::new_id().map_err(|error| StorageError::Disk {
            action: "no random id for a file",
            source: error.into(),
        });
        let id = id.map_err(|error| failed("", error))?;
        let place = files.storage.place();
        rows::begin(&files.store, &id, place.as_str()).await?;
        let write = files.storage.begin(&id).await;
        let write = write.map_err(|error| failed(&id, error))?;
        Ok(Self {
            files,
            leftovers: Leftovers {
                id,
                place,
                store: files.store.clone(),
                storage: Arc::clone(&files.storage),
                write: Some(write),
            },
            written: 0,
            limited: true,
        })
    }

    pub(super) fn unlimited(self) -> Self {
        Self {
            limited: false,
            ..self
        }
    }

    /// What the file will be called by.
    pub fn id(&self) -> &str {
        &self.leftovers.id
    }

    /// Adds bytes; [`GatewayError::FileTooLarge`] as soon as they are too many.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), GatewayError> {
        let more = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.written = self.written.saturating_add(more);
        if self.limited && self.written > self.files.max_bytes {
            let max = usize::try_from(self.files.max_bytes).unwrap_or(usize::MAX);
            return Err(GatewayError::FileTooLarge { max });
        }
        let Some(write) = &mut self.leftovers.write else {
            return Ok(());
        };
        let written = self.leftovers.storage.write(write, bytes).await;
        written.map_err(|error| failed(&self.leftovers.id, error))
    }

    /// All bytes were written: from now on there is a file.
    pub async fn finish(mut self, new: NewFile) -> Result<FileObject, GatewayError> {
        let file = self.describe(new)?;
        self.check_room(&file).await?;
        if let Some(write) = &mut self.leftovers.write {
            let finished = self.leftovers.storage.finish(write).await;
            finished.map_err(|error| failed(&file.id, error))?;
        }
        let row = FileRow {
            id: file.id.clone(),
            user_id: file.owner.clone(),
            filename: file.filename.clone(),
            mime_type: file.mime_type.clone(),
            purpose: file.purpose.clone(),
            bytes: i64::try_from(file.bytes).unwrap_or(i64::MAX),
            storage: file.place.as_str().to_owned(),
            created_at: file.created_at,
            expires_at: file.expires_at,
        };
        rows::finish(&self.files.store, &row).await?;
        self.leftovers.write = None;
        Ok(file)
    }

    fn describe(&self, new: NewFile) -> Result<FileObject, GatewayError> {
        if self.written == 0 {
            return Err(GatewayError::InvalidRequest("The file is empty".to_owned()));
        }
        let filename = names::filename(&new.filename);
        let created_at = self.files.clock.now();
        Ok(FileObject {
            id: self.leftovers.id.clone(),
            owner: new.owner,
            mime_type: names::mime_type(new.mime_type.as_deref(), &filename),
            purpose: names::purpose(&new.purpose)?,
            bytes: self.written,
            created_at,
            expires_at: self.files.expiry(created_at, new.expires_after),
            place: self.leftovers.place,
            filename,
        })
    }

    async fn check_room(&self, file: &FileObject) -> Result<(), GatewayError> {
        let Some(max) = self.files.user_max_bytes.filter(|_| self.limited) else {
            return Ok(());
        };
        let used = rows::total_bytes(&self.files.store, &file.owner).await?;
        let used = u64::try_from(used).unwrap_or_default();
        if used.saturating_add(file.bytes) > max {
            return Err(GatewayError::FileSpaceExhausted { max });
        }
        Ok(())
    }
}

impl Leftovers {
    async fn remove(id: String, store: Store, storage: Arc<Storage>, write: Write) {
        let removed = async {
            rows::abandon(&store, &id).await?;
            let discarded = storage.discard(&id, write).await;
            discarded.map_err(GatewayError::Storage)?;
            rows::forget(&store, &id).await?;
            Ok::<_, GatewayError>(())
        };
        if let Err(error) = removed.await {
            tracing::warn!(%error, id, "what is left of an upload is left to the sweeper");
        }
    }
}

impl Drop for Leftovers {
    fn drop(&mut self) {
        let Some(write) = self.write.take() else {
            return;
        };
        let (store, storage) = (self.store.clone(), Arc::clone(&self.storage));
        let id = std::mem::take(&mut self.id);
        // At the end of the process the sweeper of the next one finds it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(Self::remove(id, store, storage, write));
        }
    }
}

fn failed(id: &str, error: StorageError) -> GatewayError {
    tracing::error!(%error, id, "a file cannot be written");
    GatewayError::Storage(error)
}
