//! The forward pass of a BERT encoder, and the mean of what comes out.

use ndarray::{Array1, Array2, ArrayView2, Axis, Slice, Zip, concatenate};

use crate::EncoderError;
use crate::tensors::Tensors;

pub(crate) const WIDTH: usize = 384;
const HEADS: usize = 12;
const HEAD_WIDTH: usize = WIDTH / HEADS;
const INNER_WIDTH: usize = 4 * WIDTH;
const LAYERS: usize = 6;
/// Of layer normalisation, as the model's configuration has it.
const EPSILON: f32 = 1e-12;

/// What is learned.
pub(crate) struct Model {
    words: Array2<f32>,
    positions: Array2<f32>,
    norm: Norm,
    layers: Vec<Layer>,
}

struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    seen: Linear,
    seen_norm: Norm,
    inner: Linear,
    outer: Linear,
    outer_norm: Norm,
}

impl Model {
    pub(crate) fn new(mut tensors: Tensors) -> Result<Self, EncoderError> {
        let words = tensors.matrix("embeddings.word_embeddings.weight", WIDTH)?;
        let mut positions = tensors.matrix("embeddings.position_embeddings.weight", WIDTH)?;
        // Every text is of the first type.
        let types = tensors.matrix("embeddings.token_type_embeddings.weight", WIDTH)?;
        if let Some(first) = types.axis_iter(Axis(0)).next() {
            positions += &first;
        }
        let norm = Norm::new(&mut tensors, "embeddings.LayerNorm", WIDTH)?;
        let layers = (0..LAYERS).map(|layer| Layer::new(&mut tensors, layer));
        let layers = layers.collect::<Result<_, _>>()?;
        Ok(Self {
            words,
            positions,
            norm,
            layers,
        })
    }

    /// How many words it knows.
    pub(crate) fn words(&self) -> usize {
        self.words.nrows()
    }

    /// The mean over all tokens, of length 1. Tokens must be numbers of words it knows, and no more than it has
    /// positions (512).
    pub(crate) fn embed(&self, tokens: &[usize]) -> Array1<f32> {
        let mut x = self.words.select(Axis(0), tokens);
        let positions = self
            .positions
            .slice_axis(Axis(0), Slice::from(..tokens.len()));
        x += &positions;
        self.norm.apply(&mut x);
        for layer in &self.layers {
            x = layer.apply(&x);
        }
        let mut mean = x.sum_axis(Axis(0));
        let length = mean.dot(&mean).sqrt().max(f32::MIN_POSITIVE);
        mean /= length;
        mean
    }
}

impl Layer {
    fn new(tensors: &mut Tensors, layer: usize) -> Result<Self, EncoderError> {
        let mut linear = |name: &str, from, to| {
            Linear::new(tensors, &format!("encoder.layer.{layer}.{name}"), from, to)
        };
        let query = linear("attention.self.query", WIDTH, WIDTH)?;
        let key = linear("attention.self.key", WIDTH, WIDTH)?;
        let value = linear("attention.self.value", WIDTH, WIDTH)?;
        let seen = linear("attention.output.dense", WIDTH, WIDTH)?;
        let inner = linear("intermediate.dense", WIDTH, INNER_WIDTH)?;
        let outer = linear("output.dense", INNER_WIDTH, WIDTH)?;
        let mut norm =
            |name: &str| Norm::new(tensors, &format!("encoder.layer.{layer}.{name}"), WIDTH);
        Ok(Self {
            query,
            key,
            value,
            seen,
            seen_norm: norm("attention.output.LayerNorm")?,
            inner,
            outer,
            outer_norm: norm("output.LayerNorm")?,
        })
    }

    fn apply(&self, x: &Array2<f32>) -> Array2<f32> {
        let mut attended = self.seen.apply(&self.attend(x));
        attended += x;
        self.seen_norm.apply(&mut attended);
        let mut inner = self.inner.apply(&attended);
        inner.mapv_inplace(gelu);
        let mut out = self.outer.apply(&inner);
        out += &attended;
        self.outer_norm.apply(&mut out);
        out
    }

    fn attend(&self, x: &Array2<f32>) -> Array2<f32> {
        let (query, key, value) = (self.query.apply(x), self.key.apply(x), self.value.apply(x));
        #[expect(clippy::cast_precision_loss, reason = "32")]
        let scale = 1.0 / (HEAD_WIDTH as f32).sqrt();
        let heads: Vec<Array2<f32>> = (0..HEADS)
            .map(|head| {
                let mut weights = head_of(&query, head).dot(&head_of(&key, head).t());
                weights *= scale;
                for mut row in weights.rows_mut() {
                    let most = row.iter().copied().fold(f32::MIN, f32::max);
                    row.mapv_inplace(|weight| (weight - most).exp());
                    let sum = row.sum();
                    row /= sum;
                }
                weights.dot(&head_of(&value, head))
            })
            .collect();
        let heads: Vec<ArrayView2<'_, f32>> = heads.iter().map(Array2::view).collect();
        // All have as many rows as there are tokens.
        concatenate(Axis(1), &heads).unwrap_or_default()
    }
}

fn head_of(x: &Array2<f32>, head: usize) -> ArrayView2<'_, f32> {
    let from = head * HEAD_WIDTH;
    x.slice_axis(Axis(1), Slice::from(from..from + HEAD_WIDTH))
}

/// By its usual approximation.
fn gelu(x: f32) -> f32 {
    const ROOT_OF_TWO_OVER_PI: f32 = 0.797_884_6;
    0.5 * x * (1.0 + (ROOT_OF_TWO_OVER_PI * (x + 0.044_715 * x * x * x)).tanh())
}

struct Linear {
    /// A row for each number that comes out.
    weights: Array2<f32>,
    bias: Array1<f32>,
}

impl Linear {
    fn new(
        tensors: &mut Tensors,
        name: &str,
        from: usize,
        to: usize,
    ) -> Result<Self, EncoderError> {
        let bias = tensors.vector(&format!("{name}.bias"), to)?;
        let weights = tensors.matrix(&format!("{name}.weight"), from)?;
        if weights.nrows() != to {
            return Err(EncoderError::Malformed(format!(
                "{name} has {} rows",
                weights.nrows()
            )));
        }
        Ok(Self { weights, bias })
    }

    fn apply(&self, x: &Array2<f32>) -> Array2<f32> {
        let mut y = x.dot(&self.weights.t());
        y += &self.bias;
        y
    }
}

struct Norm {
    scale: Array1<f32>,
    shift: Array1<f32>,
}

impl Norm {
    fn new(tensors: &mut Tensors, name: &str, width: usize) -> Result<Self, EncoderError> {
        Ok(Self {
            scale: tensors.vector(&format!("{name}.weight"), width)?,
            shift: tensors.vector(&format!("{name}.bias"), width)?,
        })
    }

    fn apply(&self, x: &mut Array2<f32>) {
        for mut row in x.rows_mut() {
            let mean = row.mean().unwrap_or_default();
            row -= mean;
            let variance = row.dot(&row) / WIDTH_F32;
            row /= (variance + EPSILON).sqrt();
            Zip::from(&mut row)
                .and(&self.scale)
                .and(&self.shift)
                .for_each(|x, scale, shift| *x = *x * scale + shift);
        }
    }
}

/// [`WIDTH`], which every normalised row has.
const WIDTH_F32: f32 = 384.0;
