//! PDF files: the text of each page, or a picture of it.

mod picture;
mod text;

use hayro::RenderCache;
use hayro::hayro_interpret::util::TransformExt as _;
use hayro::hayro_interpret::{Context, InterpreterCache, InterpreterSettings, interpret_page};
use hayro::hayro_syntax::page::Page;
use hayro::hayro_syntax::{DecryptionError, LoadPdfError, Pdf};

use crate::written::Written;
use crate::{DocumentError, Limits};
use picture::Drawn;
use text::Reader;

/// Fewer letters than this on a page are a stamp or a page number, not what the page says.
const LETTERS_MIN: usize = 16;

/// Answers how many pages there are.
pub(crate) fn read(
    bytes: &[u8],
    limits: &Limits,
    out: &mut Written,
) -> Result<usize, DocumentError> {
    let pdf = Pdf::new(bytes.to_vec()).map_err(|error| match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => DocumentError::Encrypted,
        LoadPdfError::Decryption(_) => {
            DocumentError::Unsupported("its encryption is of a kind not known here".to_owned())
        }
        LoadPdfError::Invalid => DocumentError::Damaged("no pages can be found in it".to_owned()),
    })?;
    let pages = pdf.pages();
    if pages.is_empty() {
        return Err(DocumentError::Damaged("it has no pages".to_owned()));
    }
    let settings = InterpreterSettings::default();
    let cache = RenderCache::new();
    let mut reading = Reading {
        settings: &settings,
        cache: &cache,
        fonts: InterpreterCache::new(),
        limits,
        pictures: 0,
        several: pages.len() > 1,
    };
    for (index, page) in pages.iter().enumerate() {
        if index >= limits.pages {
            out.leave_out(format!(
                "only the first {index} pages of {} are read",
                pages.len()
            ));
            break;
        }
        if out.is_full() {
            out.leave_out(format!("the text ends on page {index} of {}", pages.len()));
            break;
        }
        reading.page(page, index + 1, out);
    }
    Ok(pages.len())
}

struct Reading<'r, 'a> {
    settings: &'r InterpreterSettings,
    cache: &'r RenderCache<'a>,
    fonts: InterpreterCache<'a>,
    limits: &'r Limits,
    pictures: usize,
    several: bool,
}

impl<'a> Reading<'_, 'a> {
    fn page(&mut self, page: &'a Page<'a>, number: usize, out: &mut Written) {
        let read = self.text(page);
        let letters = read.text.chars().filter(|c| c.is_alphanumeric()).count();
        let shows_more = read.draws && letters < LETTERS_MIN;
        if self.several && (letters > 0 || shows_more) {
            out.block(&format!("[Page {number}]"));
        }
        if shows_more {
            self.picture(page, number, out);
        }
        out.block(&read.text);
    }

    fn text(&self, page: &'a Page<'a>) -> text::PageText {
        let transform = page.initial_transform(true).to_kurbo();
        let (width, height) = page.render_dimensions();
        let bounds = hayro::kurbo::Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
        let mut context = Context::new(
            transform,
            bounds,
            &self.fonts,
            page.xref(),
            self.settings.clone(),
        );
        let mut reader = Reader::new(self.limits.text_bytes);
        interpret_page(page, &mut context, &mut reader);
        reader.finish()
    }

    fn picture(&mut self, page: &'a Page<'a>, number: usize, out: &mut Written) {
        if self.pictures >= self.limits.pictures {
            let most = self.limits.pictures;
            out.leave_out(format!(
                "of pages without text only the first {most} are shown"
            ));
            return;
        }
        let side = self.limits.picture_side;
        match picture::draw(page, self.cache, self.settings, side) {
            Drawn::Jpeg(jpeg) => {
                self.pictures += 1;
                out.picture(number, jpeg);
            }
            Drawn::Blank => {}
            Drawn::Impossible => out.leave_out(format!("page {number} cannot be drawn")),
        }
    }
}
