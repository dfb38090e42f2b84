//! Where Otari listens, how large a request may be, and how it stops.

use crate::section::section;
use crate::setting::Limit::{AtLeast, Between};

section! {
    /// The HTTP server.
    Server("Server") {
        /// Address to listen on.
        host: String = "0.0.0.0".to_owned();
        /// TCP port to listen on.
        port: u16 = 8000;
        /// Largest request body accepted, in bytes. File and audio uploads have limits of their own.
        max_body_bytes: u64 = 32 * 1024 * 1024 => AtLeast(1024.0);
        /// How long running requests may take to finish after the first stop signal, in seconds.
        shutdown_timeout_seconds: u32 = 30 => Between(0.0, 3600.0);
        /// Milliseconds of silence after which a stream gets a keep-alive; 0 turns them off.
        streaming_keepalive_interval_ms: u32 = 15_000;
        /// Serve `/docs`, `/redoc` and `/openapi.json`.
        enable_docs: bool = true;
        /// Otari's own address as clients see it; needed for links in mail.
        public_base_url: Option<String> = None;
    }
}
