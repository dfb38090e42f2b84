//! Token counts as servers write them.

use serde::Deserialize;

/// A count that may be missing, null or, from servers written in JavaScript, a float such as `12.0`. Negatives are
/// zero.
pub(crate) fn count<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Count {
        Whole(i64),
        Float(f64),
        Null(()),
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`as` saturates, which is what a count wants"
    )]
    Ok(match Count::deserialize(deserializer)? {
        Count::Whole(value) => value.max(0),
        Count::Float(value) => (value as i64).max(0),
        Count::Null(()) => 0,
    })
}
