//! The data plane: one walk for every inference call, `admit → plan → reserve → dispatch → relay → settle`, each a
//! function in a file of that name.
//!
//! Knows no HTTP framework and no SQL. A status code is the server's business; a table is the store's.

mod admit;
mod allow_list;
mod batches;
mod call;
mod caller;
mod chance;
mod client_body;
mod count;
pub mod credentials;
mod dispatch;
mod documents;
mod embed;
mod encoder;
mod error;
mod files;
mod form;
mod gateway;
mod guardrails;
mod health;
mod hybrid;
mod images;
mod in_flight;
mod inbound;
mod learned;
mod metrics;
pub mod models;
mod moderate;
mod operator;
mod pass;
mod plan;
mod prices;
mod rate_limit;
mod reasoning;
mod relay;
mod request;
mod rerank;
mod reserve;
mod sandboxes;
mod settings;
mod settle;
mod side_call;
mod speech;
mod target;
mod thread;
mod tokens;
mod tool_loop;
pub mod tools;
mod transcribe;
mod unit;
mod walk;

pub use allow_list::AllowList;
pub use batches::{BatchAnswers, BatchOptions, BatchesPage, RenderError};
pub use caller::{Caller, Callers};
pub use client_body::ClientBody;
pub use documents::{DocumentOptions, Takes, Worker};
pub use error::{FieldProblem, GatewayError, UpstreamFailure};
pub use files::{
    FileBytes, FileObject, Files, FilesOptions, FilesPage, NewFile, PURPOSES, StorageError, Upload,
};
pub use form::UploadForm;
pub use gateway::{Gateway, GatewayOptions};
pub use guardrails::{
    Blocked, GuardrailOptions, GuardrailTrial, ListedProfile, ListedProfiles, TrialError, Violation,
};
pub use health::BreakerSettings;
pub use hybrid::{
    FirstChunk, Platform, PlatformError, PlatformOptions, PlatformRefusal, SpoolOptions,
};
pub use in_flight::{InFlight, InFlightCall, PlatformIds, Underway};
pub use inbound::{Behalf, Inbound, Named, Origin, Reply, ReplyBody};
pub use learned::{Learned, LearnedOptions, Lesson, Pools, TeachError};
pub use metrics::{EndpointLabels, Metrics, RequestLabels};
pub use operator::{Operator, to_hex};
pub use otari_translate::Surface;
pub use pass::ByteStream;
pub use plan::{
    DropReason, Dropped, Explained, ExplainedCandidate, Explanation, Policies, Policy, Simulated,
    explain_configured,
};
pub use prices::{PricePoint, PriceSource, Prices, Quote, price_of};
pub use rate_limit::{RateLimiter, Window};
pub use relay::RelayStream;
pub use rerank::NO_RANKING;
pub use sandboxes::SandboxOptions;
pub use settings::{HotSettings, MissingUsagePolicy, SettingError, Settings, VisionStrategy};
pub use target::{Aliases, Target, Targets};
pub use thread::ItemsPage;
