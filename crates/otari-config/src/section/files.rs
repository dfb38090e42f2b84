//! Uploaded files and attachments.

use crate::section::section;
use crate::setting::Limit::AtLeast;
use crate::setting::choice;

choice! {
    /// Where uploaded bytes are kept.
    FilesBackend("`local` or `s3`") {
        /// A directory.
        Local = "local",
        /// An S3 bucket.
        S3 = "s3",
    }
}

choice! {
    /// What to do with an image for a model that cannot see.
    VisionStrategy("`describe`, `ocr` or `off`") {
        /// Let another model describe it.
        Describe = "describe",
        /// Read the text in it.
        Ocr = "ocr",
        /// Nothing.
        Off = "off",
    }
}

section! {
    /// Files.
    Files("Files") {
        /// Serve the files endpoints.
        files_enabled: bool = true;
        /// Where uploaded bytes are kept.
        files_backend: FilesBackend = FilesBackend::Local;
        /// Directory of the local backend.
        files_local_dir: String = "./otari-files".to_owned();
        /// Bucket of the s3 backend.
        files_s3_bucket: Option<String> = None;
        /// Address of an S3-compatible service other than AWS.
        files_s3_endpoint_url: Option<String> = None;
        /// Region of the bucket; `us-east-1` when unset.
        files_s3_region: Option<String> = None;
        /// Largest upload, in bytes.
        files_max_bytes: u64 = 512 * 1024 * 1024 => AtLeast(1.0);
        /// Most bytes of all files of one user; unset for no limit.
        files_user_max_bytes: Option<u64> = None => AtLeast(1.0);
        /// Hours until a file is deleted; unset for never.
        files_retention_hours: Option<u32> = None => AtLeast(1.0);
        /// Turn attachments into text for models that cannot read them.
        file_understanding_enabled: bool = true;
        /// What to do with an image for a model that cannot see.
        vision_strategy: VisionStrategy = VisionStrategy::Describe;
        /// The model that describes images.
        vision_describe_model: Option<String> = None;
        /// Longest description, in tokens.
        vision_describe_max_tokens: u32 = 1024 => AtLeast(1.0);
        /// Service that reads the text in images: gets an image by POST, answers `{"text": ...}` or plain text.
        vision_ocr_url: Option<String> = None;
        /// Program that reads documents, started with `__document-worker`; unset for the gateway's own.
        document_worker: Option<String> = None;
        /// Fetch attachments that are named by their address, for models that cannot take them.
        document_fetch_urls: bool = true;
        /// Let those addresses lead into private networks.
        document_allow_private_hosts: bool = false;
        /// Largest document that is read, in bytes.
        document_max_bytes: u32 = 32 * 1024 * 1024 => AtLeast(1.0);
        /// Most text taken from one document, in bytes.
        document_max_text_bytes: u32 = 1024 * 1024 => AtLeast(1024.0);
        /// Pages without text that are shown as images, of one document.
        document_max_page_images: u32 = 10 => AtLeast(0.0);
        /// Seconds reading one document may take.
        document_timeout_seconds: u32 = 30 => AtLeast(1.0);
        /// Memory that reading one document may take, in MiB.
        document_memory_mb: u32 = 512 => AtLeast(64.0);
        /// Documents read at the same moment; each by a process of its own.
        document_workers: u32 = 4 => AtLeast(1.0);
    }
}
