//! Chance, where fairness needs it and nothing secret does.

/// Uniform in [0, 1). Zero without randomness.
pub(crate) fn fraction() -> f64 {
    getrandom::u32().map_or(0.0, |bits| f64::from(bits) / (f64::from(u32::MAX) + 1.0))
}
