//! The largest files and functions: places to look, not limits.

use super::Source;

const SHOWN: usize = 5;

pub(super) fn report(sources: &[Source]) {
    let rust = || {
        sources
            .iter()
            .filter(|source| source.is_rust() && !source.is_test())
    };
    let files = rust()
        .map(|source| (source.code().count(), source.path.clone()))
        .collect();
    show("largest files (lines of code)", files);
    show(
        "longest functions (lines)",
        rust().flat_map(functions).collect(),
    );
}

fn show(title: &str, mut items: Vec<(usize, String)>) {
    items.sort_by(|a, b| b.cmp(a));
    println!("{title}:");
    for (size, name) in items.iter().take(SHOWN) {
        println!("{size:6}  {name}");
    }
}

/// Each function with its length. Formatted code closes a function at the indent it opened at.
fn functions(source: &Source) -> Vec<(usize, String)> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut open: Option<(usize, usize, String)> = None;
    let mut found = Vec::new();
    for (number, line) in source.code() {
        match &open {
            None => {
                if let Some(name) = function_name(line)
                    && !line.trim_end().ends_with(['}', ';'])
                {
                    open = Some((number, indent(line), name.to_owned()));
                }
            }
            Some((start, at, name)) if line.trim() == "}" && indent(line) == *at => {
                found.push((
                    number - start + 1,
                    format!("{}:{start} {name}", source.path),
                ));
                open = None;
            }
            Some(_) => {}
        }
    }
    found
}

fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.trim_start().split_once("fn ")?;
    let modifiers = ["pub", "pub(crate)", "pub(super)", "async", "const", ""];
    let plain = before.split(' ').all(|word| modifiers.contains(&word));
    plain.then(|| after.split(['(', '<']).next())?
}
