//! Who is calling: whoever the platform says the token belongs to. Here it is only carried.

use http::{HeaderMap, HeaderValue};
use otari_types::{Secret, UserId};

use crate::admit::{Admitted, Billed};
use crate::credentials::Credential;
use crate::error::GatewayError;
use crate::operator::to_hex;

/// What a caller presented, opaque to the gateway.
#[derive(Clone, Debug)]
pub(crate) struct UserToken(Secret);

impl UserToken {
    /// As a header's value that no log shows.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(self.0.expose()).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    pub(crate) fn secret(&self) -> &Secret {
        &self.0
    }
}

/// Lets everybody through who brings a token at all; `plan` learns whether it is good.
///
/// The header may be any that the SDKs send: Anthropic's and Google's have no other than their own.
pub(crate) fn admit(headers: &HeaderMap) -> Result<Admitted, GatewayError> {
    let credential = Credential::from_headers(headers);
    let Credential { token, hash } = credential.map_err(|_| GatewayError::MissingToken)?;
    // The platform's name for the user may be missing. The token's hash tells callers apart as well, where they keep
    // something here: a sandbox session, the signatures of a model's thoughts.
    let user = UserId::from(format!("token:{}", to_hex(&hash)));
    let token = UserToken(token);
    token.header().ok_or(GatewayError::MissingToken)?;
    Ok(Admitted::by_platform(Billed::by_platform(user, token)))
}
