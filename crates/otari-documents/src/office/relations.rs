//! Where a part points to.

use std::collections::HashMap;

use super::archive::Archive;
use super::xml::{Node, Part};
use crate::{DocumentError, Limits};

/// Targets by id, as written: paths within the archive, or addresses.
#[derive(Debug, Default)]
pub(super) struct Relations {
    targets: HashMap<String, Target>,
    folder: String,
}

#[derive(Debug)]
struct Target {
    kind: String,
    to: String,
    outside: bool,
}

impl Relations {
    /// Those of the part at `path`; none where it has none.
    pub(super) fn of(
        archive: &mut Archive<'_>,
        path: &str,
        limits: &Limits,
    ) -> Result<Self, DocumentError> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut relations = Self {
            folder: folder.to_owned(),
            ..Self::default()
        };
        let Some(text) = archive.text(&format!("{folder}/_rels/{name}.rels"))? else {
            return Ok(relations);
        };
        let mut part = Part::new(&text, limits.depth);
        while let Some(node) = part.next()? {
            if let Node::Open(element) = node
                && let (Some(id), Some(to)) = (element.get("Id"), element.get("Target"))
            {
                let target = Target {
                    kind: element.get("Type").unwrap_or_default().to_owned(),
                    to: to.to_owned(),
                    outside: element.get("TargetMode") == Some("External"),
                };
                relations.targets.insert(id.to_owned(), target);
            }
        }
        Ok(relations)
    }

    /// An address on the web.
    pub(super) fn address(&self, id: &str) -> Option<&str> {
        let target = self.targets.get(id).filter(|target| target.outside)?;
        let is_web = ["http://", "https://", "mailto:"]
            .iter()
            .any(|scheme| target.to.starts_with(scheme));
        is_web.then_some(target.to.as_str())
    }

    /// A part of the archive.
    pub(super) fn part(&self, id: &str) -> Option<String> {
        self.targets.get(id).map(|target| self.resolve(target))
    }

    /// The part of a kind, where there is one of it.
    pub(super) fn part_of_kind(&self, kind: &str) -> Option<String> {
        let mut targets = self.targets.values();
        let found = targets.find(|target| target.kind.ends_with(kind))?;
        Some(self.resolve(found))
    }

    fn resolve(&self, target: &Target) -> String {
        if let Some(absolute) = target.to.strip_prefix('/') {
            return absolute.to_owned();
        }
        let mut path: Vec<&str> = self.folder.split('/').collect();
        for step in target.to.split('/') {
            match step {
                "." => {}
                ".." => {
                    path.pop();
                }
                step => path.push(step),
            }
        }
        path.join("/")
    }
}
