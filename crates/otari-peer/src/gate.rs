//! Who asks: a gateway that is known here, for a user that is known here.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use otari_platform::{GATEWAY_TOKEN, USER_TOKEN};
use otari_types::Secret;
use sha2::{Digest, Sha256};

use crate::Peer;
use crate::config::User;
use crate::refusal::Refusal;

/// A gateway with a good token.
#[derive(Debug)]
pub(crate) struct Gateway;

impl FromRequestParts<Peer> for Gateway {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, peer: &Peer) -> Result<Self, Refusal> {
        let token = header(&parts.headers, GATEWAY_TOKEN);
        if token.is_some_and(|token| is_one_of(token, &peer.config.gateway_tokens)) {
            return Ok(Self);
        }
        let detail = "The gateway's token (OTARI_AI_TOKEN) is missing or unknown";
        Err(Refusal::new(StatusCode::UNAUTHORIZED, detail))
    }
}

/// A known user's name. Whether it may do what it asks is for the route to say.
#[derive(Debug)]
pub(crate) struct Asking(pub(crate) String);

impl FromRequestParts<Peer> for Asking {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, peer: &Peer) -> Result<Self, Refusal> {
        Gateway::from_request_parts(parts, peer).await?;
        let token = header(&parts.headers, USER_TOKEN).unwrap_or_default();
        let mut users = peer.config.users.iter();
        let user = users.find(|(_, user)| is_one_of(token, &user.tokens));
        let (name, user) =
            user.ok_or_else(|| Refusal::new(StatusCode::UNAUTHORIZED, "Unknown API token"))?;
        if user.blocked {
            let detail = format!("User '{name}' is blocked");
            return Err(Refusal::new(StatusCode::FORBIDDEN, detail));
        }
        Ok(Self(name.clone()))
    }
}

impl Asking {
    pub(crate) fn user<'a>(&self, peer: &'a Peer) -> Result<&'a User, Refusal> {
        let user = peer.config.users.get(&self.0);
        user.ok_or_else(|| Refusal::new(StatusCode::UNAUTHORIZED, "Unknown API token"))
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Compared by hash: how long it takes says nothing of the tokens.
fn is_one_of(token: &str, known: &[Secret]) -> bool {
    let hash = |text: &str| Sha256::digest(text.as_bytes());
    let given = hash(token);
    !token.is_empty() && known.iter().any(|known| hash(known.expose()) == given)
}
