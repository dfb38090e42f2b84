//! The words of a page, from where its glyphs stand.
//!
//! A PDF places glyphs; words and lines are what that looks like. They are taken in the order they are drawn, which
//! keeps columns apart; a gap in a line is a space, a step to another line is a new line.

use hayro::hayro_interpret::font::{Glyph, GlyphRun};
use hayro::hayro_interpret::hayro_cmap::{BfString, WritingMode};
use hayro::hayro_interpret::{
    BlendMode, ClipPath, Device, DrawMode, DrawProps, Image, ImageDrawProps, SoftMask,
};
use hayro::kurbo::{Affine, BezPath, Point, Vec2};

/// Of a glyph's height: a gap this wide is a space.
const SPACE: f64 = 0.18;
/// This wide, it separates columns of a table.
const COLUMN: f64 = 1.0;
/// This far from the line, it is another line.
const LINE: f64 = 0.5;
/// This far, it is another paragraph.
const PARAGRAPH: f64 = 2.0;
/// The units a glyph is drawn in.
const EM: f64 = 1000.0;

/// What a page says.
#[derive(Debug, Default)]
pub(super) struct PageText {
    pub(super) text: String,
    /// It shows something that is no text.
    pub(super) draws: bool,
}

/// Reads a page while it is interpreted.
#[derive(Debug)]
pub(super) struct Reader {
    out: PageText,
    limit: usize,
    last: Option<Place>,
}

/// Where a glyph ended, on which line.
#[derive(Clone, Copy, Debug)]
struct Place {
    start: Point,
    end: Point,
    /// Along the line, of length one.
    direction: Vec2,
    height: f64,
}

impl Reader {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            out: PageText::default(),
            limit,
            last: None,
        }
    }

    pub(super) fn finish(self) -> PageText {
        PageText {
            text: tidy(&self.out.text),
            draws: self.out.draws,
        }
    }

    fn glyph(&mut self, glyph: &Glyph<'_>, transform: Affine, vertical: bool) {
        if self.out.text.len() > self.limit {
            return;
        }
        let text = match glyph.as_unicode() {
            Some(BfString::Char(letter)) => letter.to_string(),
            Some(BfString::String(text)) => text,
            None => return,
        };
        let Some(place) = Place::of(glyph, transform, vertical) else {
            return;
        };
        if text.chars().all(char::is_whitespace) {
            // Where it stands is seen from the glyphs around it; without a width only it says so.
            self.space();
            if let Some(last) = &mut self.last {
                last.end = place.end;
            }
            return;
        }
        if self.is_drawn_again(&text, place) {
            return;
        }
        self.separate(place);
        self.out
            .text
            .extend(text.chars().filter(|c| !c.is_control()));
        self.last = Some(place);
    }

    /// Bold print by drawing twice, a hair apart.
    fn is_drawn_again(&self, text: &str, place: Place) -> bool {
        self.last.is_some_and(|last| {
            last.start.distance(place.start) < last.height * 0.08 && self.out.text.ends_with(text)
        })
    }

    fn separate(&mut self, place: Place) {
        let Some(last) = self.last else { return };
        let height = last.height.max(place.height).max(f64::EPSILON);
        let step = place.start - last.end;
        let along = step.dot(last.direction) / height;
        let across = step.cross(last.direction).abs() / height;
        let turned = last.direction.dot(place.direction) < 0.9;
        if turned || across > PARAGRAPH {
            self.out.text.push_str("\n\n");
        } else if across > LINE || along < -COLUMN {
            self.out.text.push('\n');
        } else if along > COLUMN {
            self.space();
            self.out.text.push_str("  ");
        } else if along > SPACE {
            self.space();
        }
    }

    fn space(&mut self) {
        if !self.out.text.ends_with(char::is_whitespace) {
            self.out.text.push(' ');
        }
    }
}

impl Place {
    fn of(glyph: &Glyph<'_>, transform: Affine, vertical: bool) -> Option<Self> {
        let advance = match glyph {
            Glyph::Outline(glyph) => glyph.advance_width(),
            Glyph::Type3(glyph) => glyph.advance_width(),
        };
        let advance = f64::from(advance.unwrap_or(0.0));
        let start = transform * Point::ORIGIN;
        let up = transform * Point::new(0.0, EM) - start;
        let right = transform * Point::new(EM, 0.0) - start;
        let (line, width) = if vertical {
            (-up, EM)
        } else {
            (right, advance)
        };
        let length = line.hypot();
        let finite = start.is_finite() && line.is_finite() && length > 0.0;
        finite.then(|| Self {
            start,
            end: start + line * (width / EM),
            direction: line / length,
            height: up.hypot(),
        })
    }
}

impl<'a> Device<'a> for Reader {
    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {
        self.out.draws = true;
    }

    fn push_clip_path(&mut self, _: &ClipPath) {}

    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}

    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, _: &DrawMode) {
        let vertical = matches!(run.writing_mode(), WritingMode::Vertical);
        for glyph in run.glyphs() {
            if glyph.as_unicode().is_none() {
                self.out.draws = true;
            }
            self.glyph(glyph, props.transform * glyph.transform(), vertical);
        }
    }

    fn draw_image(&mut self, _: Image<'a, '_>, _: ImageDrawProps<'a>) {
        self.out.draws = true;
    }

    fn pop_clip(&mut self) {}

    fn pop_transparency_group(&mut self) {}
}

/// No spaces at the ends of lines, and no more than one empty line.
fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut empty = 0;
    for line in text.lines().map(str::trim_end) {
        empty = if line.is_empty() { empty + 1 } else { 0 };
        if empty < 2 {
            out.push_str(line);
            out.push('\n');
        }
    }
    out.trim().to_owned()
}
