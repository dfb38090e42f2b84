//! Which of Word's styles are headings and which are lists. Their ids are in the language of whoever wrote; their names are not.

use std::collections::HashMap;

use super::xml::{Node, Part};
use crate::{DocumentError, Limits};

/// Markdown's deepest.
const LEVEL_MAX: usize = 6;

/// By style id.
#[derive(Debug, Default)]
pub(super) struct Styles {
    /// Levels, from one.
    headings: HashMap<String, usize>,
    lists: HashMap<String, String>,
}

impl Styles {
    pub(super) fn read(styles: Option<&str>, limits: &Limits) -> Result<Self, DocumentError> {
        let mut read = Self::default();
        let Some(styles) = styles else {
            return Ok(read);
        };
        let mut part = Part::new(styles, limits.depth);
        let mut style = String::new();
        while let Some(node) = part.next()? {
            let Node::Open(element) = node else { continue };
            match element.name.as_str() {
                "style" => element
                    .get("styleId")
                    .unwrap_or_default()
                    .clone_into(&mut style),
                "name" => {
                    if let Some(level) = element.val().and_then(level_of_name) {
                        read.headings.insert(style.clone(), level);
                    }
                }
                "outlineLvl" => {
                    if let Some(level) = element.val().and_then(|level| level.parse::<usize>().ok())
                        && level < LEVEL_MAX
                    {
                        read.headings.entry(style.clone()).or_insert(level + 1);
                    }
                }
                "numId" => {
                    let list = element.val().unwrap_or_default();
                    read.lists.insert(style.clone(), list.to_owned());
                }
                _ => {}
            }
        }
        Ok(read)
    }

    pub(super) fn level(&self, style: &str) -> Option<usize> {
        let known = self.headings.get(style).copied();
        known.or_else(|| level_of_name(style))
    }

    /// The list that its paragraphs belong to.
    pub(super) fn list(&self, style: &str) -> Option<&str> {
        self.lists.get(style).map(String::as_str)
    }
}

fn level_of_name(name: &str) -> Option<usize> {
    let name = name.to_ascii_lowercase();
    if name == "title" {
        return Some(1);
    }
    let level: usize = name.strip_prefix("heading")?.trim().parse().ok()?;
    (1..=9).contains(&level).then_some(level.min(LEVEL_MAX))
}
