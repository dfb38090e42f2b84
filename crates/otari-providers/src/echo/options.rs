//! The model name's options: `<any name>+option=value+option…`.

use std::time::Duration;

use super::Refusal;

/// Longest wait a model name may ask for.
const WAIT_MAX: Duration = Duration::from_mins(10);
/// Longest answer a model name may ask for, in tokens.
const TOKENS_MAX: u32 = 20_000;

const KNOWN: &str = "latency=<duration>, ttft=<duration>, gap=<duration>, tokens=<count>, fail=<status>, \
    fail_rate=<percent>%, retry_after=<seconds>, cut=<chunks>, hang, hang=<chunks>";

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Options {
    pub(super) latency: Duration,
    pub(super) first_chunk: Duration,
    pub(super) gap: Duration,
    /// Exact length of the answer.
    pub(super) tokens: Option<u32>,
    fail: Option<u16>,
    /// In hundredths of a percent.
    fail_rate: Option<u64>,
    pub(super) retry_after: Option<u64>,
    pub(super) ending: Ending,
}

/// How the body ends; of several such options the last one counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Ending {
    #[default]
    Whole,
    /// The connection breaks after so many chunks.
    Cut(usize),
    /// Silence from the start.
    Hang,
    /// Silence after so many chunks.
    HangAfter(usize),
}

impl Options {
    pub(super) fn parse(model: &str) -> Result<Self, Refusal> {
        let mut options = Self::default();
        for option in model.split('+').skip(1) {
            options.set(option).ok_or_else(|| Refusal {
                param: "model",
                message: format!("echo does not know the option `{option}`. Options: {KNOWN}"),
            })?;
        }
        Ok(options)
    }

    fn set(&mut self, option: &str) -> Option<()> {
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (option, None),
        };
        match (name, value) {
            ("latency", Some(value)) => self.latency = duration(value)?,
            ("ttft", Some(value)) => self.first_chunk = duration(value)?,
            ("gap", Some(value)) => self.gap = duration(value)?,
            ("tokens", Some(value)) => {
                self.tokens = Some(value.parse().ok().filter(|count| *count <= TOKENS_MAX)?);
            }
            ("fail", Some(value)) => {
                self.fail = Some(
                    value
                        .parse()
                        .ok()
                        .filter(|code| (400..600).contains(code))?,
                );
            }
            ("fail_rate", Some(value)) => self.fail_rate = Some(percent(value)?),
            ("retry_after", Some(value)) => self.retry_after = Some(value.parse().ok()?),
            ("cut", Some(value)) => self.ending = Ending::Cut(value.parse().ok()?),
            ("hang", None) => self.ending = Ending::Hang,
            ("hang", Some(value)) => self.ending = Ending::HangAfter(value.parse().ok()?),
            _ => return None,
        }
        Some(())
    }

    /// The status to fail with, if the request with this fingerprint is to fail. A rate without a status fails
    /// with 500, a status without a rate fails always.
    pub(super) fn failure_of(&self, fingerprint: u64) -> Option<u16> {
        let rate = match (self.fail, self.fail_rate) {
            (None, None) => return None,
            (_, Some(rate)) => rate,
            (Some(_), None) => 10_000,
        };
        (fingerprint % 10_000 < rate).then(|| self.fail.unwrap_or(500))
    }
}

/// `200ms`, `2s`, `1.5s`.
fn duration(text: &str) -> Option<Duration> {
    let (number, seconds_each) = match text.strip_suffix("ms") {
        Some(number) => (number, 0.001),
        None => (text.strip_suffix('s')?, 1.0),
    };
    let wait = Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds_each).ok()?;
    (wait <= WAIT_MAX).then_some(wait)
}

/// `10%` or `0.25%` in hundredths of a percent.
fn percent(text: &str) -> Option<u64> {
    let (whole, fraction) = match text.strip_suffix('%')?.split_once('.') {
        Some((whole, fraction)) if fraction.len() <= 2 => (whole, format!("{fraction:0<2}")),
        Some(_) => return None,
        None => (text.strip_suffix('%')?, "00".to_owned()),
    };
    let digits = whole
        .bytes()
        .chain(fraction.bytes())
        .all(|byte| byte.is_ascii_digit());
    let rate: u64 = format!("{whole}{fraction}").parse().ok()?;
    (digits && !whole.is_empty() && rate <= 10_000).then_some(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_reads() {
        let options = Options::parse(
            "chat+latency=200ms+ttft=1.5s+gap=10ms+tokens=7+fail=503+fail_rate=2.5%+retry_after=3+cut=5+hang=2",
        )
        .unwrap();
        assert_eq!(options.latency, Duration::from_millis(200));
        assert_eq!(options.first_chunk, Duration::from_millis(1_500));
        assert_eq!(options.gap, Duration::from_millis(10));
        assert_eq!((options.tokens, options.retry_after), (Some(7), Some(3)));
        assert_eq!((options.fail, options.fail_rate), (Some(503), Some(250)));
        assert_eq!(options.ending, Ending::HangAfter(2));
        assert_eq!(
            Options::parse("m+hang+cut=5").unwrap().ending,
            Ending::Cut(5)
        );
        assert_eq!(
            Options::parse("any/name.at-all").unwrap(),
            Options::default()
        );
    }

    #[test]
    fn what_does_not_read_is_named_with_the_list() {
        for option in [
            "latncy=1s",
            "latency",
            "latency=5",
            "latency=-1s",
            "latency=NaNs",
            "latency=601s",
            "fail=200",
            "fail=abc",
            "fail_rate=101%",
            "fail_rate=10",
            "fail_rate=%",
            "tokens=-1",
            "tokens=20001",
            "cut",
            "",
        ] {
            let refusal = Options::parse(&format!("chat+{option}")).unwrap_err();
            assert!(refusal.message.contains(&format!("`{option}`")), "{option}");
            assert!(refusal.message.contains("fail_rate="), "{option}");
        }
    }

    #[test]
    fn a_rate_splits_requests_and_a_status_alone_takes_all() {
        let all = Options::parse("m+fail=429").unwrap();
        assert_eq!(all.failure_of(9_999), Some(429));
        let some = Options::parse("m+fail_rate=10%").unwrap();
        assert_eq!(some.failure_of(999), Some(500));
        assert_eq!(some.failure_of(1_000), None);
        assert_eq!(Options::default().failure_of(0), None);
        assert_eq!(
            Options::parse("m+fail=500+fail_rate=0%")
                .unwrap()
                .failure_of(0),
            None
        );
    }
}
