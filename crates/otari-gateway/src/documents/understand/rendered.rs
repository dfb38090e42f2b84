//! One attachment, for one model.

use bytes::Bytes;
use otari_documents::{Document, Label, Segment, looks_like_image};

use super::Understanding;
use crate::documents::Documents;
use crate::documents::ability::Ability;
use crate::documents::image::{Words, words};
use crate::documents::limits::IMAGE_BYTES_MAX;
use crate::documents::piece::{Inline, Piece, Shown, Source};
use crate::documents::source::{AtHand, NotAtHand, get, stored};

const PDF: &str = "application/pdf";
const WITHHELD: &str = "[What stands here was withheld by a guardrail.]";

/// What becomes of an attachment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rendered {
    Untouched,
    Shown(Vec<Shown>),
}

pub(super) async fn one(
    understanding: &Understanding<'_>,
    documents: &Documents,
    piece: &Piece,
    ability: Ability,
) -> Rendered {
    let job = Job {
        understanding,
        documents,
        piece,
        ability,
    };
    if job.is_taken() {
        return job.inlined().await;
    }
    let max = if piece.is_image {
        IMAGE_BYTES_MAX
    } else {
        documents.options.limits.input_bytes
    };
    let asker = understanding.asker;
    let user = &asker.billed.user;
    match get(asker.gateway, documents, user, piece, max).await {
        Ok(at_hand) => Rendered::Shown(job.shown(at_hand).await),
        // A document that only the provider has is the provider's to read.
        Err(NotAtHand::UnknownFile) if !piece.is_image => Rendered::Untouched,
        Err(NotAtHand::UnknownFile) => Rendered::Shown(vec![job.not_shown("no file has its id")]),
        Err(NotAtHand::Because(why)) => Rendered::Shown(vec![job.not_shown(&why)]),
    }
}

/// One beyond those that are read.
pub(super) fn too_many(piece: &Piece, ability: Ability) -> Rendered {
    let taken = if piece.is_image {
        ability.image
    } else {
        ability.office
    };
    if taken {
        return Rendered::Untouched;
    }
    let text = "[An attachment was left out: there are too many.]";
    Rendered::Shown(vec![Shown::Text(text.to_owned())])
}

struct Job<'a> {
    understanding: &'a Understanding<'a>,
    documents: &'a Documents,
    piece: &'a Piece,
    ability: Ability,
}

impl Job<'_> {
    /// Whether the model takes it as it is.
    fn is_taken(&self) -> bool {
        let Ability { image, pdf, office } = self.ability;
        if self.piece.is_image {
            return image;
        }
        match &self.piece.source {
            Source::Text(_) | Source::Url(_) | Source::Broken => pdf,
            _ if office => true,
            // What it is shows only when it is there.
            Source::FileId(_) => false,
            Source::Data(data) => pdf && is_pdf(data),
        }
    }

    /// A file of the caller's is sent along; everything else goes as it came.
    async fn inlined(&self) -> Rendered {
        let Source::FileId(id) = &self.piece.source else {
            return Rendered::Untouched;
        };
        let asker = self.understanding.asker;
        let max = self.documents.options.limits.input_bytes;
        match stored(asker.gateway, &asker.billed.user, id, max).await {
            Ok(at_hand) => Rendered::Shown(vec![self.inline(at_hand)]),
            Err(NotAtHand::UnknownFile) => Rendered::Untouched,
            Err(NotAtHand::Because(why)) => Rendered::Shown(vec![self.not_shown(&why)]),
        }
    }

    fn inline(&self, at_hand: AtHand) -> Shown {
        let AtHand {
            data,
            filename,
            mime_type,
        } = at_hand;
        let image = looks_like_image(&data);
        let mime_type = match image {
            Some(mime) => mime.to_owned(),
            None if is_pdf(&data) => PDF.to_owned(),
            None => mime_type.unwrap_or_else(|| "application/octet-stream".to_owned()),
        };
        Shown::Inline(Inline {
            is_image: self.piece.is_image || image.is_some() && self.ability.image,
            mime_type,
            filename: self.piece.filename.clone().or(filename),
            data,
        })
    }

    async fn shown(&self, at_hand: AtHand) -> Vec<Shown> {
        let is_image = looks_like_image(&at_hand.data).is_some();
        if is_image && self.ability.image {
            return vec![self.inline(at_hand)];
        }
        if is_image {
            return self.image(&at_hand.data, "image").await;
        }
        if self.ability.pdf && is_pdf(&at_hand.data) {
            return vec![self.inline(at_hand)];
        }
        self.document(at_hand).await
    }

    async fn image(&self, image: &Bytes, what: &str) -> Vec<Shown> {
        let words = words(self.understanding.asker, self.documents, image).await;
        let text = match words {
            Words::Described(text) => {
                let text = self.checked(&text).await;
                format!("[This {what} is described for you:]\n{text}\n[End of the description]")
            }
            Words::Read(text) => {
                let text = self.checked(&text).await;
                format!("[The text in this {what}:]\n{text}\n[End of the text]")
            }
            Words::Dropped => return Vec::new(),
            Words::None => format!("[There is an {what} here that you cannot see.]"),
        };
        vec![Shown::Text(text)]
    }

    async fn document(&self, at_hand: AtHand) -> Vec<Shown> {
        let AtHand {
            data,
            filename,
            mime_type,
        } = at_hand;
        let label = Label {
            filename: self.piece.filename.clone().or(filename),
            mime_type,
        };
        let name = Piece {
            filename: label.filename.clone(),
            ..self.piece.clone()
        }
        .name();
        match &*self.documents.read(&data, &label).await {
            Ok(document) => self.told(&name, document).await,
            Err(unreadable) => {
                let why = &unreadable.why;
                let text = format!("[The document \"{name}\" could not be read: {why}.]");
                vec![Shown::Text(text)]
            }
        }
    }

    async fn told(&self, name: &str, document: &Document) -> Vec<Shown> {
        let mut out = Vec::new();
        let mut text = format!("<document name=\"{name}\">\n");
        for segment in &document.segments {
            match segment {
                Segment::Text(segment) => {
                    text.push_str(&self.checked(segment).await);
                    text.push('\n');
                }
                Segment::Page { jpeg, .. } if self.ability.image => {
                    out.push(Shown::Text(std::mem::take(&mut text)));
                    out.push(Shown::Inline(Inline {
                        is_image: true,
                        mime_type: "image/jpeg".to_owned(),
                        filename: None,
                        data: Bytes::copy_from_slice(jpeg),
                    }));
                }
                Segment::Page { jpeg, .. } => {
                    let jpeg = Bytes::copy_from_slice(jpeg);
                    for shown in self.image(&jpeg, "image of a page").await {
                        if let Shown::Text(words) = shown {
                            text.push_str(&words);
                            text.push('\n');
                        }
                    }
                }
            }
        }
        text.push_str("</document>");
        out.push(Shown::Text(text));
        out.retain(|shown| !matches!(shown, Shown::Text(text) if text.trim().is_empty()));
        out
    }

    /// A text from outside, as the model may read it. It cannot say that it ends.
    async fn checked(&self, text: &str) -> String {
        let text = text.replace("</document", "<\\/document");
        match &self.understanding.checks {
            None => text,
            Some(checks) => checks
                .read(&text)
                .await
                .unwrap_or_else(|| WITHHELD.to_owned()),
        }
    }

    fn not_shown(&self, why: &str) -> Shown {
        let what = if self.piece.is_image {
            "An image".to_owned()
        } else {
            format!("The document \"{}\"", self.piece.name())
        };
        Shown::Text(format!("[{what} could not be read: {why}.]"))
    }
}

/// Some have other bytes in front.
fn is_pdf(data: &[u8]) -> bool {
    const WITHIN: usize = 1024;
    let head = data.get(..WITHIN).unwrap_or(data);
    memchr::memmem::find(head, b"%PDF-").is_some()
}
