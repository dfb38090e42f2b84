//! How large, and in which shape: `1024x1536`, or as some say it, `2:3`.

use crate::error::TranslateError;

/// As some sizes are called by shapes that they have only nearly: `1792x1024` is 16:9.
const NEARLY: f64 = 0.03;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Size {
    /// The model's choice.
    #[default]
    Auto,
    Pixels(u32, u32),
    Ratio(u32, u32),
}

impl Size {
    pub(super) fn parse(text: &str) -> Result<Self, TranslateError> {
        if text.is_empty() || text == "auto" {
            return Ok(Self::Auto);
        }
        let pair = |by: char| {
            let (width, height) = text.split_once(by)?;
            let read = |side: &str| side.trim().parse().ok().filter(|side: &u32| *side > 0);
            Some((read(width)?, read(height)?))
        };
        match (pair('x'), pair(':')) {
            (Some((width, height)), _) => Ok(Self::Pixels(width, height)),
            (None, Some((width, height))) => Ok(Self::Ratio(width, height)),
            (None, None) => Err(invalid(format!(
                "'{text}' is no size: write 1024x1024, or auto"
            ))),
        }
    }

    /// The first of `shapes` that the size has.
    pub(super) fn shape(
        self,
        shapes: &'static [&'static str],
    ) -> Result<Option<&'static str>, TranslateError> {
        let (Self::Pixels(width, height) | Self::Ratio(width, height)) = self else {
            return Ok(None);
        };
        let wanted = f64::from(width) / f64::from(height);
        let fits = |shape: &&&str| {
            let Some((width, height)) = shape.split_once(':') else {
                return false;
            };
            let side = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
            let ratio = side(width) / side(height);
            ((wanted - ratio) / ratio).abs() < NEARLY
        };
        match shapes.iter().find(fits) {
            Some(shape) => Ok(Some(shape)),
            None => Err(invalid(format!(
                "the model draws no picture of this shape, only {}",
                shapes.join(", ")
            ))),
        }
    }

    pub(super) fn is_given(self) -> bool {
        self != Self::Auto
    }

    /// The longer side, where it is given.
    pub(super) fn longest(self) -> Option<u32> {
        match self {
            Self::Pixels(width, height) => Some(width.max(height)),
            Self::Auto | Self::Ratio(..) => None,
        }
    }

    /// Width and height, for who wants those.
    pub(super) fn pixels(self) -> Result<Option<(i64, i64)>, TranslateError> {
        match self {
            Self::Auto => Ok(None),
            Self::Pixels(width, height) => Ok(Some((width.into(), height.into()))),
            Self::Ratio(..) => Err(invalid(
                "the model wants pixels, as in 1024x1024".to_owned(),
            )),
        }
    }
}

pub(super) fn invalid(problem: String) -> TranslateError {
    TranslateError::Invalid {
        loc: "size".to_owned(),
        problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_shapes() {
        let shapes: &[&str] = &["1:1", "3:2", "16:9", "9:16"];
        for (text, shape) in [
            ("1024x1024", Some(Some("1:1"))),
            ("1536x1024", Some(Some("3:2"))),
            ("1792x1024", Some(Some("16:9"))),
            ("1024x1792", Some(Some("9:16"))),
            ("9:16", Some(Some("9:16"))),
            ("auto", Some(None)),
            ("1000x100", None),
        ] {
            let size = Size::parse(text).unwrap();
            assert_eq!(size.shape(shapes).ok(), shape, "{text}");
        }
        for text in ["big", "1024", "0x5", "-1x5", "x"] {
            assert!(Size::parse(text).is_err(), "{text}");
        }
    }
}
