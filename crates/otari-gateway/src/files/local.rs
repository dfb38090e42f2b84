//! Files in a folder: `<folder>/<first two digits>/<id>`. Ids are ours alone, so that no name leads elsewhere.

use std::io::{self, ErrorKind, SeekFrom};
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use super::StorageError;

/// A file read in pieces of this many bytes.
const PIECE: usize = 256 * 1024;
/// Only the gateway's own user reads them.
const MODE: u32 = 0o600;
/// A folder that is removed because it is empty may be the one a new file is about to use.
const ATTEMPTS: u32 = 5;

#[derive(Debug)]
pub(super) struct Folder(PathBuf);

#[derive(Debug)]
pub(super) struct LocalWrite {
    file: File,
    /// To be made durable with the file in it.
    shard: PathBuf,
}

#[derive(Debug)]
pub(super) struct LocalRead(File);

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) async fn create(&self, id: &str) -> Result<LocalWrite, StorageError> {
        let shard = self.shard(id);
        let mut attempt = 0;
        loop {
            attempt += 1;
            fs::create_dir_all(&shard)
                .await
                .map_err(disk("a folder for files cannot be made"))?;
            let mut options = OpenOptions::new();
            options.write(true).create_new(true).mode(MODE);
            match options.open(shard.join(id)).await {
                Err(error) if error.kind() == ErrorKind::NotFound && attempt < ATTEMPTS => {}
                opened => {
                    let file = opened.map_err(disk("a file cannot be made"))?;
                    return Ok(LocalWrite { file, shard });
                }
            }
        }
    }

    /// Bytes from `first` on, of a file that has at least `last + 1`.
    pub(super) async fn open(
        &self,
        id: &str,
        first: u64,
        last: u64,
    ) -> Result<LocalRead, StorageError> {
        let opened = File::open(self.shard(id).join(id)).await;
        let mut file = opened.map_err(disk("a file cannot be opened"))?;
        let there = file.metadata().await;
        let there = there.map_err(disk("a file cannot be read"))?.len();
        if there <= last {
            return Err(StorageError::Incomplete);
        }
        if first > 0 {
            file.seek(SeekFrom::Start(first))
                .await
                .map_err(disk("a file cannot be read"))?;
        }
        Ok(LocalRead(file))
    }

    pub(super) async fn remove(&self, id: &str) -> Result<(), StorageError> {
        let shard = self.shard(id);
        match fs::remove_file(shard.join(id)).await {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(disk("a file cannot be removed")(error));
            }
            _ => {}
        }
        // Only an empty folder goes.
        let _ = fs::remove_dir(shard).await;
        Ok(())
    }

    fn shard(&self, id: &str) -> PathBuf {
        let digits = id.split_once('-').map_or(id, |(_, digits)| digits);
        self.0.join(digits.get(..2).unwrap_or("00"))
    }
}

impl LocalWrite {
    pub(super) async fn write(&mut self, bytes: &Bytes) -> Result<(), StorageError> {
        let written = self.file.write_all(bytes).await;
        written.map_err(disk("a file cannot be written"))
    }

    pub(super) async fn finish(&mut self) -> Result<(), StorageError> {
        let failed = disk("a file cannot be written");
        self.file.flush().await.map_err(failed)?;
        self.file.sync_all().await.map_err(failed)?;
        sync_folder(&self.shard).await.map_err(failed)
    }
}

impl LocalRead {
    pub(super) async fn next(&mut self, left: u64) -> Result<Option<Bytes>, StorageError> {
        let size = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        let mut piece = BytesMut::with_capacity(size);
        let mut source = (&mut self.0).take(left);
        let read = source.read_buf(&mut piece).await;
        match read.map_err(disk("a file cannot be read"))? {
            0 => Ok(None),
            _ => Ok(Some(piece.freeze())),
        }
    }
}

async fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder).await?.sync_all().await
}

fn disk(action: &'static str) -> impl Fn(io::Error) -> StorageError + Copy {
    move |source| StorageError::Disk { action, source }
}
