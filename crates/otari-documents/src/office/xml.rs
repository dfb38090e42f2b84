//! XML as the parts have it: elements and text, without document types.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::DocumentError;

/// What a part consists of.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Node {
    Open(Element),
    /// The local name.
    Close(String),
    Text(String),
}

/// An element's opening tag. Names are without their prefixes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
}

impl Element {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut found = self.attributes.iter().filter(|(key, _)| key == name);
        found.next().map(|(_, value)| value.as_str())
    }

    /// The `val` of Word's properties.
    pub(super) fn val(&self) -> Option<&str> {
        self.get("val")
    }

    /// `r:id`, beside which there may be an `id` of another meaning.
    pub(super) fn relation(&self) -> Option<&str> {
        let mut found = self.attributes.iter().filter(|(key, _)| key == "r:id");
        found.next().map(|(_, value)| value.as_str())
    }
}

/// Reads a part node by node, no deeper than its bound.
pub(super) struct Part<'t> {
    reader: Reader<&'t [u8]>,
    depth: usize,
    depth_max: usize,
    /// An empty element is opened and closed.
    closing: Option<String>,
}

impl<'t> Part<'t> {
    pub(super) fn new(text: &'t str, depth_max: usize) -> Self {
        Self {
            reader: Reader::from_str(text),
            depth: 0,
            depth_max,
            closing: None,
        }
    }

    /// The next node, `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Node>, DocumentError> {
        if let Some(name) = self.closing.take() {
            self.depth = self.depth.saturating_sub(1);
            return Ok(Some(Node::Close(name)));
        }
        loop {
            let event = self
                .reader
                .read_event()
                .map_err(|error| DocumentError::Damaged(format!("its XML is broken ({error})")))?;
            let node = match event {
                Event::Start(start) => Node::Open(self.open(&start)?),
                Event::Empty(start) => {
                    let element = self.open(&start)?;
                    self.closing = Some(element.name.clone());
                    Node::Open(element)
                }
                Event::End(end) => {
                    self.depth = self.depth.saturating_sub(1);
                    Node::Close(local(end.name().as_ref()))
                }
                Event::Text(text) => Node::Text(text.xml10_content().into_owned()),
                Event::CData(text) => Node::Text(text.into_inner().into_owned()),
                Event::GeneralRef(reference) => match resolve(&reference.into_inner()) {
                    Some(text) => Node::Text(text),
                    None => continue,
                },
                Event::DocType(_) => {
                    let text = "its XML declares a document type, as no Office program does";
                    return Err(DocumentError::Hostile(text.to_owned()));
                }
                Event::Eof => return Ok(None),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => continue,
            };
            return Ok(Some(node));
        }
    }

    fn open(&mut self, start: &BytesStart<'_>) -> Result<Element, DocumentError> {
        self.depth += 1;
        if self.depth > self.depth_max {
            let max = self.depth_max;
            let text = format!("its elements are nested more than {max} deep");
            return Err(DocumentError::Hostile(text));
        }
        let attributes = start.attributes().flatten().filter_map(|attribute| {
            let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0);
            let key = attribute.key.as_ref();
            let key = if key == "r:id" {
                key.to_owned()
            } else {
                local(key)
            };
            Some((key, value.ok()?.into_owned()))
        });
        Ok(Element {
            name: local(start.name().as_ref()),
            attributes: attributes.collect(),
        })
    }
}

fn local(name: &str) -> String {
    name.rsplit(':').next().unwrap_or(name).to_owned()
}

/// A character. There are no others: nothing declares them.
fn resolve(reference: &str) -> Option<String> {
    if let Some(number) = reference.strip_prefix('#') {
        let code = match number.strip_prefix('x') {
            Some(digits) => u32::from_str_radix(digits, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).map(String::from);
    }
    let text = match reference {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => return None,
    };
    Some(text.to_owned())
}
