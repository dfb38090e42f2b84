//! Links within the repository: the file is there, and the heading.

use std::fs;
use std::path::Path;

use super::Source;

/// Places in pages that are not under the folders that are read.
const AT_THE_TOP: [&str; 5] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
];

/// The pages beside the folders.
pub(super) fn pages() -> Vec<Source> {
    let pages = AT_THE_TOP.iter().chain(&["demo/README.md"]);
    let read = pages.filter_map(|path| {
        Some(Source {
            path: (*path).to_owned(),
            text: fs::read_to_string(path).ok()?,
        })
    });
    read.collect()
}

/// The links of a page that lead nowhere.
pub(super) fn broken(source: &Source) -> Vec<String> {
    if !is_page(Path::new(&source.path)) {
        return Vec::new();
    }
    let folder = Path::new(&source.path).parent().unwrap_or(Path::new(""));
    let broken = links(&source.text).filter_map(|link| {
        let (file, heading) = link.split_once('#').unwrap_or((link, ""));
        let path = folder.join(file);
        let why = if file.is_empty() {
            has_no(&source.text, heading)
        } else if !path.exists() {
            Some("there is no such file".to_owned())
        } else if heading.is_empty() || !is_page(&path) {
            None
        } else {
            has_no(&fs::read_to_string(&path).unwrap_or_default(), heading)
        };
        why.map(|why| format!("{}: link to {link}: {why}", source.path))
    });
    broken.collect()
}

fn is_page(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
}

/// Targets of `[text](target)` outside code that are no addresses of the web.
fn links(text: &str) -> impl Iterator<Item = &str> {
    prose(text)
        .flat_map(|line| line.split("](").skip(1))
        .filter_map(|rest| rest.split(')').next())
        .filter(|link| !link.contains("://") && !link.starts_with("mailto:"))
}

fn has_no(text: &str, heading: &str) -> Option<String> {
    let mut headings = prose(text).filter(|line| line.starts_with('#'));
    let found = headings.any(|line| anchor(line) == heading);
    (!found).then(|| "there is no such heading".to_owned())
}

fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    })
}

/// As GitHub makes it of a heading.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim();
    let kept = text
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| {
        if c == ' ' {
            '-'
        } else {
            c.to_ascii_lowercase()
        }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> Source {
        Source {
            // The tests run in the folder of this package.
            path: "page.md".to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_link_needs_its_file_and_its_heading() {
        let text = "# One `two`: three\n[a](Cargo.toml) [b](https://x.test/) [c](#one-two-three)\n```\n[d](nowhere)\n```\n";
        assert_eq!(broken(&page(text)), Vec::<String>::new());
        let text = "[a](nowhere.md) and [b](#nothing)";
        assert_eq!(
            broken(&page(text)),
            [
                "page.md: link to nowhere.md: there is no such file",
                "page.md: link to #nothing: there is no such heading",
            ]
        );
    }
}
