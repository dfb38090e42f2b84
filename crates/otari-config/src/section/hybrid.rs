//! Standalone, or connected to a hosted control plane.

use crate::problem::Report;
use crate::section::{Section, section};
use crate::setting::Limit::AtLeast;
use crate::setting::{Map, Reader, Setting, choice};
use serde_json::Value;

choice! {
    /// Who answers for keys and budgets.
    Mode("`standalone` or `hybrid`") {
        /// This deployment's own database.
        Standalone = "standalone",
        /// A hosted control plane.
        Hybrid = "hybrid" | "platform",
    }
}

section! {
    /// The mode of operation.
    Operation("Mode") {
        /// Who answers for keys and budgets. Unset: `hybrid` when `OTARI_AI_TOKEN` is set, else `standalone`.
        mode: Option<Mode> = None;
        /// Settings of hybrid mode, see below.
        platform: Platform = Platform::default();
    }
}

section! {
    /// The hosted control plane of hybrid mode: the keys below `platform`.
    Platform("Hybrid mode (`platform`)") {
        /// Address of the control plane's API.
        base_url: String = "https://api.otari.ai/api/v1".to_owned(), env "PLATFORM_BASE_URL";
        /// Address of its management pages, for links.
        management_url: String = "https://otari.ai".to_owned(), env "PLATFORM_MANAGEMENT_URL";
        /// Path of its health check, below the base address.
        health_path: String = "/utils/health-check/".to_owned(), env "PLATFORM_HEALTH_PATH";
        /// Milliseconds to resolve a model and its credentials.
        resolve_timeout_ms: u32 = 5000 => AtLeast(1.0), env "PLATFORM_RESOLVE_TIMEOUT_MS";
        /// Milliseconds for a usage report.
        usage_timeout_ms: u32 = 5000 => AtLeast(1.0), env "PLATFORM_USAGE_TIMEOUT_MS";
        /// Milliseconds an answer waits for its usage report.
        usage_inline_timeout_ms: u32 = 1500 => AtLeast(1.0), env "PLATFORM_USAGE_INLINE_TIMEOUT_MS";
        /// Quick tries of a usage report before it counts as late; it is sent until it is taken.
        usage_max_retries: u32 = 3, env "PLATFORM_USAGE_MAX_RETRIES";
        /// Directory in which usage reports are kept until they are taken, so that a process that is killed loses none. Unset: in memory only.
        usage_spool_dir: Option<String> = None, env "PLATFORM_USAGE_SPOOL_DIR";
        /// Megabytes of reports kept there; near that, new calls are refused (see `journal_unwritable`).
        usage_spool_max_mb: u32 = 256 => AtLeast(1.0), env "PLATFORM_USAGE_SPOOL_MAX_MB";
        /// Milliseconds until a stream's first chunk before the next attempt starts. Unset: 2000, but no limit where no other attempt follows.
        streaming_first_chunk_timeout_ms: Option<u32> = None => AtLeast(1.0), env "STREAMING_FALLBACK_FIRST_CHUNK_TIMEOUT_MS";
        /// The same while the gateway runs tools. Unset: 30000, but no limit where no other attempt follows.
        streaming_first_chunk_timeout_ms_tool_loop: Option<u32> = None => AtLeast(1.0), env "STREAMING_FALLBACK_FIRST_CHUNK_TIMEOUT_MS_TOOL_LOOP";
        /// Milliseconds more for the last attempt; with it, the limits above hold there in any case.
        streaming_final_attempt_extra_first_chunk_timeout_ms: u32 = 0, env "STREAMING_FALLBACK_FINAL_ATTEMPT_EXTRA_FIRST_CHUNK_TIMEOUT_MS";
    }
}

impl Setting for Platform {
    const TYPE: &'static str = "a mapping";
    const SCALAR: bool = false;

    fn read(value: &Value, path: &str, report: &mut Report) -> Option<Self> {
        let map = Map::read(value, path, report)?;
        let mut reader = Reader::new(&map, path, report);
        let platform = <Self as Section>::read(&mut reader);
        reader.warn_of_unknown_keys();
        Some(platform)
    }

    fn show(&self) -> Value {
        Section::show(self)
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect()
    }
}
