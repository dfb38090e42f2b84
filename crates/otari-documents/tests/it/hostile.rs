//! Documents made to exhaust or confuse their reader.

use otari_documents::testing::{archive, docx, docx_of, file, pdf, pdf_of, stream};
use otari_documents::{DocumentError, Kind, Limits};

use crate::{read, read_within};

fn tight() -> Limits {
    Limits {
        unpacked_bytes: 1024 * 1024,
        ..Limits::default()
    }
}

#[test]
fn an_archive_that_unpacks_to_too_much_is_refused() {
    let spaces = vec![b' '; 8 * 1024 * 1024];
    let bomb = archive(&[("word/document.xml", &spaces)]);
    assert!(bomb.len() < 32 * 1024);
    for bytes in [
        bomb,
        // What a reader without bounds would unpack is counted before it does.
        archive(&[("xl/workbook.xml", b"<workbook/>"), ("xl/other", &spaces)]),
    ] {
        assert_eq!(
            read_within(&bytes, "a.docx", &tight()).unwrap_err(),
            DocumentError::Hostile("it unpacks to more than 1048576 bytes".to_owned())
        );
    }
}

#[test]
fn an_archive_of_too_many_files_is_refused() {
    let names: Vec<String> = (0..50).map(|number| format!("word/{number}")).collect();
    let mut parts: Vec<(&str, &[u8])> = names
        .iter()
        .map(|name| (name.as_str(), &b"x"[..]))
        .collect();
    parts.push(("word/document.xml", b"<d/>"));
    let limits = Limits {
        parts: 20,
        ..Limits::default()
    };
    let error = read_within(&archive(&parts), "a.docx", &limits).unwrap_err();
    assert!(matches!(error, DocumentError::Hostile(_)), "{error}");
}

#[test]
fn entities_are_not_declared_and_not_expanded() {
    let bomb = "<!DOCTYPE d [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;\">]><d>&b;</d>";
    let error = read(
        &archive(&[("word/document.xml", bomb.as_bytes())]),
        "a.docx",
    )
    .unwrap_err();
    assert!(matches!(error, DocumentError::Hostile(_)), "{error}");
    let undeclared = read(&docx(&["a&secret;b &#x263a; &lt;"]), "a.docx").unwrap();
    assert_eq!(undeclared.text(), "ab \u{263a} <");
}

#[test]
fn elements_nested_without_end_are_refused() {
    let deep = format!("{}{}", "<w:tbl>".repeat(2000), "</w:tbl>".repeat(2000));
    let error = read(&docx_of(&deep), "a.docx").unwrap_err();
    assert!(matches!(error, DocumentError::Hostile(_)), "{error}");
    for deep in ["<div>".repeat(1000), "<div>".repeat(100_000)] {
        let error = read(deep.as_bytes(), "a.html").unwrap_err();
        assert!(matches!(error, DocumentError::Hostile(_)), "{error}");
    }
    let forgetful = "<p>one<br><li>two<td>".repeat(5_000);
    assert!(read(forgetful.as_bytes(), "a.html").is_ok());
}

#[test]
fn truncated_files_are_damaged_or_read_as_far_as_they_go() {
    for (whole, name) in [
        (pdf(&["Some text on a page"]), "a.pdf"),
        (docx(&["Some text"]), "a.docx"),
    ] {
        for length in (1..whole.len()).step_by(7) {
            match read(&whole[..length], name) {
                Ok(_) | Err(DocumentError::Damaged(_) | DocumentError::Unsupported(_)) => {}
                Err(other) => panic!("{name} cut at {length}: {other}"),
            }
        }
    }
}

#[test]
fn the_content_decides_what_a_mislabelled_file_is() {
    assert_eq!(read(&docx(&["x"]), "a.pdf").unwrap().kind, Kind::Docx);
    assert_eq!(read(&pdf(&["x"]), "a.docx").unwrap().kind, Kind::Pdf);
    assert_eq!(read(b"just words", "a.xlsx").unwrap().kind, Kind::Text);
    for (bytes, why) in [
        (&b"\x89PNG\r\n\x1a\nxx"[..], "an image"),
        (b"\x7fELF\x02\x01\x01\x00", "not known"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1old", "before 2007"),
    ] {
        let error = read(bytes, "a.pdf").unwrap_err();
        assert!(
            matches!(&error, DocumentError::Unsupported(text) if text.contains(why)),
            "{error}"
        );
    }
    let other = archive(&[("readme", b"x")]);
    assert!(matches!(
        read(&other, "a.docx"),
        Err(DocumentError::Unsupported(_))
    ));
    assert_eq!(read(b"", "a.txt"), Err(DocumentError::Empty));
}

#[test]
fn encrypted_files_say_so() {
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [] /Count 0 >>",
        "<< /Filter /Standard /V 1 /R 2 /P -44 /O (oooooooooooooooooooooooooooooooo) /U (uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu) >>",
    ]
    .map(str::to_owned);
    let encrypted = file(
        &objects,
        "/Encrypt 3 0 R /ID [(0123456789abcdef) (0123456789abcdef)]",
    );
    assert_eq!(read(&encrypted, "a.pdf"), Err(DocumentError::Encrypted));
    let name: Vec<u8> = "EncryptedPackage"
        .bytes()
        .flat_map(|byte| [byte, 0])
        .collect();
    let office = [b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec(), name].concat();
    assert_eq!(read(&office, "a.docx"), Err(DocumentError::Encrypted));
}

#[test]
fn a_pdf_that_turns_in_circles_ends() {
    let pages_within_themselves = file(
        &[
            "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
            "<< /Type /Pages /Kids [2 0 R 2 0 R 3 0 R] /Count 3 >>".to_owned(),
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] /Contents 4 0 R >>".to_owned(),
            stream(""),
        ],
        "",
    );
    // Whatever is made of it, it ends.
    let _ = read(&pages_within_themselves, "a.pdf");

    let form = "<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 6 0 R >> >> /Length 11 >>\n\
                stream\n/X Do /X Do\nendstream";
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [4 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 5 0 R /Resources << /Font << /F1 3 0 R >> /XObject << /X 6 0 R >> >> >>".to_owned(),
        stream("BT /F1 12 Tf 72 720 Td (round and round we go) Tj ET /Y Do"),
        form.to_owned(),
    ];
    let text = read(&file(&objects, ""), "a.pdf").unwrap().text();
    assert_eq!(text, "round and round we go");
}

#[test]
fn a_page_of_no_size_or_an_enormous_one_is_not_drawn_larger_than_the_limit() {
    for size in ["0 0 0 0", "0 0 14400 14400", "0 0 1 30000"] {
        let page = pdf_of(&["0 0 5 5 re f".to_owned()], "");
        let page = String::from_utf8(page)
            .unwrap()
            .replace("0 0 612 792", size);
        let limits = Limits {
            picture_side: 64,
            ..Limits::default()
        };
        let _ = read_within(page.as_bytes(), "a.pdf", &limits).unwrap();
    }
}

#[test]
fn a_file_over_its_bound_is_not_looked_at() {
    let limits = Limits {
        input_bytes: 10,
        ..Limits::default()
    };
    let error = read_within(b"more than ten bytes", "a.txt", &limits);
    assert_eq!(error, Err(DocumentError::TooLarge { max: 10 }));
}
