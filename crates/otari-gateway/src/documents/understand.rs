//! What an attempt is shown of a call's attachments.

mod rendered;

use bytes::Bytes;
use futures_util::future::join_all;
use memchr::memmem;
use otari_translate::{Block, Call, Media, MediaKind, Part, Surface};
use otari_wire::members::ObjectWriter;
use serde_json::Value;

use super::ability::Ability;
use super::limits::{AT_ONCE, READ_MAX};
use super::part::{conversation, each_list, piece, replace, signs};
use super::piece::{Inline, Piece, Shown, Source};
use crate::dispatch::Outgoing;
use crate::error::GatewayError;
use crate::guardrails::{Asker, ResultChecks};
use crate::plan::Attempt;
use crate::request::Request;
use crate::thread::Thread;
use rendered::Rendered;

/// Reads the attachments of one call for its attempts.
#[derive(Clone, Debug)]
pub(crate) struct Understanding<'a> {
    pub(crate) asker: Asker<'a>,
    /// What reads texts from outside before the model does.
    pub(crate) checks: Option<ResultChecks>,
}

/// A request as one attempt is shown it.
#[derive(Debug, Default)]
pub(crate) struct Understood {
    pub(crate) body: Option<Bytes>,
    /// The one with the conversation it goes on from.
    pub(crate) expanded: Option<Bytes>,
}

/// What was read from an [`Understood`].
#[derive(Debug)]
pub(crate) struct Requests<'a> {
    pub(crate) request: Request<'a>,
    pub(crate) expanded: Option<Request<'a>>,
}

impl Understood {
    pub(crate) fn body<'a>(&'a self, outgoing: &Outgoing<'a>) -> &'a Bytes {
        self.body.as_ref().unwrap_or(outgoing.body)
    }

    /// The conversation with its attachments read. What is kept of it stays as the caller wrote it.
    pub(crate) fn thread(&self, thread: &Thread) -> Thread {
        let mut thread = thread.clone();
        if let (Some(previous), Some(expanded)) = (&mut thread.previous, &self.expanded) {
            previous.expanded = expanded.clone();
        }
        thread
    }

    pub(crate) fn requests<'a>(
        &'a self,
        outgoing: &Outgoing<'a>,
        thread: &'a Thread,
    ) -> Result<Requests<'a>, GatewayError> {
        let surface = outgoing.request.surface;
        let named = outgoing.inbound.named.as_ref();
        let request = Request::parse(surface, named, self.body(outgoing))?;
        let previous = outgoing.expanded.and(thread.previous.as_ref());
        let expanded = previous.map(|previous| Request::parse(surface, None, &previous.expanded));
        Ok(Requests {
            request,
            expanded: expanded.transpose()?,
        })
    }
}

impl Understanding<'_> {
    /// `None`: as the caller wrote it.
    pub(crate) async fn of(
        &self,
        outgoing: &Outgoing<'_>,
        attempt: &Attempt,
    ) -> Option<Understood> {
        let ability = self.ability(attempt, outgoing.request.surface)?;
        let kept_there = attempt
            .instance()
            .is_ok_and(|instance| outgoing.thread.is_kept_at(&instance.name));
        let body = self.request(outgoing.request, outgoing.body, ability).await;
        let previous = outgoing.thread.previous.as_ref();
        let expanded = match (outgoing.expanded, previous) {
            (Some(request), Some(previous)) if !kept_there => {
                self.request(request, &previous.expanded, ability).await
            }
            _ => None,
        };
        let changed = body.is_some() || expanded.is_some();
        changed.then_some(Understood { body, expanded })
    }

    /// The same for a call whose tools the gateway runs.
    pub(crate) async fn of_call(&self, call: &Call, attempt: &Attempt) -> Option<Call> {
        let ability = self.ability(attempt, call.surface)?;
        let mut call = call.clone();
        let mut pieces = Vec::new();
        each_parts(&mut call, &mut |parts| {
            pieces.extend(parts.iter().map(neutral_piece));
        });
        let mut rendered = self.render(&pieces, ability).await?.into_iter();
        each_parts(&mut call, &mut |parts| {
            put(parts, &mut rendered, neutral);
        });
        Some(call)
    }

    /// `None`: attachments are not this gateway's business.
    fn ability(&self, attempt: &Attempt, surface: Surface) -> Option<Ability> {
        let gateway = self.asker.gateway;
        // Nobody will answer: nothing is read for it.
        attempt.instance().ok()?;
        if !gateway.settings.hot().file_understanding_enabled {
            return None;
        }
        let takes = &gateway.documents.options.takes;
        Some(Ability::of(&attempt.target, surface, takes))
    }

    async fn request(&self, request: &Request<'_>, body: &[u8], ability: Ability) -> Option<Bytes> {
        if !may_attach(request.surface, body, ability) {
            return None;
        }
        // Rare, and large: calls without attachments do not carry its room.
        Box::pin(self.reworded(request, body, ability)).await
    }

    async fn reworded(
        &self,
        request: &Request<'_>,
        body: &[u8],
        ability: Ability,
    ) -> Option<Bytes> {
        let surface = request.surface;
        let name = conversation(surface)?;
        let mut turns: Value = serde_json::from_str(request.members.get(name)?.get()).ok()?;
        let mut pieces = Vec::new();
        each_list(surface, &mut turns, &mut |parts| {
            pieces.extend(parts.iter().map(|part| piece(surface, part)));
        });
        let mut rendered = self.render(&pieces, ability).await?.into_iter();
        each_list(surface, &mut turns, &mut |parts| {
            put(parts, &mut rendered, |part, shown| {
                replace(surface, &part, &shown)
            });
        });
        let mut changed = ObjectWriter::with_capacity(body.len());
        for (member, raw) in request.members.iter() {
            if member == name {
                changed.raw(name, &turns.to_string());
            } else {
                changed.raw(member, raw.get());
            }
        }
        Some(changed.finish().into())
    }

    /// What is shown of each part; `None` where all stay as they are.
    async fn render(&self, parts: &[Option<Piece>], ability: Ability) -> Option<Vec<Rendered>> {
        let documents = &self.asker.gateway.documents;
        let mut rendered = vec![Rendered::Untouched; parts.len()];
        let mut read = 0;
        let mut places = rendered.iter_mut().zip(parts);
        loop {
            let some = places.by_ref().filter(|(_, part)| part.is_some());
            let some: Vec<_> = some.take(AT_ONCE).collect();
            if some.is_empty() {
                break;
            }
            let is_too_many = read >= READ_MAX;
            read += some.len();
            join_all(some.into_iter().map(|(place, part)| async move {
                *place = match part {
                    Some(piece) if is_too_many => rendered::too_many(piece, ability),
                    Some(piece) => rendered::one(self, documents, piece, ability).await,
                    None => Rendered::Untouched,
                };
            }))
            .await;
        }
        let any = rendered.iter().any(|one| *one != Rendered::Untouched);
        any.then_some(rendered)
    }
}

/// Puts what is shown where the parts were. A turn that had parts keeps one.
fn put<P: Clone>(
    parts: &mut Vec<P>,
    rendered: &mut impl Iterator<Item = Rendered>,
    write: impl Fn(P, Vec<Shown>) -> Vec<P>,
) {
    let old = std::mem::take(parts);
    let first = old.first().cloned();
    for part in old {
        match rendered.next() {
            Some(Rendered::Shown(shown)) => parts.extend(write(part, shown)),
            Some(Rendered::Untouched) | None => parts.push(part),
        }
    }
    if let (true, Some(first)) = (parts.is_empty(), first) {
        let text = "[An image was left out.]".to_owned();
        parts.extend(write(first, vec![Shown::Text(text)]));
    }
}

/// Looks at nothing but bytes: this is on the way of every call.
fn may_attach(surface: Surface, body: &[u8], ability: Ability) -> bool {
    let holds = |sign: &&str| memmem::find(body, sign.as_bytes()).is_some();
    let signs = signs(surface);
    let images = signs.image.iter().any(&holds);
    let documents = signs.document.iter().any(&holds);
    let by_id = || holds(&"\"file_id\"");
    images && (!ability.image || by_id()) || documents && (!ability.office || by_id())
}

type Visit<'v> = dyn FnMut(&mut Vec<Part>) + 'v;

fn each_parts(call: &mut Call, visit: &mut Visit<'_>) {
    for turn in &mut call.turns {
        for part in &mut turn.parts {
            if let Block::ToolResult(result) = &mut part.block {
                visit(&mut result.content);
            }
        }
        visit(&mut turn.parts);
    }
}

fn neutral_piece(part: &Part) -> Option<Piece> {
    use otari_translate::Source as Neutral;
    let Block::Media(media) = &part.block else {
        return None;
    };
    let is_image = match media.kind {
        MediaKind::Image => true,
        MediaKind::File => false,
        MediaKind::Audio => return None,
    };
    let source = match &media.source {
        Neutral::Data(data) => super::part::decoded(data),
        Neutral::Url(url) => Source::Url(url.clone()),
        Neutral::FileId(id) => Source::FileId(id.clone()),
        Neutral::Text(text) => Source::Text(text.clone()),
    };
    Some(Piece {
        is_image,
        source,
        filename: media.filename.clone(),
        mime_type: media.mime.clone(),
    })
}

fn neutral(part: Part, shown: Vec<Shown>) -> Vec<Part> {
    let mut parts: Vec<Part> = shown
        .into_iter()
        .map(|shown| match shown {
            Shown::Text(text) => Part::text(text),
            Shown::Inline(inline) => Block::Media(media(inline)).into(),
        })
        .collect();
    if let Some(last) = parts.last_mut() {
        last.cache = part.cache;
    }
    parts
}

fn media(inline: Inline) -> Media {
    use base64::Engine as _;
    let data = base64::engine::general_purpose::STANDARD.encode(&inline.data);
    Media {
        kind: if inline.is_image {
            MediaKind::Image
        } else {
            MediaKind::File
        },
        source: otari_translate::Source::Data(data),
        mime: Some(inline.mime_type),
        filename: inline.filename,
        detail: None,
    }
}
