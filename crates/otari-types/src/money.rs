//! Exact money: nano-dollars for amounts, 1e-8 dollars per million units for rates. Never a float in a sum.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const NANO_DIGITS: u32 = 9;
const RATE_DIGITS: u32 = 8;

/// Why a text is not an amount of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoneyError {
    NotANumber,
    /// More digits after the point than the unit can hold.
    TooPrecise,
    /// Outside what fits: about ±9.2e9 dollars. Leave a limit unset for "no limit".
    OutOfRange,
}

impl fmt::Display for MoneyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotANumber => "expected a decimal number",
            Self::TooPrecise => "too many digits after the decimal point",
            Self::OutOfRange => "too large; leave it unset for no limit",
        })
    }
}

impl std::error::Error for MoneyError {}

/// An amount of money in 1e-9 US dollars. JSON shows it as a plain decimal number of dollars.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NanoUsd(pub i64);

/// A price in 1e-8 US dollars per million units (tokens, calls). JSON shows dollars per million.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(pub i64);

impl NanoUsd {
    pub const ZERO: Self = Self(0);

    /// Parses decimal dollars (`"0.25"`, `"1e-3"`); digits beyond a nano-dollar are refused.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        parse_scaled(text, NANO_DIGITS, Excess::Refuse).map(Self)
    }
}

impl Rate {
    pub const ZERO: Self = Self(0);

    /// Parses decimal dollars per million units; rounded half-up to 1e-8.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        parse_scaled(text, RATE_DIGITS, Excess::RoundHalfUp).map(Self)
    }

    /// What `units` cost at this rate, in 1e-14 dollars: exact, for summing before the one rounding.
    pub fn times(self, units: i64) -> i128 {
        i128::from(self.0) * i128::from(units)
    }

    /// Rounds a sum of [`Rate::times`] half-up to nano-dollars, saturating.
    pub fn round(sum: i128) -> NanoUsd {
        // 1e-8 $ per 1e6 units = 1e-14 $ per unit; a nano-dollar is 1e-9 $.
        const UNITS_PER_NANO: i128 = 100_000;
        let nanos = (sum + UNITS_PER_NANO / 2).div_euclid(UNITS_PER_NANO);
        NanoUsd(i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX }))
    }
}

#[derive(Clone, Copy)]
enum Excess {
    Refuse,
    RoundHalfUp,
}

/// Decimal text to an integer scaled by `10^digits`, through integers only.
fn parse_scaled(text: &str, digits: u32, excess: Excess) -> Result<i64, MoneyError> {
    let text = text.trim();
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (
            mantissa,
            exponent
                .parse::<i32>()
                .map_err(|_| MoneyError::NotANumber)?,
        ),
        None => (text, 0),
    };
    let (negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !plain(whole) || !plain(fraction) {
        return Err(MoneyError::NotANumber);
    }
    let mut value: i128 = 0;
    for digit in whole.bytes().chain(fraction.bytes()) {
        value = value
            .checked_mul(10)
            .and_then(|v| v.checked_add(i128::from(digit - b'0')))
            .ok_or(MoneyError::OutOfRange)?;
    }
    let fraction_len = i32::try_from(fraction.len()).map_err(|_| MoneyError::TooPrecise)?;
    let shift = i32::try_from(digits).unwrap_or(0) + exponent.clamp(-1000, 1000) - fraction_len;
    let scaled = if shift >= 0 {
        let factor = 10i128.checked_pow(shift.unsigned_abs());
        if value == 0 {
            0
        } else {
            factor
                .and_then(|f| value.checked_mul(f))
                .ok_or(MoneyError::OutOfRange)?
        }
    } else {
        match 10i128.checked_pow(shift.unsigned_abs()) {
            None => 0,
            Some(divisor) => match excess {
                Excess::Refuse if value % divisor != 0 => return Err(MoneyError::TooPrecise),
                Excess::Refuse => value / divisor,
                Excess::RoundHalfUp => (value + divisor / 2) / divisor,
            },
        }
    };
    let scaled = i64::try_from(scaled).map_err(|_| MoneyError::OutOfRange)?;
    Ok(if negative { -scaled } else { scaled })
}

/// Writes an integer scaled by `10^digits` as a plain decimal without trailing zeros: `0.25`, `5.0`.
pub fn write_scaled(f: &mut fmt::Formatter<'_>, value: i128, digits: u32) -> fmt::Result {
    let scale = 10u128.saturating_pow(digits);
    let sign = if value < 0 { "-" } else { "" };
    let whole = value.unsigned_abs() / scale;
    let (mut fraction, mut width) = (value.unsigned_abs() % scale, digits as usize);
    while width > 1 && fraction % 10 == 0 {
        (fraction, width) = (fraction / 10, width - 1);
    }
    write!(f, "{sign}{whole}.{fraction:0width$}")
}

macro_rules! decimal {
    ($name:ident, $digits:expr) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_scaled(f, i128::from(self.0), $digits)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
        impl Serialize for $name {
            /// The exact decimal as a JSON number: `RawValue` keeps serde_json from going through a float.
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serde_json::value::RawValue::from_string(self.to_string())
                    .map_err(serde::ser::Error::custom)?
                    .serialize(serializer)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl de::Visitor<'_> for Visitor {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a decimal number of dollars")
                    }
                    fn visit_u64<E: de::Error>(self, value: u64) -> Result<$name, E> {
                        $name::parse(&value.to_string()).map_err(E::custom)
                    }
                    fn visit_i64<E: de::Error>(self, value: i64) -> Result<$name, E> {
                        $name::parse(&value.to_string()).map_err(E::custom)
                    }
                    // Shortest text that reads back as the same float: what the user wrote, up to 15 digits.
                    fn visit_f64<E: de::Error>(self, value: f64) -> Result<$name, E> {
                        $name::parse(&format!("{value:?}")).map_err(E::custom)
                    }
                    fn visit_str<E: de::Error>(self, value: &str) -> Result<$name, E> {
                        $name::parse(value).map_err(E::custom)
                    }
                }
                deserializer.deserialize_any(Visitor)
            }
        }
        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }
        }
        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }
        }
        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                *self = *self + other;
            }
        }
        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
                iter.fold(Self(0), |total, item| total + item)
            }
        }
    };
}

decimal!(NanoUsd, NANO_DIGITS);
decimal!(Rate, RATE_DIGITS);

/// Amounts as whole nano-dollars, where only we read them: a decimal costs ten times as much to write.
pub(crate) mod nanos {
    use super::{Deserialize, Deserializer, NanoUsd, Serialize, Serializer};

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    pub(crate) fn serialize<S: Serializer>(
        usd: &NanoUsd,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        usd.0.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<NanoUsd, D::Error> {
        i64::deserialize(deserializer).map(NanoUsd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_read_and_show_exactly() {
        for (text, nanos) in [
            ("0.25", 250_000_000),
            ("1", 1_000_000_000),
            ("1e-9", 1),
            ("-0.5", -500_000_000),
            ("2.5E1", 25_000_000_000),
        ] {
            assert_eq!(NanoUsd::parse(text), Ok(NanoUsd(nanos)), "{text}");
        }
        assert_eq!(NanoUsd(250_000_000).to_string(), "0.25");
        assert_eq!(NanoUsd(5_000_000_000).to_string(), "5.0");
        assert_eq!(NanoUsd(-1).to_string(), "-0.000000001");
        assert_eq!(NanoUsd(0).to_string(), "0.0");
        assert_eq!(NanoUsd(i64::MIN).to_string(), "-9223372036.854775808");
        assert_eq!(NanoUsd(1_000_000_100).to_string(), "1.0000001");
        assert_eq!(NanoUsd::parse("1e-10"), Err(MoneyError::TooPrecise));
        assert_eq!(NanoUsd::parse("1e10"), Err(MoneyError::OutOfRange));
        for text in ["", ".", "abc", "1.2.3", "1e", "NaN", "0x1", "--1"] {
            assert_eq!(NanoUsd::parse(text), Err(MoneyError::NotANumber), "{text}");
        }
    }

    #[test]
    fn json_numbers_survive_a_round_trip() {
        let rate: Rate = serde_json::from_str("0.0375").unwrap();
        assert_eq!(rate, Rate(3_750_000));
        assert_eq!(serde_json::to_string(&rate).unwrap(), "0.0375");
        assert_eq!(
            serde_json::from_str::<NanoUsd>("0.1").unwrap(),
            NanoUsd(100_000_000)
        );
    }

    #[test]
    fn cost_rounds_once_half_up() {
        // 1 token at $0.05 per million is 50 nano-dollars exactly.
        assert_eq!(
            Rate::round(Rate::parse("0.05").unwrap().times(1)),
            NanoUsd(50)
        );
        assert_eq!(Rate::round(50_000), NanoUsd(1));
        assert_eq!(Rate::round(49_999), NanoUsd(0));
    }
}
