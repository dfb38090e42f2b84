//! What a streamed answer looks like, told by the model's name so that it passes every gateway unchanged.

use std::time::Duration;

/// How many chunks of content a stream has, and how far apart they are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub chunks: u32,
    pub gap: Duration,
}

impl Shape {
    /// Of a model without a shape in its name.
    pub const DEFAULT: Self = Self {
        chunks: 20,
        gap: Duration::from_millis(10),
    };

    /// Reads `…-s<chunks>-g<gap in ms>`, as in `mock-s100-g20`. Any instance prefix is skipped.
    pub fn of_model(model: &str) -> Self {
        let mut shape = Self::DEFAULT;
        for part in model.split('-').skip(1) {
            let Some((kind, figure)) = part.split_at_checked(1) else {
                continue;
            };
            match (kind, figure.parse::<u32>()) {
                ("s", Ok(chunks)) => shape.chunks = chunks,
                ("g", Ok(millis)) => shape.gap = Duration::from_millis(millis.into()),
                _ => {}
            }
        }
        shape
    }

    /// The model name that asks for this shape.
    pub fn model(self) -> String {
        format!("mock-s{}-g{}", self.chunks, self.gap.as_millis())
    }
}
