//! The head: logistic regression on the encoder's numbers, trained by `bench/guardrails/train.py`.

use ndarray::{Array1, ArrayView1};
use serde::Deserialize;

use crate::EncoderError;
use crate::model::WIDTH;

const INJECTIONS: &str = include_str!("head/injection.json");

#[derive(Deserialize)]
struct Trained {
    threshold: f32,
    bias: f32,
    weights: Vec<f32>,
}

pub(crate) struct Head {
    weights: Array1<f32>,
    /// The bias, less the threshold.
    offset: f32,
}

impl Head {
    pub(crate) fn of_injections() -> Result<Self, EncoderError> {
        let malformed = |problem: String| EncoderError::Malformed(format!("the head: {problem}"));
        let trained: Trained =
            serde_json::from_str(INJECTIONS).map_err(|error| malformed(error.to_string()))?;
        if trained.weights.len() != WIDTH {
            return Err(malformed(format!("{} weights", trained.weights.len())));
        }
        Ok(Self {
            weights: Array1::from(trained.weights),
            offset: trained.bias - trained.threshold,
        })
    }

    pub(crate) fn score(&self, vector: ArrayView1<'_, f32>) -> f64 {
        let logit = f64::from(self.weights.dot(&vector) + self.offset);
        1.0 / (1.0 + (-logit).exp())
    }
}
