//! A vector of the words of a text, made without a model: texts that share words and turns of phrase are near each
//! other. Needs nothing to be installed, and takes microseconds.

use std::hash::Hasher;

use fnv::FnvHasher;

/// Numbers of a vector.
const WIDTH: usize = 512;
/// What a pair of words weighs against one word.
const PAIR_WEIGHT: f32 = 0.5;
/// Words of a text that are read.
const WORDS_MAX: usize = 2_000;

/// Of length 1, or nothing but zeros for a text without words. Kept vectors are compared with new ones: what this
/// returns for a text must not change.
pub(super) fn embed(text: &str) -> Vec<f32> {
    let text = text.to_lowercase();
    let mut words = text
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(WORDS_MAX);
    let mut vector = vec![0.0; WIDTH];
    let Some(mut last) = words.next() else {
        return vector;
    };
    add(&mut vector, &[last], 1.0);
    for word in words {
        add(&mut vector, &[word], 1.0);
        add(&mut vector, &[last, word], PAIR_WEIGHT);
        last = word;
    }
    // The tenth occurrence of a word says less than its first.
    for number in &mut vector {
        *number = number.abs().ln_1p().copysign(*number);
    }
    normalized(vector)
}

/// Of length 1, so that products of two are cosines.
pub(super) fn normalized(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector
        .iter()
        .map(|number| number * number)
        .sum::<f32>()
        .sqrt();
    if length > 0.0 {
        for number in &mut vector {
            *number /= length;
        }
    }
    vector
}

/// Half of all features count down: those that share a place cancel out rather than pile up.
fn add(vector: &mut [f32], feature: &[&str], weight: f32) {
    let mut hasher = FnvHasher::default();
    for word in feature {
        hasher.write(word.as_bytes());
        hasher.write_u8(0);
    }
    let hash = hasher.finish();
    let weight = if hash >> 63 == 0 { weight } else { -weight };
    let place = usize::try_from(hash % WIDTH as u64).unwrap_or_default();
    if let Some(number) = vector.get_mut(place) {
        *number += weight;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn likeness(one: &str, other: &str) -> f32 {
        embed(one)
            .iter()
            .zip(embed(other))
            .map(|(a, b)| a * b)
            .sum()
    }

    #[test]
    fn texts_that_share_words_are_near() {
        let asked = "Translate this sentence to French";
        let near = likeness(asked, "please translate the sentence to German");
        let far = likeness(asked, "Prove that there are infinitely many primes");
        assert!(near > 0.4, "{near}");
        assert!(far < 0.2, "{far}");
        assert!((likeness(asked, "translate this sentence, to french!") - 1.0).abs() < 1e-5);
    }

    #[test]
    fn what_was_kept_can_be_compared_for_ever() {
        let vector = embed("one two");
        let set: Vec<(usize, bool)> = vector
            .iter()
            .enumerate()
            .filter(|(_, number)| **number != 0.0)
            .map(|(place, number)| (place, *number > 0.0))
            .collect();
        // FNV-1a of `one`, `two` and `one two`, each word ended by a zero.
        assert_eq!(set, [(75, true), (349, true), (499, false)]);
    }

    #[test]
    fn a_text_without_words_is_like_nothing() {
        assert!(embed("?!").iter().all(|number| *number == 0.0));
    }
}
