//! Showing the name the caller asked for in place of the model's own.

use bytes::Bytes;
use otari_translate::Surface;
use otari_wire::members::{Members, ObjectWriter};
use otari_wire::sse::{Event, data_frame, named_frame};

/// The body with its model replaced, or `None` when it names none.
pub(super) fn relabelled(surface: Surface, body: &[u8], name: &str) -> Option<Vec<u8>> {
    let place = match surface {
        Surface::Gemini => "modelVersion",
        _ => "model",
    };
    let members = Members::parse(body).ok()?;
    members.get(place)?;
    let mut out = ObjectWriter::with_capacity(body.len() + name.len());
    for (member, value) in members.iter() {
        if member == place {
            out.string(place, name);
        } else {
            out.raw(member, value.get());
        }
    }
    Some(out.finish())
}

/// The event with its model replaced, or `None` when there is nothing to replace. Messages and Responses name it
/// one level down, in `message` and `response`.
pub(super) fn relabelled_event(surface: Surface, event: &Event, name: &str) -> Option<Bytes> {
    let data = event.data()?;
    let holder = match surface {
        Surface::Messages => "message",
        Surface::Responses => "response",
        Surface::Chat | Surface::Completions | Surface::Gemini => {
            return Some(data_frame(&relabelled(surface, &data, name)?));
        }
    };
    let members = Members::parse(&data).ok()?;
    let inner = relabelled(surface, members.get(holder)?.get().as_bytes(), name)?;
    let inner = std::str::from_utf8(&inner).ok()?;
    let mut out = ObjectWriter::with_capacity(data.len() + name.len());
    for (member, value) in members.iter() {
        out.raw(member, if member == holder { inner } else { value.get() });
    }
    let json = out.finish();
    Some(match event.name() {
        Some(kind) => named_frame(kind, &json),
        None => data_frame(&json),
    })
}
