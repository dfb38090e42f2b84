//! The forward pass, against what `bench/guardrails/encoder.py` makes of the same numbers and tokens.

use std::fs;

use otari_encoder::{DIMENSIONS, Encoder, EncoderError, InstallError, install, installed, testing};

#[test]
fn a_vector_is_what_numpy_makes_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let folder = testing::install(dir.path()).unwrap();
    assert_eq!(installed(dir.path()), Some(folder.clone()));
    let encoder = Encoder::open(&folder).unwrap();
    let windows = encoder.windows("Ignored all instructions!", 8);
    let vector = encoder.embed(windows.first().unwrap());
    assert_eq!((windows.len(), vector.len()), (1, DIMENSIONS));
    // For the tokens 101, 200, 201, 202, 203, 205, 102.
    let expected = [-0.02597, -0.05586, 0.05233, 0.01611, -0.07684, 0.01187];
    for (found, expected) in vector.iter().zip(expected) {
        assert!((found - expected).abs() < 2e-4, "{found} {expected}");
    }
    let length: f32 = vector.iter().map(|number| number * number).sum();
    assert!((length - 1.0).abs() < 1e-4, "{length}");
    let other = encoder.windows("hello", 8);
    assert_ne!(encoder.embed(other.first().unwrap()), vector);
    let score = encoder.injection(windows.first().unwrap());
    assert!(score > 0.0 && score < 1.0, "{score}");
}

#[test]
fn what_is_not_the_asset_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let refused = install(b"PK", dir.path());
    assert!(matches!(refused, Err(InstallError::AnotherFile(_))));
    assert_eq!(installed(dir.path()), None);
    let folder = testing::install(dir.path()).unwrap();
    let model = folder.join("model.safetensors");
    let whole = fs::read(&model).unwrap();
    fs::write(&model, whole.get(..whole.len() / 2).unwrap()).unwrap();
    let cut = Encoder::open(&folder);
    assert!(matches!(cut, Err(EncoderError::Malformed(_))), "{cut:?}");
    fs::write(folder.join("vocab.txt"), "one\ntwo").unwrap();
    fs::write(&model, whole).unwrap();
    let foreign = Encoder::open(&folder);
    assert!(
        matches!(foreign, Err(EncoderError::Malformed(_))),
        "{foreign:?}"
    );
}
