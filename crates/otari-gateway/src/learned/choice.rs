//! From what was taught about similar requests to an order of models.

use std::collections::HashMap;

/// One request whose answers were judged.
#[derive(Debug)]
pub(super) struct Example {
    pub(super) vector: Vec<f32>,
    /// `instance:model` → how good its answer was, from 0 to 1.
    pub(super) scores: HashMap<String, f64>,
    pub(super) task: Option<String>,
}

/// A model that may be chosen.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Contender {
    /// As the policy writes it.
    pub(super) selector: String,
    /// Canonical `instance:model`.
    pub(super) key: String,
    /// What its input costs; `None`: nobody knows.
    pub(super) price: Option<f64>,
}

/// How the router weighs what it knows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weighing {
    /// Neighbours that are asked.
    pub(super) k: usize,
    /// Of cost against quality.
    pub(super) alpha: f64,
    /// The share of neighbours that must favour the choice.
    pub(super) confidence_floor: f64,
}

/// Why the router leaves the decision to the policy's default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Declined {
    #[error("there is only one model to choose from")]
    OneModel,
    #[error("the request brings tools")]
    Tools,
    #[error("the request has no text")]
    NoText,
    #[error("too few examples were taught")]
    Cold,
    #[error("too few examples judge these models")]
    TooFewComparable,
    #[error("a model has no price")]
    Unpriced,
    #[error("the examples do not agree enough")]
    NotConfident,
    #[error("the text could not be embedded")]
    NoVector,
    #[error("it took too long")]
    TooSlow,
    #[error("the examples could not be read")]
    NoExamples,
}

/// The models, the best first. `examples`: those of the task.
pub(super) fn rank(
    asked: &[f32],
    examples: &[&Example],
    contenders: &[Contender],
    weighing: Weighing,
) -> Result<Vec<String>, Declined> {
    if contenders.len() < 2 {
        return Err(Declined::OneModel);
    }
    let prices = relative_prices(contenders).ok_or(Declined::Unpriced)?;
    let near = nearest(asked, examples, contenders, weighing.k)?;
    let mut ranked: Vec<(f64, &Contender)> = contenders
        .iter()
        .zip(prices)
        .map(|(contender, price)| {
            (
                mean(&near, &contender.key) - weighing.alpha * price,
                contender,
            )
        })
        .collect();
    // Stable: of equals, the one that the policy names first.
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let favoured = ranked.first().map_or("", |(_, first)| first.key.as_str());
    if confidence(&near, favoured, contenders) < weighing.confidence_floor {
        return Err(Declined::NotConfident);
    }
    let ranked = ranked.into_iter();
    Ok(ranked
        .map(|(_, contender)| contender.selector.clone())
        .collect())
}

/// Each as a share of the dearest; `None` where one is not known.
fn relative_prices(contenders: &[Contender]) -> Option<Vec<f64>> {
    let prices: Vec<f64> = contenders
        .iter()
        .map(|contender| contender.price)
        .collect::<Option<_>>()?;
    let dearest = prices.iter().copied().fold(0.0, f64::max);
    let share = |price: f64| if dearest > 0.0 { price / dearest } else { 0.0 };
    Some(prices.into_iter().map(share).collect())
}

/// The examples most like the request, of those that judge every contender.
fn nearest<'a>(
    asked: &[f32],
    examples: &[&'a Example],
    contenders: &[Contender],
    k: usize,
) -> Result<Vec<&'a Example>, Declined> {
    let judges_all = |example: &&&Example| {
        let scores = &example.scores;
        example.vector.len() == asked.len()
            && contenders
                .iter()
                .all(|contender| scores.contains_key(&contender.key))
    };
    let mut comparable: Vec<(f32, &Example)> = examples
        .iter()
        .filter(judges_all)
        .map(|example| (product(asked, &example.vector), *example))
        .collect();
    if comparable.len() < k {
        return Err(Declined::TooFewComparable);
    }
    // In no order: their votes are equal.
    if let Some(last) = k.checked_sub(1).filter(|last| *last < comparable.len()) {
        comparable.select_nth_unstable_by(last, |a, b| b.0.total_cmp(&a.0));
    }
    Ok(comparable
        .into_iter()
        .take(k)
        .map(|(_, example)| example)
        .collect())
}

/// In lanes: one sum after the other would have each addition wait for the last, and a call waits for thousands of these.
fn product(one: &[f32], other: &[f32]) -> f32 {
    const LANES: usize = 8;
    let (ones, one_rest) = one.as_chunks::<LANES>();
    let (others, other_rest) = other.as_chunks::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for (a, b) in ones.iter().zip(others) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    let rest: f32 = one_rest.iter().zip(other_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

fn mean(near: &[&Example], key: &str) -> f64 {
    let scores = near.iter().filter_map(|example| example.scores.get(key));
    share(scores.sum(), near.len())
}

/// The share of neighbours for which no other model was better.
fn confidence(near: &[&Example], favoured: &str, contenders: &[Contender]) -> f64 {
    let favours = |example: &&&Example| {
        let score = |key: &str| example.scores.get(key).copied().unwrap_or_default();
        contenders
            .iter()
            .all(|contender| score(&contender.key) <= score(favoured))
    };
    #[expect(clippy::cast_precision_loss, reason = "a handful of neighbours")]
    let favouring = near.iter().filter(favours).count() as f64;
    share(favouring, near.len())
}

fn share(sum: f64, of: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a handful of neighbours")]
    let of = of.max(1) as f64;
    sum / of
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEIGHING: Weighing = Weighing {
        k: 2,
        alpha: 0.3,
        confidence_floor: 0.0,
    };

    fn contender(key: &str, price: f64) -> Contender {
        Contender {
            selector: key.to_owned(),
            key: key.to_owned(),
            price: Some(price),
        }
    }

    fn pool() -> [Contender; 2] {
        [contender("p:small", 1.0), contender("p:big", 10.0)]
    }

    fn example(vector: [f32; 2], small: f64, big: f64) -> Example {
        let scores = [("p:small", small), ("p:big", big)];
        Example {
            vector: vector.to_vec(),
            scores: scores.map(|(key, score)| (key.to_owned(), score)).into(),
            task: None,
        }
    }

    fn by(
        asked: &[f32],
        examples: &[Example],
        contenders: &[Contender],
        weighing: Weighing,
    ) -> Result<Vec<String>, Declined> {
        let examples: Vec<&Example> = examples.iter().collect();
        rank(asked, &examples, contenders, weighing)
    }

    /// Both do what is easy, the big one also what is hard.
    fn taught() -> Vec<Example> {
        let (easy, hard) = ([1.0, 0.0], [0.0, 1.0]);
        vec![
            example(easy, 0.9, 0.95),
            example(hard, 0.1, 0.9),
            example(easy, 0.9, 0.9),
            example(hard, 0.2, 0.9),
        ]
    }

    #[test]
    fn the_cheap_one_is_asked_for_what_it_can_do() {
        let asked = |vector: [f32; 2]| by(&vector, &taught(), &pool(), WEIGHING).unwrap();
        assert_eq!(asked([0.8, 0.6]), ["p:small", "p:big"]);
        assert_eq!(asked([0.6, 0.8]), ["p:big", "p:small"]);
    }

    #[test]
    fn quality_alone_decides_where_cost_has_no_weight() {
        let weighing = Weighing {
            alpha: 0.0,
            ..WEIGHING
        };
        let ranked = by(&[1.0, 0.0], &taught(), &pool(), weighing).unwrap();
        assert_eq!(ranked, ["p:big", "p:small"]);
    }

    #[test]
    fn it_declines_rather_than_guess() {
        let asked = [1.0, 0.0];
        let with = |examples: &[Example], pool: &[Contender], weighing| {
            by(&asked, examples, pool, weighing).unwrap_err()
        };
        assert_eq!(with(&taught(), &pool()[..1], WEIGHING), Declined::OneModel);
        let few = Declined::TooFewComparable;
        assert_eq!(with(&taught()[..1], &pool(), WEIGHING), few);
        let others = [contender("p:small", 1.0), contender("q:new", 1.0)];
        assert_eq!(with(&taught(), &others, WEIGHING), few);
        let unpriced = pool().map(|contender| Contender {
            price: None,
            ..contender
        });
        assert_eq!(with(&taught(), &unpriced, WEIGHING), Declined::Unpriced);
        // Of the two next ones, one finds the big one better.
        let sure = Weighing {
            confidence_floor: 0.6,
            ..WEIGHING
        };
        assert_eq!(with(&taught(), &pool(), sure), Declined::NotConfident);
    }

    #[test]
    fn vectors_of_another_kind_are_not_compared() {
        let few = by(&[1.0, 0.0, 0.0], &taught(), &pool(), WEIGHING);
        assert_eq!(few.unwrap_err(), Declined::TooFewComparable);
    }

    #[test]
    fn long_vectors_are_compared_whole() {
        let ones: Vec<f32> = vec![1.0; 19];
        assert!((product(&ones, &ones) - 19.0).abs() < 1e-6);
    }
}
