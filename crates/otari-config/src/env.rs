//! Every environment variable that is not simply `OTARI_` + a configuration key: one documented constant each.
//!
//! The variables of scalar keys follow from their fields (see [`crate::fields`]); these do not.

/// An environment variable and what it is for.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    pub name: &'static str,
    pub doc: &'static str,
    pub secret: bool,
}

/// Prefix of the variables that set scalar keys: `OTARI_PORT` sets `port`.
pub const PREFIX: &str = "OTARI_";
/// Prefix of an earlier naming; read where the `OTARI_` variable is not set, with a warning.
pub const OLD_PREFIX: &str = "GATEWAY_";

macro_rules! variables {
    ($( $(#[doc = $doc:literal])+ $name:ident $($secret:ident)? ; )+) => {
        $( $(#[doc = $doc])+ pub const $name: &str = stringify!($name); )+

        /// All of them, in the order of the reference page.
        pub const ALL: &[Variable] = &[$( Variable {
            name: $name,
            doc: concat!($($doc),+),
            secret: variables!(@secret $($secret)?),
        } ),+];
    };
    (@secret secret) => { true };
    (@secret) => { false };
}

variables! {
    /// A whole configuration as YAML text, merged deeply over the file.
    OTARI_CONFIG_YAML secret;
    /// The same as base64; white space inside is ignored. `OTARI_CONFIG_YAML` wins when both are set.
    OTARI_CONFIG_B64 secret;
    /// Key or keys (comma-separated) that seal stored credentials. Each is 32 bytes as URL-safe base64, as
    /// `otari gen-secret-key` prints. The first seals, all open.
    OTARI_SECRET_KEY secret;
    /// The token of a hosted control plane. Set, and without an explicit `mode`, Otari starts in hybrid mode.
    OTARI_AI_TOKEN secret;
    /// The version to show in place of the built-in one.
    OTARI_VERSION;
    /// The database, as platforms inject it. Outranks `OTARI_DATABASE_URL` and the file; only `--database-url` is above it.
    DATABASE_URL secret;
}
