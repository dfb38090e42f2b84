//! PowerPoint presentations: the texts of each slide, and what its notes say.

use super::archive::Archive;
use super::relations::Relations;
use super::xml::{Node, Part};
use crate::table;
use crate::written::Written;
use crate::{DocumentError, Limits};

const MAIN: &str = "ppt/presentation.xml";
const NOTES: &str = "/notesSlide";

/// Answers how many slides there are.
pub(crate) fn read(
    bytes: &[u8],
    limits: &Limits,
    out: &mut Written,
) -> Result<usize, DocumentError> {
    let mut archive = Archive::open(bytes, limits)?;
    let main = archive.required(MAIN)?;
    let relations = Relations::of(&mut archive, MAIN, limits)?;
    let slides: Vec<String> = slide_ids(&main, limits)?
        .iter()
        .filter_map(|id| relations.part(id))
        .collect();
    for (index, path) in slides.iter().enumerate() {
        if index >= limits.pages || out.is_full() {
            out.leave_out(format!(
                "the text ends after slide {index} of {}",
                slides.len()
            ));
            break;
        }
        let Some(text) = archive.text(path)? else {
            continue;
        };
        let slide = Slide::read(&text, limits)?;
        let title = slide.title.trim().replace('\n', " ");
        let heading = format!("## Slide {}: {title}", index + 1);
        out.block(heading.trim_end_matches([':', ' ']));
        for block in &slide.blocks {
            out.block(block);
        }
        let relations = Relations::of(&mut archive, path, limits)?;
        let notes = relations.part_of_kind(NOTES);
        let notes = notes.map(|path| archive.text(&path)).transpose()?.flatten();
        if let Some(notes) = notes {
            let notes = Slide::read(&notes, limits)?.blocks.join("\n");
            if !notes.trim().is_empty() {
                out.block(&format!("Notes: {}", notes.trim()));
            }
        }
    }
    Ok(slides.len())
}

fn slide_ids(main: &str, limits: &Limits) -> Result<Vec<String>, DocumentError> {
    let mut part = Part::new(main, limits.depth);
    let mut ids = Vec::new();
    while let Some(node) = part.next()? {
        if let Node::Open(element) = node
            && element.name == "sldId"
            && let Some(id) = element.relation()
        {
            ids.push(id.to_owned());
        }
    }
    Ok(ids)
}

/// The texts of a slide.
#[derive(Debug, Default)]
struct Slide {
    title: String,
    blocks: Vec<String>,
}

#[derive(Debug, Default)]
struct Shape {
    placeholder: String,
    text: String,
}

impl Slide {
    fn read(text: &str, limits: &Limits) -> Result<Self, DocumentError> {
        let mut part = Part::new(text, limits.depth);
        let mut slide = Self::default();
        let mut shape = Shape::default();
        let mut rows: Vec<Vec<String>> = Vec::new();
        let (mut in_text, mut in_table, mut skipped) = (false, false, 0usize);
        while let Some(node) = part.next()? {
            match node {
                Node::Open(element) if skipped > 0 || element.name == "Fallback" => skipped += 1,
                Node::Close(_) if skipped > 0 => skipped -= 1,
                Node::Open(element) => match element.name.as_str() {
                    "ph" => element
                        .get("type")
                        .unwrap_or("body")
                        .clone_into(&mut shape.placeholder),
                    "pPr" => {
                        let level = element.get("lvl").and_then(|level| level.parse().ok());
                        let level: usize = level.unwrap_or(0).min(8);
                        if !in_table {
                            shape.text.push_str(&" ".repeat(level * 2));
                        }
                    }
                    "t" => in_text = true,
                    "br" => shape.text.push('\n'),
                    "tbl" => in_table = true,
                    "tr" if in_table => rows.push(Vec::new()),
                    _ => {}
                },
                Node::Text(text) if in_text => shape.text.push_str(&text),
                Node::Text(_) => {}
                Node::Close(name) => match name.as_str() {
                    "t" => in_text = false,
                    "p" => shape.text.push('\n'),
                    "tc" => {
                        if let Some(row) = rows.last_mut() {
                            row.push(std::mem::take(&mut shape.text));
                        }
                    }
                    "tbl" => {
                        slide
                            .blocks
                            .push(table::markdown(&std::mem::take(&mut rows)));
                        in_table = false;
                    }
                    "sp" => slide.add(std::mem::take(&mut shape)),
                    _ => {}
                },
            }
        }
        Ok(slide)
    }

    fn add(&mut self, shape: Shape) {
        match shape.placeholder.as_str() {
            "title" | "ctrTitle" if self.title.is_empty() => self.title = shape.text,
            // What every slide repeats.
            "sldNum" | "dt" | "ftr" | "hdr" | "sldImg" => {}
            _ if shape.text.trim().is_empty() => {}
            _ => self.blocks.push(shape.text.trim_matches('\n').to_owned()),
        }
    }
}
