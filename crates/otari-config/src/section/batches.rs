//! Batches: calls that are made when there is time for them.

use serde_json::Value;

use crate::problem::{Problem, ProblemKind, Report};
use crate::section::section;
use crate::setting::Limit::AtLeast;
use crate::setting::Setting;

section! {
    /// Batches.
    Batches("Batches") {
        /// Serve the batches endpoints, and run batches on this node.
        batches_enabled: bool = true;
        /// Lines of batches that this node runs at a time.
        batch_concurrency: u32 = 16 => AtLeast(1.0);
        /// When lines are run, in UTC, as `22:00-06:00`; unset for always.
        batch_hours: Option<Hours> = None;
        /// Instances whose own batches take batches of their models: they may be cheaper there, and slower.
        batch_native: Vec<String> = Vec::new();
        /// Seconds between two looks at a batch that its provider runs.
        batch_poll_seconds: u32 = 15 => AtLeast(1.0);
        /// Attempts at a line whose provider is busy or failing.
        batch_line_attempts: u32 = 5 => AtLeast(1.0);
        /// Lines of one batch, at most.
        batch_max_lines: u32 = 50_000 => AtLeast(1.0);
        /// Days a batch is kept after its end.
        batch_retention_days: u32 = 30 => AtLeast(1.0);
    }
}

const MINUTES_OF_DAY: u32 = 24 * 60;

/// A part of every day, in UTC; it may reach over midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    from: u32,
    until: u32,
}

impl Hours {
    /// Reads `22:00-06:00`.
    pub fn parse(text: &str) -> Option<Self> {
        let minutes = |text: &str| {
            let (hours, minutes) = text.trim().split_once(':')?;
            let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
            let is_time = hours < 24 && minutes < 60 || (hours, minutes) == (24, 0);
            is_time.then_some((hours * 60 + minutes) % MINUTES_OF_DAY)
        };
        let (from, until) = text.split_once('-')?;
        let (from, until) = (minutes(from)?, minutes(until)?);
        (from != until).then_some(Self { from, until })
    }

    /// Whether the moment, in seconds since the epoch, is in it.
    pub fn contains(self, epoch_secs: i64) -> bool {
        let minute = epoch_secs
            .div_euclid(60)
            .rem_euclid(i64::from(MINUTES_OF_DAY));
        let (from, until) = (i64::from(self.from), i64::from(self.until));
        if from < until {
            (from..until).contains(&minute)
        } else {
            minute >= from || minute < until
        }
    }
}

impl Setting for Hours {
    const TYPE: &'static str = "a part of the day";

    fn read(value: &Value, path: &str, report: &mut Report) -> Option<Self> {
        let hours = value.as_str().and_then(Self::parse);
        if hours.is_none() {
            let problem = Problem::new(path, ProblemKind::WrongType, "is no part of the day");
            report
                .problem(problem.hint("write two different times of day, as `22:00-06:00` (UTC)"));
        }
        hours
    }

    fn show(&self) -> Value {
        let time = |minutes: u32| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        Value::String(format!("{}-{}", time(self.from), time(self.until)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_reach_over_midnight() {
        let at = |hours: i64, minutes: i64| 1_767_225_600 + (hours * 60 + minutes) * 60;
        let night = Hours::parse("22:00-06:30").unwrap();
        for (hours, minutes, inside) in [
            (22, 0, true),
            (23, 59, true),
            (0, 0, true),
            (6, 29, true),
            (6, 30, false),
            (21, 59, false),
        ] {
            assert_eq!(
                night.contains(at(hours, minutes)),
                inside,
                "{hours}:{minutes}"
            );
        }
        let day = Hours::parse(" 09:00 - 24:00").unwrap();
        assert!(day.contains(at(23, 59)) && !day.contains(at(8, 59)) && !day.contains(at(0, 0)));
        assert_eq!(night.show(), "22:00-06:30");
        for wrong in [
            "",
            "22:00",
            "22-06",
            "25:00-06:00",
            "10:60-11:00",
            "10:00-10:00",
            "00:00-24:00",
            "a:b-c:d",
        ] {
            assert_eq!(Hours::parse(wrong), None, "{wrong}");
        }
    }
}
