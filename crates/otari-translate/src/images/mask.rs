//! Masks: OpenAI's says by transparent pixels what is to change, the others by black or white ones.
//! <https://platform.openai.com/docs/api-reference/images/createEdit>

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use png::{BitDepth, ColorType, Compression, Decoder, Encoder, Limits, Transformations};

use crate::error::TranslateError;

type Result<T> = std::result::Result<T, TranslateError>;

/// The longest side of a mask. No provider takes larger images.
const SIDE_MAX: u32 = 4096;
/// What reading a mask may take beside it; it is read by rows.
const MEMORY_MAX: usize = 4 * 1024 * 1024;
/// Below it a pixel counts as transparent: providers take no grey, and edges are softened.
const HALF: u8 = 128;

/// What a provider's mask shows as the part to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Changed {
    Black,
    White,
}

/// The mask in black and white, as base64 of a PNG.
pub(super) fn painted(mask: &[u8], changed: Changed) -> Result<String> {
    let mut decoder = Decoder::new_with_limits(Cursor::new(mask), Limits { bytes: MEMORY_MAX });
    decoder.set_transformations(Transformations::normalize_to_color8() | Transformations::ALPHA);
    let mut reader = decoder.read_info().map_err(|_| not_png())?;
    let info = reader.info();
    let (width, height) = (info.width, info.height);
    let is_seen_through = info.trns.is_some()
        || matches!(info.color_type, ColorType::GrayscaleAlpha | ColorType::Rgba);
    if width.max(height) > SIDE_MAX {
        return Err(invalid("should be at most 4096 pixels wide and high"));
    }
    if info.interlaced {
        return Err(invalid("should be a PNG that is not interlaced"));
    }
    if !is_seen_through {
        return Err(opaque());
    }
    let pixel = reader.output_color_type().0.samples();
    let (here, elsewhere) = match changed {
        Changed::Black => (u8::MIN, u8::MAX),
        Changed::White => (u8::MAX, u8::MIN),
    };
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, width, height);
    // Not grey: Amazon's models want three colours. https://docs.aws.amazon.com/nova/latest/userguide/image-gen-access.html
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Fast);
    let mut writer = encoder.write_header().map_err(|_| not_png())?;
    let mut stream = writer.stream_writer().map_err(|_| not_png())?;
    let mut row_of_three = Vec::new();
    let mut changes = false;
    while let Some(row) = reader.next_row().map_err(|_| not_png())? {
        row_of_three.clear();
        for pixel in row.data().chunks_exact(pixel) {
            let is_transparent = pixel.last().is_some_and(|alpha| *alpha < HALF);
            changes |= is_transparent;
            let colour = if is_transparent { here } else { elsewhere };
            row_of_three.extend([colour; 3]);
        }
        std::io::Write::write_all(&mut stream, &row_of_three).map_err(|_| not_png())?;
    }
    stream.finish().map_err(|_| not_png())?;
    writer.finish().map_err(|_| not_png())?;
    if changes {
        Ok(STANDARD.encode(out))
    } else {
        Err(opaque())
    }
}

fn not_png() -> TranslateError {
    invalid("should be a whole PNG")
}

fn opaque() -> TranslateError {
    invalid("should have transparent pixels where the image is to change; it has none")
}

fn invalid(problem: &str) -> TranslateError {
    TranslateError::Invalid {
        loc: "mask".to_owned(),
        problem: problem.to_owned(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A picture of one row.
    pub(in super::super) fn row(color: ColorType, pixels: &[u8]) -> Vec<u8> {
        let width = u32::try_from(pixels.len() / color.samples()).unwrap();
        let mut out = Vec::new();
        let mut encoder = Encoder::new(&mut out, width, 1);
        encoder.set_color(color);
        encoder.set_depth(BitDepth::Eight);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(pixels).unwrap();
        writer.finish().unwrap();
        out
    }

    /// The colours of a picture of one row.
    pub(in super::super) fn shown(base64: &str) -> Vec<u8> {
        let bytes = STANDARD.decode(base64).unwrap();
        let mut reader = Decoder::new(Cursor::new(bytes)).read_info().unwrap();
        assert_eq!(
            reader.output_color_type(),
            (ColorType::Rgb, BitDepth::Eight)
        );
        reader.next_row().unwrap().unwrap().data().to_vec()
    }

    #[test]
    fn what_is_transparent_is_painted() {
        let (b, w) = ([0; 3], [255; 3]);
        let mask = row(
            ColorType::Rgba,
            &[9, 9, 9, 255, 200, 0, 0, 0, 1, 1, 1, 128, 1, 1, 1, 127],
        );
        let white = painted(&mask, Changed::White).unwrap();
        assert_eq!(shown(&white), [b, w, b, w].concat());
        let black = painted(&mask, Changed::Black).unwrap();
        assert_eq!(shown(&black), [w, b, w, b].concat());
        let grey = row(ColorType::GrayscaleAlpha, &[255, 0, 0, 255]);
        assert_eq!(
            shown(&painted(&grey, Changed::White).unwrap()),
            [w, b].concat()
        );
    }

    #[test]
    fn a_palette_with_a_transparent_colour_is_a_mask() {
        let mut mask = Vec::new();
        let mut encoder = Encoder::new(&mut mask, 2, 1);
        encoder.set_color(ColorType::Indexed);
        encoder.set_depth(BitDepth::One);
        encoder.set_palette(vec![0, 0, 0, 255, 255, 255]);
        encoder.set_trns(vec![255, 0]);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&[0b0100_0000]).unwrap();
        writer.finish().unwrap();
        let painted = painted(&mask, Changed::White).unwrap();
        assert_eq!(shown(&painted), [[0; 3], [255; 3]].concat());
    }

    #[test]
    fn a_mask_that_says_nothing_is_refused() {
        let opaque = row(ColorType::Rgba, &[0, 0, 0, 255]);
        let black_and_white = row(ColorType::Rgb, &[0, 0, 0, 255, 255, 255]);
        let whole = row(ColorType::Rgba, &[0, 0, 0, 0]);
        let short = whole.get(..whole.len() - 20).unwrap();
        let wide = row(ColorType::Rgba, &vec![0; 4 * 4097]);
        for (mask, says) in [
            (opaque.as_slice(), "transparent"),
            (black_and_white.as_slice(), "transparent"),
            (short, "whole PNG"),
            (b"GIF89a".as_slice(), "whole PNG"),
            (b"".as_slice(), "whole PNG"),
            (wide.as_slice(), "4096"),
        ] {
            let refused = painted(mask, Changed::White).unwrap_err();
            assert_eq!(refused.member(), "mask");
            assert!(refused.to_string().contains(says), "{refused}");
        }
    }
}
