//! Thoughts in tags, sorted out of the text wherever the stream is cut.

use bytes::Bytes;
use otari_translate::dialect::{Decoder, Reading, ThinkTags, decode_reply_with};
use otari_translate::{Block, Collector, DecodeError, Event, Reply, Wire};
use serde_json::json;

fn reading(think_tags: ThinkTags) -> Reading<'static> {
    Reading {
        seed: "seed",
        choices: 1,
        think_tags,
    }
}

fn reply(events: Vec<Event>) -> Reply {
    let collector: Collector = events.into_iter().collect();
    collector.into_reply().unwrap()
}

fn whole(text: &str, tags: ThinkTags) -> Reply {
    let body = json!({"id": "c", "model": "m", "choices": [
        {"index": 0, "message": {"content": text}, "finish_reason": "stop"}]});
    let body = body.to_string();
    reply(decode_reply_with(Wire::OpenAiChat, body.as_bytes(), &reading(tags)).unwrap())
}

fn chunk(text: &str) -> String {
    let chunk =
        json!({"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": text}}]});
    format!("data: {chunk}\n\n")
}

const END: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

fn streamed(fragments: &[&str], tags: ThinkTags) -> Reply {
    let mut decoder = Decoder::with(Wire::OpenAiChat, &reading(tags));
    let mut events = Vec::new();
    for fragment in fragments {
        decoder
            .push(Bytes::from(chunk(fragment)), &mut events)
            .unwrap();
    }
    decoder
        .push(Bytes::from_static(END.as_bytes()), &mut events)
        .unwrap();
    decoder.finish(&mut events).unwrap();
    reply(events)
}

fn blocks(reply: &Reply) -> Vec<(&'static str, String)> {
    let blocks = reply.blocks.iter().map(|block| match &block.block {
        Block::Text(text) => ("text", text.clone()),
        Block::Reasoning(reasoning) => ("thought", reasoning.text.clone()),
        other => panic!("{other:?}"),
    });
    blocks.collect()
}

/// How tags are read, what the model writes, and the blocks it means.
type Case = (
    ThinkTags,
    &'static str,
    &'static [(&'static str, &'static str)],
);

#[test]
fn thoughts_are_sorted_out_and_text_about_tags_is_not() {
    use ThinkTags::{Off, On, Opened};
    let cases: [Case; 14] = [
        (Off, "<think>a</think>b", &[("text", "<think>a</think>b")]),
        (On, "<think>a</think>b", &[("thought", "a"), ("text", "b")]),
        (
            On,
            "\n <think>\na\n</think>\n\nb ",
            &[("thought", "a\n"), ("text", "b ")],
        ),
        (
            On,
            "<thinking>a</thinking>b",
            &[("thought", "a"), ("text", "b")],
        ),
        (On, "<think>\n\n</think>\n\nb", &[("text", "b")]),
        (On, "<think>a</think>", &[("thought", "a")]),
        (
            On,
            "<think>never closed </thin",
            &[("thought", "never closed </thin")],
        ),
        (
            On,
            "<think>a</think><think>c</think>b",
            &[("thought", "a"), ("thought", "c"), ("text", "b")],
        ),
        (On, "a <think>b</think>", &[("text", "a <think>b</think>")]),
        (On, "  plain", &[("text", "  plain")]),
        (On, "<thi", &[("text", "<thi")]),
        (On, "<table>", &[("text", "<table>")]),
        (Opened, "a</think>\nb", &[("thought", "a"), ("text", "b")]),
        (
            On,
            "<think>☂ < / </th </think>☂",
            &[("thought", "☂ < / </th "), ("text", "☂")],
        ),
    ];
    for (tags, text, expected) in cases {
        let expected: Vec<(&str, String)> = expected
            .iter()
            .map(|(kind, text)| (*kind, (*text).to_owned()))
            .collect();
        assert_eq!(blocks(&whole(text, tags)), expected, "{text:?}");
        let letters: Vec<String> = text.chars().map(String::from).collect();
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        assert_eq!(
            blocks(&streamed(&letters, tags)),
            expected,
            "{text:?} by letters"
        );
        for cut in (0..=text.len()).filter(|cut| text.is_char_boundary(*cut)) {
            let (head, tail) = text.split_at(cut);
            assert_eq!(
                blocks(&streamed(&[head, tail], tags)),
                expected,
                "{text:?} at {cut}"
            );
        }
    }
}

#[test]
fn a_stream_that_breaks_off_is_an_error_all_the_same() {
    let mut decoder = Decoder::with(Wire::OpenAiChat, &reading(ThinkTags::On));
    let mut events = Vec::new();
    decoder
        .push(Bytes::from(chunk("<think>so")), &mut events)
        .unwrap();
    assert_eq!(decoder.finish(&mut events), Err(DecodeError::Truncated));
    assert!(events.contains(&Event::Delta("so".to_owned())));
}
