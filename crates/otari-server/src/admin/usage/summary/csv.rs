//! Breakdowns as a CSV file (RFC 4180) that is safe to open in a spreadsheet.

use std::borrow::Cow;
use std::fmt::Write as _;

use otari_store::usage::{Dimension, Group};

pub(super) fn render(breakdowns: &[(Dimension, Vec<Group>)]) -> String {
    let mut file = "dimension,key,cost,tokens,requests\r\n".to_owned();
    for (dimension, groups) in breakdowns {
        for group in groups {
            let key = match &group.key {
                Some(key) => cell(key),
                None if group.is_other => Cow::Borrowed("(other)"),
                None => Cow::Borrowed(""),
            };
            // Writing to a string cannot fail.
            let _ = write!(
                file,
                "{},{key},{},{},{}\r\n",
                dimension.as_str(),
                group.cost,
                group.tokens,
                group.requests
            );
        }
    }
    file
}

/// Spreadsheets run a cell that begins like a formula; names of models and users come from callers.
fn cell(text: &str) -> Cow<'_, str> {
    let runs = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let quoted = text.contains([',', '"', '\r', '\n']);
    match (runs, quoted) {
        (false, false) => Cow::Borrowed(text),
        (true, false) => Cow::Owned(format!("'{text}")),
        (_, true) => {
            let guard = if runs { "'" } else { "" };
            Cow::Owned(format!("\"{guard}{}\"", text.replace('"', "\"\"")))
        }
    }
}

#[cfg(test)]
mod tests {
    use otari_types::NanoUsd;

    use super::*;

    #[test]
    fn keys_are_quoted_and_never_run() {
        let group = |key: Option<&str>, is_other| Group {
            key: key.map(str::to_owned),
            cost: NanoUsd(1_500_000_000),
            tokens: 2,
            requests: 1,
            is_other,
            ..Group::default()
        };
        let groups = vec![
            group(Some("gpt-5"), false),
            group(Some("=1+1"), false),
            group(Some("@a,\"b\""), false),
            group(Some("\ta\nb"), false),
            group(None, false),
            group(None, true),
        ];
        let file = render(&[(Dimension::Model, groups)]);
        let keys = [
            "gpt-5",
            "'=1+1",
            "\"'@a,\"\"b\"\"\"",
            "\"'\ta\nb\"",
            "",
            "(other)",
        ];
        let lines = keys.map(|key| format!("model,{key},1.5,2,1\r\n"));
        assert_eq!(
            file,
            format!("dimension,key,cost,tokens,requests\r\n{}", lines.concat())
        );
    }
}
