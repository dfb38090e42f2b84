//! What is said to a worker process and what it answers.

use otari_documents::worker::{order, reply};
use otari_documents::{Label, Limits};

#[test]
fn answers_that_are_none_are_garbled_and_claim_no_memory() {
    for bytes in [
        &b""[..],
        b"\x00\x00",
        b"\xff\xff\xff\xff{}",
        b"\x00\x00\x00\x02{}",
        br#"____{"Read":{"kind":"Pdf","pages":null,"truncated":false,"segments":[{"Page":{"number":1,"bytes":9}}]}}"#,
    ] {
        assert!(reply(bytes).is_err());
    }
}

#[test]
fn an_order_says_how_long_it_is() {
    let order = order(&Label::default(), &Limits::default());
    let length = u32::from_be_bytes(order[..4].try_into().unwrap());
    assert_eq!(usize::try_from(length).unwrap(), order.len() - 4);
}
