//! The older of the two text formats, which scrapers get that do not ask for `OpenMetrics`.
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::collections::HashSet;

/// The same page in format 0.0.4: a counter is described under the name of its samples, and nothing ends the page.
pub(super) fn plain(openmetrics: &str) -> String {
    let counters: HashSet<&str> = openmetrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        .collect();
    let mut out = String::with_capacity(openmetrics.len() + 512);
    for line in openmetrics.lines() {
        match describes(line) {
            Some((_, "EOF" | "UNIT", _)) => continue,
            Some((name, word, rest)) if counters.contains(name) => {
                for part in ["# ", word, " ", name, "_total ", rest] {
                    out.push_str(part);
                }
            }
            Some((name, "TYPE", "unknown")) => {
                for part in ["# TYPE ", name, " untyped"] {
                    out.push_str(part);
                }
            }
            _ => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

/// The name, the keyword and the rest of a line about a family.
fn describes(line: &str) -> Option<(&str, &str, &str)> {
    let mut words = line.strip_prefix("# ")?.splitn(3, ' ');
    let keyword = words.next()?;
    Some((
        words.next().unwrap_or_default(),
        keyword,
        words.next().unwrap_or_default(),
    ))
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn counters_are_described_by_the_name_of_their_samples() {
        let openmetrics = "# HELP calls Calls made.\n# TYPE calls counter\ncalls_total{a=\"b\"} 3\n\
                           # HELP open Open calls.\n# TYPE open gauge\nopen 1\n\
                           # TYPE odd unknown\nodd 2\n# EOF\n";
        assert_eq!(
            plain(openmetrics),
            "# HELP calls_total Calls made.\n# TYPE calls_total counter\ncalls_total{a=\"b\"} 3\n\
             # HELP open Open calls.\n# TYPE open gauge\nopen 1\n# TYPE odd untyped\nodd 2\n"
        );
    }
}
