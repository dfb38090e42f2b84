//! Credentials on their way into the database: sealed for their row, and shown by their end.

use otari_store::{SealError, Sealer};
use otari_types::Secret;

use crate::error::ApiError;
use crate::state::App;

const SHOWN_CHARS: usize = 4;

/// What seals, or the refusal that says how to have it.
pub(crate) fn sealer(app: &App) -> Result<&Sealer, ApiError> {
    let sealer = app.gateway.tools.sealer();
    sealer.ok_or_else(|| {
        ApiError::bad_request(
            "Credentials can be stored only with OTARI_SECRET_KEY set; make one with `otari gen-secret-key`",
        )
    })
}

/// A secret as it is stored for a row; nothing stays nothing.
pub(crate) fn seal(
    app: &App,
    table: &str,
    row: &str,
    secret: Option<&Secret>,
) -> Result<Option<String>, ApiError> {
    let Some(secret) = secret else {
        return Ok(None);
    };
    let sealed = sealer(app)?.seal(table, row, secret);
    sealed.map(Some).map_err(|error: SealError| {
        tracing::error!(%error, "a secret cannot be sealed");
        ApiError::internal()
    })
}

/// Whether a stored secret can be used; none needs no key.
pub(crate) fn opens(app: &App, table: &str, row: &str, sealed: Option<&str>) -> bool {
    let Some(sealed) = sealed else { return true };
    let sealer = app.gateway.tools.sealer();
    sealer.is_some_and(|sealer| sealer.open(table, row, sealed).is_ok())
}

/// The end of a secret that is long enough to be known by it.
pub(crate) fn last4(secret: &Secret) -> String {
    let chars: Vec<char> = secret.expose().chars().collect();
    let from = chars.len().saturating_sub(SHOWN_CHARS);
    let long = chars.len() >= SHOWN_CHARS * 2;
    let shown = chars.get(from..).filter(|_| long);
    shown.unwrap_or_default().iter().collect()
}
