//! Which lists are numbered.

use std::collections::{HashMap, HashSet};

use super::xml::{Node, Part};
use crate::{DocumentError, Limits};

#[derive(Debug, Default)]
pub(super) struct Numbering {
    /// List to its definition.
    lists: HashMap<String, String>,
    /// Definition and level.
    bullets: HashSet<(String, String)>,
}

impl Numbering {
    pub(super) fn read(numbering: Option<&str>, limits: &Limits) -> Result<Self, DocumentError> {
        let mut read = Self::default();
        let Some(numbering) = numbering else {
            return Ok(read);
        };
        let mut part = Part::new(numbering, limits.depth);
        let (mut definition, mut level, mut list) = (String::new(), String::new(), String::new());
        while let Some(node) = part.next()? {
            let Node::Open(element) = node else { continue };
            let get = |name: &str| element.get(name).unwrap_or_default().to_owned();
            match element.name.as_str() {
                "abstractNum" => definition = get("abstractNumId"),
                "lvl" => level = get("ilvl"),
                "numFmt" if element.val() == Some("bullet") => {
                    read.bullets.insert((definition.clone(), level.clone()));
                }
                "num" => list = get("numId"),
                "abstractNumId" => {
                    read.lists.insert(list.clone(), get("val"));
                }
                _ => {}
            }
        }
        Ok(read)
    }

    pub(super) fn is_bullet(&self, list: &str, level: &str) -> bool {
        let Some(definition) = self.lists.get(list) else {
            return true;
        };
        self.bullets
            .contains(&(definition.clone(), level.to_owned()))
    }
}
