//! Documents for tests, made on the spot.

use std::io::{Cursor, Write as _};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const DOCUMENT: &str = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";

/// A PDF with a line of text on each page.
pub fn pdf(pages: &[&str]) -> Vec<u8> {
    let contents = pages.iter().map(|text| {
        let text = text
            .replace('\\', "\\\\")
            .replace('(', "\\(")
            .replace(')', "\\)");
        format!("BT /F1 12 Tf 72 720 Td ({text}) Tj ET")
    });
    pdf_of(&contents.collect::<Vec<_>>(), "")
}

/// A PDF whose pages hold a picture of a black square and no text.
pub fn scan(pages: usize) -> Vec<u8> {
    let page = "q 200 0 0 200 100 400 cm BI /W 1 /H 1 /CS /G /BPC 8 /F /AHx ID 00> EI Q";
    pdf_of(&vec![page.to_owned(); pages], "")
}

/// A PDF of these content streams. `more`: members of the page's resources.
pub fn pdf_of(contents: &[String], more: &str) -> Vec<u8> {
    let first = 4;
    let kids: Vec<String> = (0..contents.len())
        .map(|page| format!("{} 0 R", first + page * 2))
        .collect();
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!(
            "<< /Type /Pages /Kids [{}] /Count {} >>",
            kids.join(" "),
            contents.len()
        ),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    for (page, content) in contents.iter().enumerate() {
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {} 0 R \
             /Resources << /Font << /F1 3 0 R >> {more} >> >>",
            first + page * 2 + 1
        ));
        objects.push(stream(content));
    }
    file(&objects, "")
}

/// A stream object of this content.
pub fn stream(content: &str) -> String {
    format!(
        "<< /Length {} >>\nstream\n{content}\nendstream",
        content.len()
    )
}

/// A PDF file of these objects, numbered from one; the first is its catalogue.
pub fn file(objects: &[String], trailer: &str) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut places = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        places.push(out.len());
        out.extend(format!("{} 0 obj\n{object}\nendobj\n", index + 1).bytes());
    }
    let table = out.len();
    out.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).bytes());
    for place in places {
        out.extend(format!("{place:010} 00000 n \n").bytes());
    }
    let size = objects.len() + 1;
    out.extend(
        format!("trailer\n<< /Size {size} /Root 1 0 R {trailer} >>\nstartxref\n{table}\n%%EOF\n")
            .bytes(),
    );
    out
}

/// A Word document of these paragraphs.
pub fn docx(paragraphs: &[&str]) -> Vec<u8> {
    let paragraphs: Vec<String> = paragraphs
        .iter()
        .map(|text| format!("<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"))
        .collect();
    docx_of(&paragraphs.concat())
}

/// A Word document of this body.
pub fn docx_of(body: &str) -> Vec<u8> {
    let document =
        format!("<w:document xmlns:w=\"{DOCUMENT}\"><w:body>{body}</w:body></w:document>");
    archive(&[("word/document.xml", document.as_bytes())])
}

/// An archive of these parts.
pub fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        // Into memory: nothing can fail.
        let _ = zip.start_file(*name, SimpleFileOptions::default());
        let _ = zip.write_all(content);
    }
    zip.finish().map(Cursor::into_inner).unwrap_or_default()
}
