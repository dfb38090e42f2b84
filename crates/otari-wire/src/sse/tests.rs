use bytes::Bytes;
use proptest::prelude::*;

use super::*;

fn events(chunks: &[&[u8]]) -> Vec<(Option<String>, Option<Vec<u8>>)> {
    let mut buffer = EventBuffer::default();
    let mut seen = Vec::new();
    for chunk in chunks {
        buffer.push(Bytes::copy_from_slice(chunk));
        while let Some(event) = buffer.next_event().unwrap() {
            seen.push((
                event.name().map(str::to_owned),
                event.data().map(|d| d.to_vec()),
            ));
        }
    }
    if let Some(event) = buffer.into_rest() {
        seen.push((
            event.name().map(str::to_owned),
            event.data().map(|d| d.to_vec()),
        ));
    }
    seen
}

const STREAM: &[u8] = b"\xef\xbb\xbfdata: {\"a\":\"\xc3\xa9\"}\n\n: keepalive\n\nevent: ping\r\ndata: one\r\ndata: two\r\n\r\nid: 7\rdata:x\r\rdata: [DONE]\n\n";

#[test]
fn fields_comments_and_line_endings_are_read_as_the_standard_says() {
    let all = events(&[STREAM]);
    assert_eq!(
        all,
        [
            (None, Some(b"{\"a\":\"\xc3\xa9\"}".to_vec())),
            (None, None),
            (Some("ping".to_owned()), Some(b"one\ntwo".to_vec())),
            (None, Some(b"x".to_vec())),
            (None, Some(b"[DONE]".to_vec())),
        ]
    );
}

#[test]
fn a_stream_cut_at_any_byte_yields_the_same_events() {
    let whole = events(&[STREAM]);
    for cut in 0..STREAM.len() {
        let (head, tail) = STREAM.split_at(cut);
        assert_eq!(events(&[head, tail]), whole, "cut at {cut}");
    }
}

#[test]
fn raw_bytes_are_forwarded_untouched() {
    let mut buffer = EventBuffer::default();
    buffer.push(Bytes::from_static(STREAM));
    let mut out = Vec::new();
    while let Some(event) = buffer.next_event().unwrap() {
        out.extend_from_slice(&event.raw);
    }
    assert_eq!(out, STREAM);
}

#[test]
fn an_event_that_never_ends_is_refused_at_the_limit() {
    let mut buffer = EventBuffer::default();
    let piece = Bytes::from(vec![b'x'; MAX_EVENT_BYTES / 2 + 1]);
    buffer.push(piece.clone());
    assert_eq!(buffer.next_event(), Ok(None));
    buffer.push(piece);
    assert_eq!(buffer.next_event(), Err(EventTooLarge));
}

proptest! {
    #[test]
    fn any_chunking_yields_the_same_events(cuts in proptest::collection::vec(0..STREAM.len(), 0..12)) {
        let mut cuts = cuts;
        cuts.sort_unstable();
        let mut chunks = Vec::new();
        let mut from = 0;
        for cut in cuts {
            chunks.push(&STREAM[from..cut]);
            from = cut;
        }
        chunks.push(&STREAM[from..]);
        prop_assert_eq!(events(&chunks), events(&[STREAM]));
    }
}
