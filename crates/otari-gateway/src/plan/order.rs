//! In which order a router tries its candidates.

use std::hash::{DefaultHasher, Hash, Hasher};

use otari_config::Entry;

use crate::chance;

/// By chance, without replacement, in proportion to the weights. Those without weight follow as declared: no traffic,
/// but still a way out. A conversation draws the same lot each time, on every node.
pub(super) fn weighted(entry: &Entry, conversation: Option<u64>) -> Vec<&str> {
    let weight = |name: &str| {
        let weights = entry.weights.as_ref();
        weights
            .and_then(|weights| weights.get(name))
            .copied()
            .unwrap_or(0.0)
    };
    let (open, idle): (Vec<&str>, Vec<&str>) = entry
        .candidates
        .iter()
        .map(String::as_str)
        .partition(|name| weight(name) > 0.0);
    // The smallest of exponential lots whose rates are the weights falls to each in proportion to its weight, and
    // the same holds among those that are left.
    let lot = |name: &str| -(1.0 - luck(name, conversation)).ln() / weight(name);
    let mut drawn: Vec<(f64, &str)> = open.into_iter().map(|name| (lot(name), name)).collect();
    drawn.sort_by(|a, b| a.0.total_cmp(&b.0));
    drawn
        .into_iter()
        .map(|(_, name)| name)
        .chain(idle)
        .collect()
}

/// The shares of traffic of a weighted router.
pub(super) fn shares(entry: &Entry) -> Vec<(&str, f64)> {
    let weights = entry.weights.iter().flatten();
    let known: Vec<(&str, f64)> = weights
        .filter(|(name, _)| entry.candidates.contains(name))
        .map(|(name, weight)| (name.as_str(), *weight))
        .collect();
    let total: f64 = known.iter().map(|(_, weight)| weight).sum();
    let share = |weight: f64| if total > 0.0 { weight / total } else { 0.0 };
    known
        .into_iter()
        .map(|(name, weight)| (name, share(weight)))
        .collect()
}

/// Uniform in [0, 1).
fn luck(name: &str, conversation: Option<u64>) -> f64 {
    let Some(conversation) = conversation else {
        return chance::fraction();
    };
    let mut hasher = DefaultHasher::new();
    (conversation, name).hash(&mut hasher);
    #[expect(clippy::cast_precision_loss, reason = "53 bits of luck are enough")]
    let (bits, all) = ((hasher.finish() >> 11) as f64, (1_u64 << 53) as f64);
    bits / all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn entry() -> Entry {
        let weights = [("p:a", 70.0), ("p:b", 30.0), ("p:c", 0.0)];
        Entry {
            candidates: weights.map(|(name, _)| name.to_owned()).to_vec(),
            weights: Some(BTreeMap::from(
                weights.map(|(name, weight)| (name.to_owned(), weight)),
            )),
            ..Entry::default()
        }
    }

    #[test]
    fn traffic_is_split_by_weight_and_what_has_none_is_the_last_way_out() {
        let entry = entry();
        let mut first = 0;
        for conversation in 0..10_000 {
            let order = weighted(&entry, Some(conversation));
            assert_eq!(order[2], "p:c");
            first += usize::from(order[0] == "p:a");
        }
        assert!((6_800..7_200).contains(&first), "{first}");
    }

    #[test]
    fn a_conversation_keeps_its_order() {
        let entry = entry();
        for conversation in 0..100 {
            assert_eq!(
                weighted(&entry, Some(conversation)),
                weighted(&entry, Some(conversation))
            );
        }
    }

    #[test]
    fn shares_are_of_the_whole() {
        assert_eq!(shares(&entry()), [("p:a", 0.7), ("p:b", 0.3), ("p:c", 0.0)]);
    }
}
