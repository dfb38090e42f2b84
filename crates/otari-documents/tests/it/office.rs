//! Word, Excel and PowerPoint.

use otari_documents::testing::{archive, docx_of};
use otari_documents::{Kind, Limits};

use crate::{read, read_within};

fn paragraph(look: &str, text: &str) -> String {
    format!("<w:p><w:pPr>{look}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>")
}

#[test]
fn a_word_document_is_markdown() {
    let list =
        |level: u8| format!("<w:numPr><w:ilvl w:val=\"{level}\"/><w:numId w:val=\"1\"/></w:numPr>");
    let cell = |text: &str| format!("<w:tc>{}</w:tc>", paragraph("", text));
    let body = [
        paragraph("<w:pStyle w:val=\"Heading2\"/>", "Plan &amp; scope"),
        paragraph(&list(0), "one"),
        paragraph(&list(1), "within"),
        paragraph("", "A</w:t><w:br/><w:t>text"),
        format!(
            "<w:tbl><w:tr>{}{}</w:tr><w:tr>{}{}</w:tr></w:tbl>",
            cell("a|b"),
            cell("c"),
            cell("1"),
            cell("2")
        ),
        "<w:p><w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:r><w:t>kept</w:t></w:r></w:p>".to_owned(),
    ]
    .concat();
    let document = read(&docx_of(&body), "a.docx").unwrap();
    assert_eq!(document.kind, Kind::Docx);
    assert_eq!(
        document.text(),
        "## Plan & scope\n\n- one\n  - within\n\nA\ntext\n\n| a\\|b | c |\n| --- | --- |\n| 1 | 2 |\n\nkept"
    );
}

#[test]
fn links_and_notes_of_a_word_document_are_kept() {
    let body = "<w:document xmlns:w=\"w\" xmlns:r=\"r\"><w:body><w:p><w:hyperlink r:id=\"rId7\"><w:r><w:t>here</w:t></w:r>\
                </w:hyperlink><w:r><w:footnoteReference w:id=\"2\"/></w:r></w:p></w:body></w:document>";
    let relations = "<Relationships><Relationship Id=\"rId7\" Type=\"x/hyperlink\" Target=\"https://example.org/\" \
                     TargetMode=\"External\"/></Relationships>";
    let notes = "<w:footnotes><w:footnote w:id=\"2\"><w:p><w:r><w:t>A note.</w:t></w:r></w:p></w:footnote></w:footnotes>";
    let bytes = archive(&[
        ("word/document.xml", body.as_bytes()),
        ("word/_rels/document.xml.rels", relations.as_bytes()),
        ("word/footnotes.xml", notes.as_bytes()),
    ]);
    assert_eq!(
        read(&bytes, "a.docx").unwrap().text(),
        "[here](https://example.org/)[^2]\n\n[^2]:\n\nA note."
    );
}

/// A workbook of one sheet with these rows.
fn xlsx(rows: &str) -> Vec<u8> {
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let links = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let workbook = format!(
        "<workbook xmlns=\"{main}\" xmlns:r=\"{links}\"><sheets><sheet name=\"Sales\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>"
    );
    let relations = format!(
        "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" \
         Type=\"{links}/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>"
    );
    let sheet = format!("<worksheet xmlns=\"{main}\"><sheetData>{rows}</sheetData></worksheet>");
    let package = format!(
        "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" \
         Type=\"{links}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
    );
    archive(&[
        ("_rels/.rels", package.as_bytes()),
        ("xl/workbook.xml", workbook.as_bytes()),
        ("xl/_rels/workbook.xml.rels", relations.as_bytes()),
        ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
    ])
}

#[test]
fn a_sheet_is_a_table_however_far_apart_its_cells_stand() {
    let rows = "<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>Day</t></is></c><c r=\"C1\" t=\"inlineStr\"><is><t>Sum</t></is></c></row>\
                <row r=\"1048576\"><c r=\"A1048576\"><v>1</v></c><c r=\"XFD1048576\"><v>2.5</v></c></row>";
    let document = read(&xlsx(rows), "a.xlsx").unwrap();
    assert_eq!(document.kind, Kind::Xlsx);
    assert_eq!(
        document.text(),
        "## Sheet: Sales\n\n| Day | Sum |  |\n| --- | --- | --- |\n| 1 |  | 2.5 |"
    );
}

#[test]
fn more_cells_than_the_limit_end_with_a_word() {
    let rows: Vec<String> = (1..=50)
        .map(|row| format!("<row r=\"{row}\"><c r=\"A{row}\"><v>{row}</v></c></row>"))
        .collect();
    let limits = Limits {
        cells: 10,
        ..Limits::default()
    };
    let text = read_within(&xlsx(&rows.concat()), "a.xlsx", &limits)
        .unwrap()
        .text();
    assert!(
        text.contains("| 10 |") && !text.contains("| 11 |"),
        "{text}"
    );
    assert!(
        text.ends_with("only the first 10 cells are read.]"),
        "{text}"
    );
}

#[test]
fn slides_come_in_the_order_they_are_shown() {
    let main = "<p:presentation><p:sldIdLst><p:sldId id=\"1\" r:id=\"rId2\"/><p:sldId id=\"2\" r:id=\"rId1\"/></p:sldIdLst></p:presentation>";
    let relations = "<Relationships><Relationship Id=\"rId1\" Type=\"x/slide\" Target=\"slides/slide1.xml\"/>\
                     <Relationship Id=\"rId2\" Type=\"x/slide\" Target=\"slides/slide2.xml\"/></Relationships>";
    let slide = |title: &str, text: &str| {
        format!(
            "<p:sld><p:sp><p:nvPr><p:ph type=\"title\"/></p:nvPr><a:p><a:r><a:t>{title}</a:t></a:r></a:p></p:sp>\
             <p:sp><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:sp></p:sld>"
        )
    };
    let notes = "<p:notes><p:sp><a:p><a:r><a:t>Say hello.</a:t></a:r></a:p></p:sp></p:notes>";
    let slide_relations = "<Relationships><Relationship Id=\"rId1\" Type=\"x/notesSlide\" Target=\"../notesSlides/notesSlide1.xml\"/></Relationships>";
    let bytes = archive(&[
        ("ppt/presentation.xml", main.as_bytes()),
        ("ppt/_rels/presentation.xml.rels", relations.as_bytes()),
        ("ppt/slides/slide1.xml", slide("Later", "b").as_bytes()),
        ("ppt/slides/slide2.xml", slide("Sooner", "a").as_bytes()),
        (
            "ppt/slides/_rels/slide2.xml.rels",
            slide_relations.as_bytes(),
        ),
        ("ppt/notesSlides/notesSlide1.xml", notes.as_bytes()),
    ]);
    let document = read(&bytes, "a.pptx").unwrap();
    assert_eq!(document.pages, Some(2));
    assert_eq!(
        document.text(),
        "## Slide 1: Sooner\n\na\n\nNotes: Say hello.\n\n## Slide 2: Later\n\nb"
    );
}
