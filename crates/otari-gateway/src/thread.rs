//! Conversations the Responses API keeps: what a request goes on from, and keeping what it gets.
//!
//! Every answer is kept under its caller, whoever made it. A provider that keeps the answers of its own goes on from
//! its id; for any other the conversation so far is put in front of the request.

mod expand;
mod retrieve;

pub use retrieve::ItemsPage;

use std::sync::Arc;

use bytes::Bytes;
use otari_store::Store;
use otari_store::responses::{self, ResponseRow};
use otari_types::{Timestamp, UserId};
use otari_wire::sse::EventBuffer;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Gateway;
use crate::admit::Billed;
use crate::error::GatewayError;
use crate::inbound::Origin;
use crate::request::Request;

const SECS_PER_DAY: i64 = 86_400;
/// Answers one conversation may go back.
const TURNS_MAX: i64 = 500;

/// What a Responses request belongs to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Thread {
    pub(crate) previous: Option<Previous>,
    keep: Option<Keep>,
}

/// The kept answer a request goes on from.
#[derive(Clone, Debug)]
pub(crate) struct Previous {
    pub(crate) id: String,
    /// The instance that keeps it too.
    instance: Option<String>,
    /// The request with the conversation in front, for everybody else.
    pub(crate) expanded: Bytes,
}

/// Keeps the answer of one attempt.
#[derive(Clone, Debug)]
pub(crate) struct Keep {
    store: Store,
    user: UserId,
    previous_id: Option<String>,
    instance: Option<String>,
    model: String,
    /// The items of the request, a JSON array.
    input: Arc<str>,
    created_at: Timestamp,
    expires_at: Timestamp,
}

impl Thread {
    pub(crate) async fn open(
        gateway: &Gateway,
        origin: &Origin,
        request: &Request<'_>,
        billed: &Billed,
    ) -> Result<Self, GatewayError> {
        let days = i64::from(gateway.settings.responses_retention_days);
        if days == 0 {
            return Ok(Self::default());
        }
        let previous_id = expand::text_member(request, "previous_response_id");
        let previous = match &previous_id {
            None => None,
            Some(id) => {
                let turns = conversation(gateway, id, &billed.user, origin.received_at).await?;
                Some(Previous {
                    id: id.clone(),
                    instance: turns.last().and_then(|row| row.instance.clone()),
                    expanded: expand::expand(request, &turns),
                })
            }
        };
        let stores = request.members.get("store").map(RawValue::get) != Some("false");
        let keep = stores.then(|| Keep {
            store: gateway.store.clone(),
            user: billed.user.clone(),
            previous_id,
            instance: None,
            model: String::new(),
            input: expand::input_items(request).into(),
            created_at: origin.received_at,
            expires_at: origin.received_at.plus_secs(days * SECS_PER_DAY),
        });
        Ok(Self { previous, keep })
    }

    /// Whether this instance goes on from its own copy.
    pub(crate) fn is_kept_at(&self, instance: &str) -> bool {
        let previous = self.previous.as_ref();
        previous.is_some_and(|previous| previous.instance.as_deref() == Some(instance))
    }

    /// Whether the answer will be kept.
    pub(crate) fn keeps(&self) -> bool {
        self.keep.is_some()
    }

    /// What keeps the answer of an attempt; `instance` where that keeps it too.
    pub(crate) fn keep(&self, instance: Option<&str>, model: &str) -> Option<Keep> {
        self.keep.as_ref().map(|keep| Keep {
            instance: instance.map(str::to_owned),
            model: model.to_owned(),
            ..keep.clone()
        })
    }
}

/// The conversation up to `id`, oldest first.
async fn conversation(
    gateway: &Gateway,
    id: &str,
    user: &UserId,
    now: Timestamp,
) -> Result<Vec<ResponseRow>, GatewayError> {
    let turns = responses::conversation(&gateway.store, id, user, now, TURNS_MAX).await?;
    match turns.first() {
        Some(oldest) => match &oldest.previous_id {
            None => Ok(turns),
            Some(missing) => Err(GatewayError::PreviousResponseNotFound(missing.clone())),
        },
        None => Err(GatewayError::PreviousResponseNotFound(id.to_owned())),
    }
}

impl Keep {
    /// Keeps a whole response object. A database that is away costs the memory of this answer, not the answer.
    pub(crate) async fn whole(self, response: &[u8]) {
        #[derive(Deserialize)]
        struct Named {
            id: String,
        }
        let Ok(Named { id }) = serde_json::from_slice(response) else {
            return;
        };
        let row = ResponseRow {
            id,
            user_id: self.user,
            previous_id: self.previous_id,
            instance: self.instance,
            model: self.model,
            input: self.input.to_string(),
            response: String::from_utf8_lossy(response).into_owned(),
            created_at: self.created_at,
            expires_at: self.expires_at,
        };
        if let Err(error) = responses::insert(&self.store, &row).await {
            tracing::warn!(%error, "a response could not be kept; later requests cannot go on from it");
        }
    }

    /// Keeps the response that the last events of a stream carry.
    pub(crate) async fn last_events(self, events: Bytes) {
        #[derive(Deserialize)]
        struct Terminal<'a> {
            #[serde(rename = "type")]
            kind: &'a str,
            #[serde(borrow)]
            response: &'a RawValue,
        }
        let mut buffer = EventBuffer::default();
        buffer.push(events);
        while let Ok(Some(event)) = buffer.next_event() {
            let data = event.data().unwrap_or_default();
            if let Ok(Terminal { kind, response }) = serde_json::from_slice(&data)
                && matches!(kind, "response.completed" | "response.incomplete")
            {
                return self.whole(response.get().as_bytes()).await;
            }
        }
    }
}
