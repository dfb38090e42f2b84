//! What documents say, and what hostile ones cannot do.

mod hostile;
mod office;
mod pdf;
mod plain;
mod worker;

use otari_documents::{Document, DocumentError, Label, Limits, extract};

fn read(bytes: &[u8], name: &str) -> Result<Document, DocumentError> {
    read_within(bytes, name, &Limits::default())
}

fn read_within(bytes: &[u8], name: &str, limits: &Limits) -> Result<Document, DocumentError> {
    let label = Label {
        filename: Some(name.to_owned()),
        mime_type: None,
    };
    extract(bytes, &label, limits)
}
