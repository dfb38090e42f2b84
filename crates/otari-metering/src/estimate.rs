//! What a call may cost at most, before it is made: the amount a hold takes.

use otari_types::{Amounts, Rate};

use crate::Price;
use crate::cost::ExactUsd;

/// How long a prompt cache entry that the request asks for is to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheLifetime {
    FiveMinutes,
    OneHour,
}

/// What is known about a request before it is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Length of everything the model will read, in characters.
    pub prompt_chars: usize,
    /// The output limit the request declares. An explicit zero is honoured; a negative one is taken as zero.
    pub max_output: Option<i64>,
    /// Assumed output in tokens when the request declares none.
    pub default_output: i64,
    /// The longest cache lifetime the request asks for.
    pub cache_lifetime: Option<CacheLifetime>,
}

/// Average characters per token that the estimate assumes.
const CHARS_PER_TOKEN: usize = 4;

impl Estimate {
    pub fn input_tokens(&self) -> i64 {
        i64::try_from(self.prompt_chars.div_ceil(CHARS_PER_TOKEN)).unwrap_or(i64::MAX)
    }

    pub fn output_tokens(&self) -> i64 {
        self.max_output.unwrap_or(self.default_output).max(0)
    }

    /// One request with its tokens, and their cost at the dearest rates that may apply. A model without a price
    /// is held at no cost, but its tokens and the request still count. Never negative.
    pub fn amounts(&self, price: Option<&Price>) -> Amounts {
        let (input, output) = (self.input_tokens(), self.output_tokens());
        let cost = price.map_or(ExactUsd(0), |price| {
            let rates = price.rates_at(input);
            let write = match self.cache_lifetime {
                Some(CacheLifetime::OneHour) => rates.cache_write_1h,
                // Some providers write caches unasked, at the rate of the short lifetime.
                Some(CacheLifetime::FiveMinutes) | None => rates.cache_write,
            };
            let dearest = [Some(rates.input), rates.cache_read, write, Some(Rate::ZERO)]
                .into_iter()
                .flatten()
                .max()
                .unwrap_or(Rate::ZERO);
            [
                dearest.times(input),
                rates.output.max(Rate::ZERO).times(output),
            ]
            .map(ExactUsd)
            .into_iter()
            .sum()
        });
        Amounts {
            cost: cost.round(),
            tokens: input.saturating_add(output),
            requests: 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use otari_types::{CacheConvention, NanoUsd, TokenUsage};
    use proptest::prelude::*;

    use super::*;
    use crate::{Tier, cost};

    fn price() -> Price {
        Price {
            input: Rate(300_000_000),
            output: Rate(1_500_000_000),
            cache_read: Some(Rate(30_000_000)),
            cache_write: Some(Rate(375_000_000)),
            cache_write_1h: Some(Rate(600_000_000)),
            tiers: vec![Tier {
                min_input_tokens: 1_000,
                output: Some(Rate(3_000_000_000)),
                ..Tier::default()
            }],
        }
    }

    #[test]
    fn four_characters_are_a_token_and_a_started_one_counts() {
        for (chars, tokens) in [(0, 0), (1, 1), (4, 1), (5, 2)] {
            let estimate = Estimate {
                prompt_chars: chars,
                ..Estimate::default()
            };
            assert_eq!(estimate.amounts(None).tokens, tokens, "{chars}");
        }
    }

    #[test]
    fn a_declared_limit_beats_the_default_and_is_never_negative() {
        for (declared, tokens) in [(None, 1024), (Some(7), 7), (Some(0), 0), (Some(-9), 0)] {
            let estimate = Estimate {
                max_output: declared,
                default_output: 1024,
                ..Estimate::default()
            };
            let amounts = estimate.amounts(Some(&price()));
            assert_eq!((amounts.tokens, amounts.requests), (tokens, 1));
            assert_eq!(amounts.cost, NanoUsd(tokens * 15_000));
        }
    }

    #[test]
    fn the_cache_lifetime_and_the_tier_raise_the_hold() {
        let at = |chars, cache_lifetime| {
            Estimate {
                prompt_chars: chars,
                max_output: Some(1),
                cache_lifetime,
                ..Estimate::default()
            }
            .amounts(Some(&price()))
            .cost
        };
        assert_eq!(at(4, None), NanoUsd(3_750 + 15_000));
        assert_eq!(at(4, Some(CacheLifetime::OneHour)), NanoUsd(6_000 + 15_000));
        assert_eq!(at(4_000, None), NanoUsd(3_750_000 + 30_000));
    }

    #[test]
    fn absurd_sizes_saturate() {
        let estimate = Estimate {
            prompt_chars: usize::MAX,
            max_output: Some(i64::MAX),
            ..Estimate::default()
        };
        let dear = Price {
            input: Rate(i64::MAX),
            output: Rate(i64::MAX),
            ..Price::default()
        };
        let amounts = estimate.amounts(Some(&dear));
        assert_eq!(
            (amounts.cost, amounts.tokens),
            (NanoUsd(i64::MAX), i64::MAX)
        );
    }

    proptest! {
        /// A call that stays within the estimated token counts never costs more than its hold.
        #[test]
        fn the_hold_covers_the_call(chars in 0..200usize, limit in 0..5_000i64, split in 0..=100i64, additive in any::<bool>()) {
            let estimate = Estimate {
                prompt_chars: chars,
                max_output: Some(limit),
                default_output: 0,
                cache_lifetime: Some(CacheLifetime::OneHour),
            };
            let total = estimate.input_tokens();
            let read = total * split / 100;
            let write = (total - read) / 2;
            let convention = if additive { CacheConvention::Additive } else { CacheConvention::Inclusive };
            let usage = TokenUsage {
                input: if additive { total - read - write } else { total },
                output: limit,
                cache_read: read,
                cache_write: write,
                cache_write_1h: write / 2,
                reasoning: 0,
                convention,
            };
            prop_assert!(cost(&price(), &usage).total <= estimate.amounts(Some(&price())).cost);
        }
    }
}
