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

pub(crate) fn read(bytes: &[u8], limits: &Limits, out: &mut Written) -> Result<(), DocumentError> {
    let text = decode(bytes, declared(bytes));
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

/// What writes Markdown follows the page's nesting on its own stack.
fn check_depth(root: &NodeRef<'_>, max: usize) -> Result<(), DocumentError> {
    let mut open: Vec<(NodeRef<'_>, usize)> = vec![(*root, 0)];
    while let Some((node, depth)) = open.pop() {
        if depth > max {
            let text = format!("its elements are nested more than {max} deep");
            return Err(DocumentError::Hostile(text));
        }
        let mut child = node.first_child();
        while let Some(node) = child {
            open.push((node, depth + 1));
            child = node.next_sibling();
        }
    }
    Ok(())
}
