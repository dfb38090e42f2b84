//! How one value is read and shown. The type of a field decides both, so a section only declares.

mod choice;
mod reader;

use otari_types::Secret;
use serde_json::Value;

pub(crate) use choice::{choice, pick};
pub(crate) use reader::Reader;

use crate::problem::{Problem, ProblemKind, Report};

/// What a redacted value shows.
pub(crate) const REDACTED: &str = "[redacted]";

/// A value that can stand under a configuration key.
pub(crate) trait Setting: Sized {
    /// The type's name in the reference documentation.
    const TYPE: &'static str;
    /// Scalars can be set by one environment variable; the rest only as JSON or YAML.
    const SCALAR: bool = true;
    /// Whether `null` means something other than "use the default".
    const NULLABLE: bool = false;
    const SECRET: bool = false;

    /// Reads the value, or reports why not and answers `None`.
    fn read(value: &Value, path: &str, report: &mut Report) -> Option<Self>;

    /// The value as it may be shown to an operator: secrets masked.
    fn show(&self) -> Value;
}

/// A bound on a number, with the words for it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    AtLeast(f64),
    Above(f64),
    Between(f64, f64),
}

impl Limit {
    fn admits(self, number: f64) -> bool {
        match self {
            Self::AtLeast(low) => number >= low,
            Self::Above(low) => number > low,
            Self::Between(low, high) => (low..=high).contains(&number),
        }
    }

    pub(crate) fn words(self) -> String {
        match self {
            Self::AtLeast(low) => format!("at least {low}"),
            Self::Above(low) => format!("more than {low}"),
            Self::Between(low, high) => format!("between {low} and {high}"),
        }
    }
}

/// Reports a number outside `limit`. Anything else is left to the type.
pub(crate) fn within(value: &Value, limit: Limit, path: &str, report: &mut Report) -> bool {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let fits = number.is_none_or(|number| limit.admits(number));
    if !fits {
        let message = format!("must be {}", limit.words());
        report.problem(Problem::new(path, ProblemKind::OutOfRange, message));
    }
    fits
}

pub(crate) fn wrong_type<T>(
    value: &Value,
    expected: &str,
    path: &str,
    report: &mut Report,
) -> Option<T> {
    let found = match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    };
    let problem = Problem::new(
        path,
        ProblemKind::WrongType,
        format!("expected {expected}, found {found}"),
    );
    let quoting = expected == String::TYPE && matches!(value, Value::Number(_) | Value::Bool(_));
    report.problem(problem.maybe_hint(quoting.then(|| "put it in quotes".to_owned())));
    None
}

impl Setting for String {
    const TYPE: &'static str = "text";

    fn read(value: &Value, path: &str, report: &mut Report) -> Option<Self> {
        match value {
            Value::String(text) => Some(text.clone()),
            other => wrong_type(other, Self::TYPE, path, report),
        }
    }

    fn show(&self) -> Value {
        Value::String(self.clone())
    }
}

impl Setting for Secret {
    const TYPE: &'static str = "secret text";
    const SECRET: bool = true;

    fn read(value: &Value, path: &str, report: &mut Report) -> Option<Self> {
        String::read(value, path, report).map(Self::new)
    }

    fn show(&self) -> Value {
        Value::from(REDACTED)
    }
}

impl Setting for bool {
    const TYPE: &'static str = "true or false";

    /// YAML 1.1 and environment spellings too: existing files write `yes` and `on`.
    fn read(value: &Value, path: &str, report: &mut Report) -> Option<Self> {
        let word = match value {
            Value::Bool(flag) => return Some(*flag),
            Value::String(text) => text.trim().to_lowercase(),
            Value::Number(number) => number.to_string(),
            other => return wrong_type(other, Self::TYPE, path, report),
        };
        match word.as_str() {
            "1" | "true" | "yes" | "on" => Some(true),
            "0" | "false" | "no" | "off" => Some(false),
            _ => {
                let problem = Problem::new(path, ProblemKind::WrongType, "expected true or false");
                report.problem(problem.hint("use true/yes/on/1 or false/no/off/0"));
                None
            }
        }
    }

    fn show(&self) -> Value {
        Value::Bool(*self)
    }
}

macro_rules! whole_number {
    ($($type:ty),+) => {$(
        impl Setting for $type {
            const TYPE: &'static str = "a whole number";

            fn read(value: &Value, path: &str, report: &mut Report) -> Option<Self> {
                let number = match value {
                    Value::Number(number) => number.as_i64(),
                    Value::String(text) => text.trim().parse::<i64>().ok(),
                    _ => None,
                };
                let Some(number) = number else {
                    return wrong_type(value, Self::TYPE, path, report);
                };
                let fits = Self::try_from(number).ok();
                if fits.is_none() {
                    let message = format!("must be between {} and {}", Self::MIN, Self::MAX);
                    report.problem(Problem::new(path, ProblemKind::OutOfRange, message));
                }
                fits
            }

            fn show(&self) -> Value {
                Value::from(*self)
            }
        }
    )+};
}

whole_number!(u16, u32, i64, u64);

impl Setting for f64 {
    const TYPE: &'static str = "a number";

    fn read(value: &Value, path: &str, report: &mut Report) -> Option<Self> {
        let number = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        match number.filter(|number: &Self| number.is_finite()) {
            Some(number) => Some(number),
            None => wrong_type(value, Self::TYPE, path, report),
        }
    }

    fn show(&self) -> Value {
        Value::from(*self)
    }
}

impl<T: Setting> Setting for Option<T> {
    const TYPE: &'static str = T::TYPE;
    const SCALAR: bool = T::SCALAR;
    const NULLABLE: bool = true;
    const SECRET: bool = T::SECRET;

    fn read(value: &Value, path: &str, report: &mut Report) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            // An empty secret would match an empty credential; blank means unset everywhere.
            Value::String(text) if T::SCALAR && text.trim().is_empty() => Some(None),
            other => T::read(other, path, report).map(Some),
        }
    }

    fn show(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::show)
    }
}

impl Setting for Vec<String> {
    const TYPE: &'static str = "a list of text";
    const SCALAR: bool = false;

    fn read(value: &Value, path: &str, report: &mut Report) -> Option<Self> {
        read_list(value, Self::TYPE, path, report)
    }

    fn show(&self) -> Value {
        Value::from(self.clone())
    }
}

impl Setting for Vec<Secret> {
    const TYPE: &'static str = "a list of text";
    const SCALAR: bool = false;

    fn read(value: &Value, path: &str, report: &mut Report) -> Option<Self> {
        read_list(value, Self::TYPE, path, report)
    }

    fn show(&self) -> Value {
        self.iter().map(Secret::show).collect()
    }
}

fn read_list<T: Setting>(
    value: &Value,
    wanted: &str,
    path: &str,
    report: &mut Report,
) -> Option<Vec<T>> {
    let Value::Array(items) = value else {
        return wrong_type(value, wanted, path, report);
    };
    let items: Vec<_> = items
        .iter()
        .enumerate()
        .map(|(index, item)| T::read(item, &format!("{path}[{index}]"), report))
        .collect();
    items.into_iter().collect()
}

/// A mapping kept as written, for blocks whose own reader lives elsewhere.
pub type Map = serde_json::Map<String, Value>;

impl Setting for Map {
    const TYPE: &'static str = "a mapping";
    const SCALAR: bool = false;

    fn read(value: &Value, path: &str, report: &mut Report) -> Option<Self> {
        match value {
            // A key with no body, as in `providers:` alone.
            Value::Null => Some(Self::new()),
            Value::Object(map) => Some(map.clone()),
            other => wrong_type(other, Self::TYPE, path, report),
        }
    }

    /// Keys only: what an uninterpreted block holds may be a credential.
    fn show(&self) -> Value {
        self.iter()
            .map(|(key, _)| (key.clone(), Value::from(REDACTED)))
            .collect()
    }
}

impl Setting for Value {
    const TYPE: &'static str = "anything";
    const SCALAR: bool = false;

    fn read(value: &Value, _path: &str, _report: &mut Report) -> Option<Self> {
        Some(value.clone())
    }

    fn show(&self) -> Value {
        Value::from(REDACTED)
    }
}

impl Setting for Vec<Value> {
    const TYPE: &'static str = "a list";
    const SCALAR: bool = false;

    fn read(value: &Value, path: &str, report: &mut Report) -> Option<Self> {
        match value {
            Value::Array(items) => Some(items.clone()),
            other => wrong_type(other, Self::TYPE, path, report),
        }
    }

    fn show(&self) -> Value {
        Value::from(REDACTED)
    }
}

/// An address with its password, and any query values, masked.
pub(crate) fn redact_url(url: &str) -> String {
    // Credentials first: a password may contain a `?`, and then the query begins after it.
    let (prefix, rest) = match url.split_once("://") {
        Some((scheme, rest)) => match rest.rsplit_once('@') {
            Some((credentials, host)) => {
                let user = credentials.split(':').next().unwrap_or_default();
                (format!("{scheme}://{user}:{REDACTED}@"), host)
            }
            None => (format!("{scheme}://"), rest),
        },
        None => (String::new(), url),
    };
    match rest.split_once('?') {
        Some((address, _)) => format!("{prefix}{address}?…"),
        None => format!("{prefix}{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::redact_url;

    #[test]
    fn no_part_of_a_password_is_shown() {
        for (url, shown) in [
            (
                "postgres://otari:secret@db/otari",
                "postgres://otari:[redacted]@db/otari",
            ),
            (
                "postgres://otari:se?cret@db/otari?sslmode=require",
                "postgres://otari:[redacted]@db/otari?…",
            ),
            (
                "postgres://otari:se@cret@[::1]:5432/otari",
                "postgres://otari:[redacted]@[::1]:5432/otari",
            ),
            ("https://host/path?key=secret", "https://host/path?…"),
            ("sqlite:///./otari.db", "sqlite:///./otari.db"),
        ] {
            assert_eq!(redact_url(url), shown, "{url}");
        }
    }
}
