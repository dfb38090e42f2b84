//! Reading and writing parts.

use super::*;

fn source(surface: Surface, part: &Value) -> Option<Source> {
    piece(surface, part).map(|piece| piece.source)
}

fn data() -> Source {
    Source::Data(Bytes::from_static(b"hi"))
}

fn url() -> Source {
    Source::Url("https://a.example/b".to_owned())
}

fn id() -> Source {
    Source::FileId("file-1".to_owned())
}

fn check(surface: Surface, cases: Vec<(Value, Option<Source>)>) {
    for (part, expected) in cases {
        assert_eq!(source(surface, &part), expected, "{part}");
    }
}

#[test]
fn chats_attachments_are_known_in_every_spelling() {
    let broken = json!({"type": "file", "file": {"file_data": "data:a/b;base64,!"}});
    check(
        Surface::Chat,
        vec![
            (
                json!({"type": "image_url", "image_url": "data:image/png;base64,aGk="}),
                Some(data()),
            ),
            (
                json!({"type": "image_url", "image_url": {"url": "https://a.example/b"}}),
                Some(url()),
            ),
            (
                json!({"type": "image_url", "file_id": "file-1"}),
                Some(id()),
            ),
            (
                json!({"type": "file", "file": {"file_id": "file-1"}}),
                Some(id()),
            ),
            (
                json!({"type": "file", "file": {"file_data": "aG\nk"}}),
                Some(data()),
            ),
            (
                json!({"type": "input_file", "file_data": "data:;base64,aGk"}),
                Some(data()),
            ),
            (broken, Some(Source::Broken)),
            (json!("hi"), None),
        ],
    );
}

#[test]
fn the_attachments_of_messages_and_responses_are_known() {
    let text = json!({"type": "text", "media_type": "text/plain", "data": "hi"});
    let by_url = json!({"type": "url", "url": "https://a.example/b"});
    let by_id = json!({"type": "file", "file_id": "file-1"});
    check(
        Surface::Messages,
        vec![
            (json!({"type": "image", "source": by_url}), Some(url())),
            (json!({"type": "document", "source": by_id}), Some(id())),
            (
                json!({"type": "document", "source": text}),
                Some(Source::Text("hi".to_owned())),
            ),
            (
                json!({"type": "document", "source": {"type": "content", "content": []}}),
                None,
            ),
            (json!({"type": "image"}), None),
        ],
    );
    check(
        Surface::Responses,
        vec![
            (
                json!({"type": "input_image", "image_url": "https://a.example/b"}),
                Some(url()),
            ),
            (
                json!({"type": "input_file", "file_url": "https://a.example/b"}),
                Some(url()),
            ),
            (
                json!({"type": "input_file", "file_id": "file-1"}),
                Some(id()),
            ),
            (json!({"type": "input_text", "text": "hi"}), None),
        ],
    );
}

#[test]
fn a_mark_for_caches_stays_at_the_end_of_what_takes_its_place() {
    let part = json!({"type": "document", "source": {}, "cache_control": {"type": "ephemeral"}});
    let shown = [Shown::Text("a".to_owned()), Shown::Text("b".to_owned())];
    assert_eq!(
        replace(Surface::Messages, &part, &shown),
        [
            json!({"type": "text", "text": "a"}),
            json!({"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}}),
        ]
    );
}

#[test]
fn what_is_sent_along_is_known_again() {
    let inline = Inline {
        is_image: false,
        mime_type: "application/pdf".to_owned(),
        filename: Some("a.pdf".to_owned()),
        data: Bytes::from_static(b"%PDF-"),
    };
    for surface in [Surface::Chat, Surface::Messages, Surface::Responses] {
        let written = written(surface, &Shown::Inline(inline.clone()));
        let again = piece(surface, &written).unwrap();
        assert_eq!(again.source, Source::Data(inline.data.clone()), "{written}");
        assert_eq!(again.filename, inline.filename, "{written}");
    }
}
