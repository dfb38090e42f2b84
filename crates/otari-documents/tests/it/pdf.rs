//! PDF files.

use otari_documents::testing::{pdf, pdf_of, scan};
use otari_documents::{Kind, Limits};

use crate::{read, read_within};

#[test]
fn pages_are_read_in_order_and_named() {
    let document = read(&pdf(&["First (page)", "Second page"]), "a.pdf").unwrap();
    assert_eq!((document.kind, document.pages), (Kind::Pdf, Some(2)));
    assert_eq!(
        document.text(),
        "[Page 1]\n\nFirst (page)\n\n[Page 2]\n\nSecond page"
    );
    assert!(!document.truncated);
}

#[test]
fn gaps_are_spaces_and_steps_are_lines() {
    let content = "BT /F1 12 Tf 72 720 Td (Item) Tj 120 0 Td (Price) Tj -120 -14 Td (Ap) Tj (ple) Tj 120 0 Td (1.20) Tj \
                   -120 -40 Td [(To) -600 (tal)] TJ ET";
    let document = read(&pdf_of(&[content.to_owned()], ""), "a.pdf").unwrap();
    assert_eq!(document.text(), "Item   Price\nApple   1.20\n\nTo tal");
}

#[test]
fn what_is_drawn_twice_to_look_bold_is_said_once() {
    let content = "BT /F1 12 Tf 72 720 Td (X) Tj ET BT /F1 12 Tf 72.2 720 Td (X) Tj ET";
    let document = read(&pdf_of(&[content.to_owned()], ""), "a.pdf").unwrap();
    assert_eq!(document.text(), "X");
}

#[test]
fn pages_without_text_are_drawn_up_to_the_limit() {
    let limits = Limits {
        pictures: 2,
        picture_side: 100,
        ..Limits::default()
    };
    let document = read_within(&scan(3), "scan.pdf", &limits).unwrap();
    let pictures: Vec<_> = document.pictures().collect();
    assert_eq!(
        pictures.iter().map(|(page, _)| *page).collect::<Vec<_>>(),
        [1, 2]
    );
    for (_, jpeg) in pictures {
        assert_eq!(otari_documents::looks_like_image(jpeg), Some("image/jpeg"));
    }
    assert!(document.truncated);
    assert!(document.text().contains("only the first 2 are shown"));
}

#[test]
fn an_empty_page_is_not_drawn() {
    let document = read(&pdf_of(&[String::new()], ""), "a.pdf").unwrap();
    assert_eq!((document.segments.len(), document.pages), (0, Some(1)));
}

#[test]
fn more_pages_or_text_than_the_limits_end_with_a_word() {
    let pages: Vec<String> = (1..=9).map(|page| format!("This is page {page}")).collect();
    let pages: Vec<&str> = pages.iter().map(String::as_str).collect();
    let limits = Limits {
        pages: 4,
        ..Limits::default()
    };
    let few = read_within(&pdf(&pages), "a.pdf", &limits).unwrap();
    assert!(few.text().contains("page 4") && !few.text().contains("page 5"));
    assert!(
        few.text()
            .ends_with("only the first 4 pages of 9 are read.]")
    );
    let limits = Limits {
        text_bytes: 60,
        ..Limits::default()
    };
    let short = read_within(&pdf(&pages), "a.pdf", &limits).unwrap();
    assert!(
        short.truncated && short.text().len() < 200,
        "{}",
        short.text()
    );
    assert!(short.text().contains("only the first 60 bytes of text"));
}
