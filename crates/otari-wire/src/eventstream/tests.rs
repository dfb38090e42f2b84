use proptest::prelude::*;

use super::*;

/// The empty message of the format's published test vectors.
const EMPTY: [u8; 16] = [
    0, 0, 0, 0x10, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff,
];

fn frames(chunks: &[&[u8]]) -> (Vec<Frame>, Result<(), FrameError>, bool) {
    let mut buffer = FrameBuffer::default();
    let mut frames = Vec::new();
    for chunk in chunks {
        buffer.push(chunk);
        loop {
            match buffer.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Err(error), false),
            }
        }
    }
    (frames, Ok(()), buffer.has_partial())
}

fn stream() -> Vec<u8> {
    let mut bytes = write_frame(
        &[
            (":event-type", "contentBlockDelta"),
            (":message-type", "event"),
        ],
        br#"{"delta":{"text":"caf\u00e9"}}"#,
    );
    bytes.extend(EMPTY);
    bytes.extend(write_frame(
        &[(":exception-type", "throttlingException")],
        b"",
    ));
    bytes
}

#[test]
fn the_published_empty_message_is_read() {
    let (frames, result, partial) = frames(&[&EMPTY]);
    assert_eq!((result, partial), (Ok(()), false));
    assert!(frames[0].payload.is_empty());
    assert_eq!(frames[0].header(":event-type"), None);
}

#[test]
fn headers_of_every_kind_are_stepped_over() {
    let mut head = Vec::new();
    for (kind, value) in [
        (0_u8, &b""[..]),
        (1, b""),
        (2, b"x"),
        (3, b"xx"),
        (4, b"xxxx"),
        (5, b"xxxxxxxx"),
        (6, b"\x00\x03abc"),
        (8, b"xxxxxxxx"),
        (9, b"xxxxxxxxxxxxxxxx"),
        (7, b"\x00\x02ok"),
    ] {
        head.extend([1, b'h', kind]);
        head.extend(value);
    }
    let headers = read_headers(Bytes::from(head)).unwrap();
    assert_eq!(headers, [("h".to_owned(), "ok".to_owned())]);
    for broken in [
        &b"\x05ab"[..],
        b"\x01h\x0a",
        b"\x01h\x07\x00\x09x",
        b"\x01h",
    ] {
        assert_eq!(read_headers(Bytes::copy_from_slice(broken)), None);
    }
}

#[test]
fn a_changed_byte_is_noticed() {
    let good = stream();
    let whole = frames(&[&good]).0;
    assert_eq!(whole.len(), 3);
    assert_eq!(
        whole[2].header(":exception-type"),
        Some("throttlingException")
    );
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        let (_, result, partial) = frames(&[&bad]);
        assert!(result.is_err() || partial, "byte {at} changed unnoticed");
    }
}

#[test]
fn a_frame_beyond_the_limit_is_refused_before_it_arrives() {
    let mut prelude = Vec::new();
    prelude.extend(u32::MAX.to_be_bytes());
    prelude.extend(0_u32.to_be_bytes());
    prelude.extend(crc32fast::hash(&prelude).to_be_bytes());
    assert_eq!(frames(&[&prelude]).1, Err(FrameError::TooLarge));
}

#[test]
fn lengths_that_contradict_each_other_are_refused() {
    for (total, headers) in [(15_u32, 0_u32), (20, 5)] {
        let mut prelude = Vec::new();
        prelude.extend(total.to_be_bytes());
        prelude.extend(headers.to_be_bytes());
        prelude.extend(crc32fast::hash(&prelude).to_be_bytes());
        assert_eq!(frames(&[&prelude]).1, Err(FrameError::Malformed));
    }
}

proptest! {
    #[test]
    fn any_chunking_yields_the_same_frames(cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let bytes = stream();
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        at.sort_unstable();
        let mut chunks = Vec::new();
        let mut from = 0;
        for cut in at {
            chunks.push(&bytes[from..cut]);
            from = cut;
        }
        chunks.push(&bytes[from..]);
        prop_assert_eq!(frames(&chunks), frames(&[&bytes]));
    }
}
