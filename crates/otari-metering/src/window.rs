//! When a budget's window turns: rolling from its last reset, or aligned to the UTC calendar.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime};
use otari_types::Timestamp;

/// How often a budget starts over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Cadence {
    /// Never.
    #[default]
    None,
    /// So many seconds after the last reset.
    Rolling(i64),
    CalendarDay,
    /// ISO weeks: Monday 00:00 UTC.
    CalendarWeek,
    CalendarMonth,
}

/// A half-open period `[start, end)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub start: Timestamp,
    pub end: Timestamp,
}

/// Why a stored or requested cadence cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CadenceError {
    #[error("budget_duration_sec and reset_alignment cannot both be set")]
    Both,
    #[error("budget_duration_sec must be greater than 0")]
    NotPositive,
    #[error("reset_alignment must be one of: calendar_day, calendar_week, calendar_month")]
    UnknownAlignment,
}

impl Cadence {
    /// Reads the two members a budget has for this.
    pub fn parse(duration_sec: Option<i64>, alignment: Option<&str>) -> Result<Self, CadenceError> {
        match (duration_sec, alignment) {
            (Some(_), Some(_)) => Err(CadenceError::Both),
            (Some(seconds), None) if seconds > 0 => Ok(Self::Rolling(seconds)),
            (Some(_), None) => Err(CadenceError::NotPositive),
            (None, Some("calendar_day")) => Ok(Self::CalendarDay),
            (None, Some("calendar_week")) => Ok(Self::CalendarWeek),
            (None, Some("calendar_month")) => Ok(Self::CalendarMonth),
            (None, Some(_)) => Err(CadenceError::UnknownAlignment),
            (None, None) => Ok(Self::None),
        }
    }

    pub fn duration_sec(self) -> Option<i64> {
        match self {
            Self::Rolling(seconds) => Some(seconds),
            _ => None,
        }
    }

    pub fn alignment(self) -> Option<&'static str> {
        match self {
            Self::CalendarDay => Some("calendar_day"),
            Self::CalendarWeek => Some("calendar_week"),
            Self::CalendarMonth => Some("calendar_month"),
            Self::None | Self::Rolling(_) => None,
        }
    }

    /// The window that a reset at `now` opens; `None` when the budget never resets.
    ///
    /// Aligned windows lie on the boundary, not on the request that noticed the old one had ended, so a budget
    /// that slept for two months wakes in the current month and does not drift.
    pub fn window_at(self, now: Timestamp) -> Option<Window> {
        if let Self::Rolling(seconds) = self {
            return Some(Window {
                start: now,
                end: now.plus_secs(seconds),
            });
        }
        let today = DateTime::from_timestamp_micros(now.0)?.date_naive();
        let (first, next) = match self {
            Self::None | Self::Rolling(_) => return None,
            Self::CalendarDay => (today, today.checked_add_days(Days::new(1))?),
            Self::CalendarWeek => {
                let since_monday = u64::from(today.weekday().num_days_from_monday());
                let monday = today.checked_sub_days(Days::new(since_monday))?;
                (monday, monday.checked_add_days(Days::new(7))?)
            }
            Self::CalendarMonth => {
                let first = today.with_day(1)?;
                (first, first.checked_add_months(Months::new(1))?)
            }
        };
        Some(Window {
            start: midnight(first),
            end: midnight(next),
        })
    }
}

fn midnight(date: NaiveDate) -> Timestamp {
    Timestamp(date.and_time(NaiveTime::MIN).and_utc().timestamp_micros())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn the_two_members_read_and_exclude_each_other() {
        assert_eq!(Cadence::parse(None, None), Ok(Cadence::None));
        assert_eq!(Cadence::parse(Some(60), None), Ok(Cadence::Rolling(60)));
        assert_eq!(
            Cadence::parse(Some(0), None),
            Err(CadenceError::NotPositive)
        );
        assert_eq!(
            Cadence::parse(Some(60), Some("calendar_day")),
            Err(CadenceError::Both)
        );
        assert_eq!(
            Cadence::parse(None, Some("fortnight")),
            Err(CadenceError::UnknownAlignment)
        );
        for name in ["calendar_day", "calendar_week", "calendar_month"] {
            assert_eq!(
                Cadence::parse(None, Some(name)).unwrap().alignment(),
                Some(name)
            );
        }
    }

    #[test]
    fn aligned_windows_lie_on_utc_boundaries() {
        for (cadence, now, start, end) in [
            (
                Cadence::CalendarDay,
                "2026-02-28T23:59:59Z",
                "2026-02-28",
                "2026-03-01",
            ),
            (
                Cadence::CalendarWeek,
                "2026-11-22T10:00:00Z",
                "2026-11-16",
                "2026-11-23",
            ),
            (
                Cadence::CalendarWeek,
                "2026-11-23T00:00:00Z",
                "2026-11-23",
                "2026-11-30",
            ),
            (
                Cadence::CalendarWeek,
                "2027-01-01T00:00:00Z",
                "2026-12-28",
                "2027-01-04",
            ),
            (
                Cadence::CalendarMonth,
                "2026-12-31T12:00:00Z",
                "2026-12-01",
                "2027-01-01",
            ),
            (
                Cadence::CalendarMonth,
                "2028-02-29T00:00:00Z",
                "2028-02-01",
                "2028-03-01",
            ),
        ] {
            let window = cadence.window_at(at(now)).unwrap();
            assert_eq!((window.start, window.end), (at(start), at(end)), "{now}");
        }
    }

    #[test]
    fn rolling_windows_start_now_and_no_cadence_has_none() {
        let now = at("2026-01-02T03:04:05Z");
        let window = Cadence::Rolling(90).window_at(now).unwrap();
        assert_eq!((window.start, window.end), (now, now.plus_secs(90)));
        assert_eq!(Cadence::None.window_at(now), None);
    }

    proptest! {
        #[test]
        fn a_window_holds_its_moment_and_the_next_one_follows_without_a_gap(secs in 0..4_000_000_000i64) {
            let now = Timestamp::from_secs(secs);
            for cadence in [Cadence::CalendarDay, Cadence::CalendarWeek, Cadence::CalendarMonth] {
                let window = cadence.window_at(now).unwrap();
                prop_assert!(window.start <= now && now < window.end);
                prop_assert_eq!(cadence.window_at(window.end).unwrap().start, window.end);
            }
        }
    }
}
