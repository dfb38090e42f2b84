//! What documents say: bytes of a PDF, a Word, Excel or PowerPoint file, a web page or a text become Markdown, and pages
//! without text become pictures.
//!
//! Pure, bounded by [`Limits`], and not to be trusted with the process it runs in: its libraries read what strangers
//! made. The gateway runs it as [`worker`], a process of its own.

mod document;
mod error;
mod html;
mod kind;
mod limits;
mod office;
mod pdf;
mod plain;
mod table;
#[cfg(feature = "testing")]
pub mod testing;
pub mod worker;
mod written;

pub use document::{Document, Segment};
pub use error::DocumentError;
pub use kind::{Kind, looks_like_image};
pub use limits::Limits;

use written::Written;

/// What is said of a document beside its bytes. Its content decides where the two disagree.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Label {
    pub filename: Option<String>,
    pub mime_type: Option<String>,
}

/// Reads a document. Deterministic; takes time and memory in proportion to the limits.
pub fn extract(bytes: &[u8], label: &Label, limits: &Limits) -> Result<Document, DocumentError> {
    if bytes.is_empty() {
        return Err(DocumentError::Empty);
    }
    if bytes.len() > limits.input_bytes {
        return Err(DocumentError::TooLarge {
            max: limits.input_bytes,
        });
    }
    let kind = Kind::of(bytes, label)?;
    let mut out = Written::new(limits.text_bytes);
    let pages = match kind {
        Kind::Pdf => Some(pdf::read(bytes, limits, &mut out)?),
        Kind::Docx => {
            office::docx(bytes, limits, &mut out)?;
            None
        }
        Kind::Xlsx => {
            office::xlsx(bytes, limits, &mut out)?;
            None
        }
        Kind::Pptx => Some(office::pptx(bytes, limits, &mut out)?),
        Kind::Html => {
            html::read(bytes, limits, &mut out)?;
            None
        }
        Kind::Text => {
            plain::read(bytes, &mut out)?;
            None
        }
    };
    Ok(out.finish(kind, pages))
}
