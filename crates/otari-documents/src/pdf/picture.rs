//! A page as a picture.

use hayro::hayro_interpret::InterpreterSettings;
use hayro::hayro_syntax::page::Page;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings, render};
use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;

/// Scans are legible at it, and a tenth of what lossless ones take.
const QUALITY: u8 = 80;
/// Print is legible at 150 to 200 dots an inch; more only costs.
const SCALE_MAX: f32 = 200.0 / 72.0;

/// What a page looks like.
pub(super) enum Drawn {
    Jpeg(Vec<u8>),
    /// All of it has one colour.
    Blank,
    /// It has no sensible size.
    Impossible,
}

/// The page as a JPEG whose longer side has at most `side` pixels.
pub(super) fn draw<'a>(
    page: &'a Page<'a>,
    cache: &RenderCache<'a>,
    settings: &InterpreterSettings,
    side: u16,
) -> Drawn {
    let (width, height) = page.render_dimensions();
    let longer = width.max(height);
    if !longer.is_finite() || width.min(height) < 1.0 {
        return Drawn::Impossible;
    }
    let scale = (f32::from(side) / longer).min(SCALE_MAX);
    if width.min(height) * scale < 1.0 {
        return Drawn::Impossible;
    }
    let pixmap_settings = PixmapSettings {
        x_scale: scale,
        y_scale: scale,
        bg_color: WHITE,
    };
    let drawn = render(
        page,
        cache,
        settings,
        &RenderSettings::default(),
        &pixmap_settings,
    );
    let mut rgb = Vec::with_capacity(drawn.data_as_u8_slice().len() / 4 * 3);
    for pixel in drawn.data_as_u8_slice().chunks_exact(4) {
        rgb.extend(pixel.iter().take(3));
    }
    let first = rgb.get(..3).unwrap_or_default();
    if rgb.chunks_exact(3).all(|pixel| pixel == first) {
        return Drawn::Blank;
    }
    let mut jpeg = Vec::new();
    let (width, height) = (u32::from(drawn.width()), u32::from(drawn.height()));
    let encoded = JpegEncoder::new_with_quality(&mut jpeg, QUALITY).encode(
        &rgb,
        width,
        height,
        ExtendedColorType::Rgb8,
    );
    match encoded {
        Ok(()) => Drawn::Jpeg(jpeg),
        Err(_) => Drawn::Impossible,
    }
}
