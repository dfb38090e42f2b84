//! A safetensors file: the length of a JSON header, the header, the numbers.
//! <https://huggingface.co/docs/safetensors>

use std::collections::HashMap;

use ndarray::{Array1, Array2};
use serde::Deserialize;
use serde_json::Value;

use crate::EncoderError;

const LENGTH_BYTES: usize = 8;
const F32_BYTES: usize = 4;

#[derive(Deserialize)]
struct Told {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

/// The tensors of a file that hold 32-bit floats, by name. Each can be taken once.
pub(crate) struct Tensors(HashMap<String, (Vec<usize>, Vec<f32>)>);

impl Tensors {
    pub(crate) fn parse(file: &[u8]) -> Result<Self, EncoderError> {
        let (header, data) = split(file).ok_or_else(|| malformed("it is cut off"))?;
        let header: HashMap<String, Value> =
            serde_json::from_slice(header).map_err(|error| malformed(&error.to_string()))?;
        let mut tensors = HashMap::new();
        for (name, told) in header {
            let Ok(told) = serde_json::from_value::<Told>(told) else {
                continue; // `__metadata__`
            };
            if told.dtype != "F32" {
                continue;
            }
            let bytes = data.get(told.data_offsets.0..told.data_offsets.1);
            let bytes = bytes.ok_or_else(|| malformed("it is cut off"))?;
            let (numbers, _) = bytes.as_chunks::<F32_BYTES>();
            let numbers = numbers.iter().copied().map(f32::from_le_bytes).collect();
            tensors.insert(name, (told.shape, numbers));
        }
        Ok(Self(tensors))
    }

    pub(crate) fn vector(
        &mut self,
        name: &str,
        length: usize,
    ) -> Result<Array1<f32>, EncoderError> {
        let (shape, numbers) = self.take(name)?;
        if shape != [length] {
            return Err(malformed(&format!("{name} has the shape {shape:?}")));
        }
        Ok(Array1::from(numbers))
    }

    /// Of any number of rows.
    pub(crate) fn matrix(
        &mut self,
        name: &str,
        columns: usize,
    ) -> Result<Array2<f32>, EncoderError> {
        let (shape, numbers) = self.take(name)?;
        let unexpected = || malformed(&format!("{name} has the shape {shape:?}"));
        let rows = match shape.as_slice() {
            [rows, width] if *width == columns => *rows,
            _ => return Err(unexpected()),
        };
        Array2::from_shape_vec((rows, columns), numbers).map_err(|_| unexpected())
    }

    fn take(&mut self, name: &str) -> Result<(Vec<usize>, Vec<f32>), EncoderError> {
        let found = self.0.remove(name);
        found.ok_or_else(|| malformed(&format!("it has no {name}")))
    }
}

fn split(file: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = file.split_first_chunk::<LENGTH_BYTES>()?;
    rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)
}

fn malformed(problem: &str) -> EncoderError {
    EncoderError::Malformed(format!(
        "the model's file is not as it should be: {problem}"
    ))
}
