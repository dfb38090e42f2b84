//! The credential of a request, from the first header that carries one.

use http::{HeaderMap, header};
use otari_types::Secret;
use sha2::{Digest, Sha256};

use crate::error::GatewayError;

const OTARI_KEY: &str = "otari-key";
const X_API_KEY: &str = "x-api-key";
/// What Gemini's clients send.
const GOOGLE_KEY: &str = "x-goog-api-key";
const BEARER: &str = "Bearer ";

/// A presented token, as the SHA-256 everything is compared by. The plain text is kept for the master key's
/// prefix rule only.
#[derive(Debug)]
pub struct Credential {
    pub token: Secret,
    pub hash: [u8; 32],
}

impl Credential {
    /// `Otari-Key` (raw or `Bearer …`), then `Authorization: Bearer …`, then `x-api-key` or
    /// `x-goog-api-key`. The first one present
    /// decides; a bad one never falls through to the next.
    pub fn from_headers(headers: &HeaderMap) -> Result<Self, GatewayError> {
        let text = |name: &str| {
            headers
                .get(name)
                .map(|value| value.to_str().unwrap_or_default())
        };
        let token = if let Some(value) = text(OTARI_KEY) {
            value.strip_prefix(BEARER).unwrap_or(value)
        } else if let Some(value) = text(header::AUTHORIZATION.as_str()) {
            value
                .strip_prefix(BEARER)
                .ok_or(GatewayError::InvalidCredentialFormat)?
        } else if let Some(value) = text(X_API_KEY).or_else(|| text(GOOGLE_KEY)) {
            value
        } else {
            return Err(GatewayError::MissingCredentials);
        };
        let token = token.trim();
        if token.is_empty() {
            return Err(GatewayError::MissingCredentials);
        }
        Ok(Self {
            token: Secret::new(token),
            hash: hash_token(token),
        })
    }
}

/// SHA-256: enough for 32 and more random bytes, and what imported keys are stored as.
pub fn hash_token(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(pairs: &[(&'static str, &str)]) -> Result<String, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        Credential::from_headers(&headers)
            .map(|c| c.token.expose().to_owned())
            .map_err(|e| e.to_string())
    }

    #[test]
    fn the_first_header_present_decides() {
        assert_eq!(
            token(&[("otari-key", "gw-a"), ("authorization", "Bearer b")]).as_deref(),
            Ok("gw-a")
        );
        assert_eq!(
            token(&[("otari-key", "Bearer gw-a")]).as_deref(),
            Ok("gw-a")
        );
        assert_eq!(
            token(&[("authorization", "Bearer b"), ("x-api-key", "c")]).as_deref(),
            Ok("b")
        );
        assert_eq!(token(&[("x-api-key", "c")]).as_deref(), Ok("c"));
        assert!(
            token(&[("authorization", "Basic b"), ("x-api-key", "c")])
                .unwrap_err()
                .contains("Bearer")
        );
        assert!(token(&[]).unwrap_err().contains("Otari-Key"));
        assert!(token(&[("otari-key", " ")]).is_err());
    }
}
