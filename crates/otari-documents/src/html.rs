//! Web pages, as Markdown.

use dom_query::{Document as Page, NodeRef};
use encoding_rs::Encoding;

use crate::plain::decode;
use crate::written::Written;
use crate::{DocumentError, Limits};

/// A page that declares its characters does so early.
const DECLARED_WITHIN: usize = 1024;
/// Not for readers.
const SKIPPED: &[&str] = &[
    "script", "style", "noscript", "template", "svg", "iframe", "object", "head",
];

/// Elements that have no end tag, or that end where the next begins.
const NEVER_DEEP: &[&str] = &[
    "area", "base", "br", "col", "dd", "dt", "embed", "hr", "img", "input", "li", "link", "meta",
    "option", "p", "param", "source", "tbody", "td", "tfoot", "th", "thead", "tr", "track", "wbr",
];
/// A page that forgets end tags is not yet a hostile one.
const OPEN_FACTOR: usize = 8;

pub(crate) fn read(bytes: &[u8], limits: &Limits, out: &mut Written) -> Result<(), DocumentError> {
    let text = decode(bytes, declared(bytes));
    if open_tags(&text) > limits.depth * OPEN_FACTOR {
        return Err(too_deep(limits.depth));
    }
    let page = Page::from(text);
    check_depth(&page.root(), limits.depth)?;
    let title = page.select("title").text();
    let markdown = page.md(Some(SKIPPED));
    let title = title.trim();
    if !title.is_empty() && !markdown.contains(title) {
        out.block(&format!("# {title}"));
    }
    out.block(markdown.trim());
    if title.is_empty() && markdown.trim().is_empty() {
        return Err(DocumentError::Empty);
    }
    Ok(())
}

fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = bytes.get(..DECLARED_WITHIN).unwrap_or(bytes);
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let (_, after) = head.split_once("charset=")?;
    let name: String = after
        .trim_start_matches(['"', '\''])
        .chars()
        .take_while(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'))
        .collect();
    Encoding::for_label(name.as_bytes())
}

/// How many elements are open at the same time at most, by a look at the tags: what builds the page takes quadratic time
/// in it, so it is known before.
fn open_tags(text: &str) -> usize {
    let (mut open, mut most) = (0usize, 0usize);
    for tag in text.split('<').skip(1) {
        let (closes, tag) = match tag.strip_prefix('/') {
            Some(tag) => (true, tag),
            None => (false, tag),
        };
        let name = tag.split(|letter: char| !letter.is_ascii_alphanumeric());
        let name = name.take(1).collect::<String>().to_ascii_lowercase();
        if name.is_empty() || NEVER_DEEP.contains(&name.as_str()) {
            continue;
        }
        if closes {
            open = open.saturating_sub(1);
        } else {
            open += 1;
            most = most.max(open);
        }
    }
    most
}

fn too_deep(max: usize) -> DocumentError {
    DocumentError::Hostile(format!("its elements are nested more than {max} deep"))
}

/// What writes Markdown follows the page's nesting on its own stack.
fn check_depth(root: &NodeRef<'_>, max: usize) -> Result<(), DocumentError> {
    let mut open: Vec<(NodeRef<'_>, usize)> = vec![(*root, 0)];
    while let Some((node, depth)) = open.pop() {
        if depth > max {
            return Err(too_deep(max));
        }
        let mut child = node.first_child();
        while let Some(node) = child {
            open.push((node, depth + 1));
            child = node.next_sibling();
        }
    }
    Ok(())
}
