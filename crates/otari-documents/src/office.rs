//! Office Open XML: archives of XML parts.

mod archive;
mod numbering;
mod presentation;
mod relations;
mod sheet;
mod styles;
mod word;
mod xml;

pub(crate) use presentation::read as pptx;
pub(crate) use sheet::read as xlsx;
pub(crate) use word::read as docx;
