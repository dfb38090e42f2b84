//! When something was said.

use super::Said;

/// A pause that ends a segment, in seconds.
const PAUSE: f64 = 1.0;
/// Two lines of a subtitle.
const SEGMENT_CHARS_MAX: usize = 84;

/// Seconds of `MM:SS.mmm`, with hours before them or without minutes; `None` for anything else.
pub(super) fn seconds(clock: &str) -> Option<f64> {
    let clock = clock.trim();
    let mut total = 0.0;
    for (at, part) in clock.split(':').enumerate() {
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let (whole, fraction) = part.split_once(['.', ',']).unwrap_or((part, "0"));
        let number: f64 = format!("{whole}.{fraction}").parse().ok()?;
        // After the first, minutes and seconds are below sixty; a fraction has the last alone.
        let is_last = at == clock.matches(':').count();
        let is_whole = is_last || whole == part;
        if at > 2 || !is_digits(whole) || !is_digits(fraction) || !is_whole {
            return None;
        }
        if at > 0 && number >= 60.0 {
            return None;
        }
        total = total * 60.0 + number;
    }
    Some(total)
}

/// Whether nothing ends before it begins, or begins before what was said before it.
pub(super) fn in_order(said: &[Said]) -> bool {
    let begins = said.iter().map(|one| one.start);
    begins.is_sorted() && said.iter().all(|one| one.end >= one.start)
}

/// Words as segments: sentences, or what is said between pauses, no longer than a subtitle.
pub(super) fn segments(words: &[Said]) -> Vec<Said> {
    let mut segments: Vec<Vec<Said>> = Vec::new();
    for word in words {
        let goes_on = segments.last().and_then(|segment| {
            let last = segment.last()?;
            let chars: usize = segment
                .iter()
                .map(|word| word.text.chars().count() + 1)
                .sum();
            let ends = last.text.ends_with(['.', '!', '?', '…', '。', '！', '？']);
            let fits = chars + word.text.chars().count() <= SEGMENT_CHARS_MAX;
            Some(!ends && fits && word.start - last.end < PAUSE)
        });
        match segments.last_mut() {
            Some(segment) if goes_on == Some(true) => segment.push(word.clone()),
            _ => segments.push(vec![word.clone()]),
        }
    }
    let whole = |segment: Vec<Said>| {
        Some(Said {
            text: joined(&segment),
            start: segment.first()?.start,
            end: segment.last()?.end,
        })
    };
    segments.into_iter().filter_map(whole).collect()
}

/// One text, with spaces where the script has them.
pub(super) fn joined(said: &[Said]) -> String {
    let mut text = String::new();
    for one in said.iter().filter(|one| !one.text.is_empty()) {
        let (before, after) = (text.chars().last(), one.text.chars().next());
        if before.is_some_and(is_spaced) && after.is_some_and(is_spaced) {
            text.push(' ');
        }
        text.push_str(&one.text);
    }
    text
}

/// Chinese, Japanese and Thai are written without spaces.
fn is_spaced(char: char) -> bool {
    !matches!(char,
        '\u{e00}'..='\u{e7f}' | '\u{3000}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{ff00}'..='\u{ff60}' | '\u{20000}'..='\u{2fa1f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str, start: f64, end: f64) -> Said {
        Said {
            text: text.to_owned(),
            start,
            end,
        }
    }

    #[test]
    fn clocks_are_read() {
        for (clock, expected) in [
            ("00:02.500", Some(2.5)),
            ("01:05", Some(65.0)),
            ("1:00:00,250", Some(3600.25)),
            ("75:30.0", Some(4530.0)),
            (" 12.5 ", Some(12.5)),
            ("00:61", None),
            ("1:60:00", None),
            ("0.5:10", None),
            ("-00:01", None),
            ("1e3", None),
            ("00:01.", None),
            ("1:2:3:4", None),
            ("soon", None),
            ("", None),
            ("00:NaN", None),
        ] {
            assert_eq!(seconds(clock), expected, "{clock}");
        }
    }

    #[test]
    fn words_become_sentences() {
        let words = [
            said("Good", 0.1, 0.4),
            said("day.", 0.5, 0.8),
            said("How", 0.9, 1.0),
            said("are", 1.0, 1.2),
            said("you", 3.0, 3.5),
        ];
        assert_eq!(
            segments(&words),
            [
                said("Good day.", 0.1, 0.8),
                said("How are", 0.9, 1.2),
                said("you", 3.0, 3.5)
            ]
        );
        let long: Vec<Said> = (0..40_u32)
            .map(|at| said("word", f64::from(at) * 0.5, f64::from(at) * 0.5 + 0.4))
            .collect();
        let long = segments(&long);
        assert!(long.len() > 1);
        assert!(long.iter().all(|one| one.text.len() <= SEGMENT_CHARS_MAX));
        assert_eq!(segments(&[]), []);
    }

    #[test]
    fn scripts_have_their_spaces() {
        let text = |words: &[&str]| {
            let words: Vec<Said> = words.iter().map(|word| said(word, 0.0, 0.0)).collect();
            joined(&words)
        };
        assert_eq!(text(&["Good", "", "day."]), "Good day.");
        assert_eq!(text(&["今日は", "いい", "天気。"]), "今日はいい天気。");
        assert_eq!(text(&["안녕하세요.", "오늘은"]), "안녕하세요. 오늘은");
    }

    #[test]
    fn times_go_forward() {
        assert!(in_order(&[said("a", 0.0, 1.0), said("b", 0.5, 0.5)]));
        assert!(!in_order(&[said("a", 1.0, 0.9)]));
        assert!(!in_order(&[said("a", 1.0, 2.0), said("b", 0.0, 3.0)]));
    }
}
