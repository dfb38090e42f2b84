//! Texts and web pages.

use otari_documents::{Kind, Label, Limits, extract};

use crate::read;

#[test]
fn texts_stay_as_they_are_whatever_their_characters() {
    for (bytes, text) in [
        (b"a,b\r\n1,2\r\n".to_vec(), "a,b\n1,2"),
        ("na\u{ef}ve".as_bytes().to_vec(), "na\u{ef}ve"),
        (b"na\xefve".to_vec(), "na\u{ef}ve"),
        (b"\xef\xbb\xbfmark".to_vec(), "mark"),
        (b"\xff\xfeh\x00i\x00".to_vec(), "hi"),
    ] {
        let document = read(&bytes, "table.csv").unwrap();
        assert_eq!(
            (document.kind, document.text().as_str()),
            (Kind::Text, text)
        );
    }
}

#[test]
fn a_page_is_markdown_without_its_scripts() {
    let page = "<!doctype html><title>News</title><script>alert(1)</script><body><h1>Today</h1>\
                <p>See <a href='https://example.org/x'>this</a>.</p><ul><li>one<li>two</ul>\
                <table><tr><th>A<th>B<tr><td>1<td>2</table>";
    let document = read(page.as_bytes(), "page.html").unwrap();
    let text = document.text();
    assert_eq!(document.kind, Kind::Html);
    for part in [
        "# News",
        "# Today",
        "[this](https://example.org/x)",
        "- one",
        "| 1 | 2 |",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("alert"));
}

#[test]
fn a_page_says_in_which_characters_it_is_written() {
    let page = b"<html><head><meta charset=\"iso-8859-2\"></head><body><p>\xb3\xf3d\xbc</p></body>";
    let text = read(page, "page.html").unwrap().text();
    assert_eq!(text, "\u{142}\u{f3}d\u{17a}");
}

#[test]
fn the_media_type_tells_where_the_name_does_not() {
    let label = Label {
        filename: None,
        mime_type: Some("text/html; charset=utf-8".to_owned()),
    };
    let document = extract(b"<p>hi</p>", &label, &Limits::default()).unwrap();
    assert_eq!(
        (document.kind, document.text().as_str()),
        (Kind::Html, "hi")
    );
    let document = extract(b"<p>hi</p>", &Label::default(), &Limits::default()).unwrap();
    assert_eq!(document.kind, Kind::Text);
}
