//! Word documents.

use super::archive::Archive;
use super::numbering::Numbering;
use super::relations::Relations;
use super::styles::Styles;
use super::xml::{Element, Node, Part};
use crate::table;
use crate::written::Written;
use crate::{DocumentError, Limits};

const BODY: &str = "word/document.xml";
/// Spaces that indent a list within a list.
const INDENT: usize = 2;

pub(crate) fn read(bytes: &[u8], limits: &Limits, out: &mut Written) -> Result<(), DocumentError> {
    let mut archive = Archive::open(bytes, limits)?;
    let body = archive.required(BODY)?;
    let looks = Looks {
        styles: Styles::read(archive.text("word/styles.xml")?.as_deref(), limits)?,
        numbering: Numbering::read(archive.text("word/numbering.xml")?.as_deref(), limits)?,
        relations: Relations::of(&mut archive, BODY, limits)?,
    };
    let mut writer = Writer::new(&looks, out);
    writer.part(&body, limits)?;
    for (notes, mark) in [("word/footnotes.xml", "^"), ("word/endnotes.xml", "^e")] {
        if let Some(text) = archive.text(notes)? {
            writer.note_mark = mark;
            writer.part(&text, limits)?;
        }
    }
    Ok(())
}

/// What paragraphs look like.
struct Looks {
    styles: Styles,
    numbering: Numbering,
    relations: Relations,
}

/// The paragraph being read.
#[derive(Debug, Default)]
struct Paragraph {
    text: String,
    heading: Option<usize>,
    list: Option<String>,
    list_level: Option<String>,
}

#[derive(Debug, Default)]
struct Table {
    rows: Vec<Vec<String>>,
    row: Vec<String>,
    cell: String,
}

struct Writer<'w> {
    looks: &'w Looks,
    out: &'w mut Written,
    /// Paragraphs being read: one may hold a text box, which has its own.
    open: Vec<Paragraph>,
    /// Tables within tables.
    tables: Vec<Table>,
    /// The address of the link being read, and where its text begins.
    link: Option<(String, usize)>,
    /// What is said of the picture that comes.
    described: String,
    in_text: bool,
    /// Elements below one that is said a second time, or is not there any more.
    skipped: usize,
    in_list: bool,
    /// Which notes are read.
    note_mark: &'static str,
}

impl<'w> Writer<'w> {
    fn new(looks: &'w Looks, out: &'w mut Written) -> Self {
        Self {
            looks,
            out,
            open: Vec::new(),
            tables: Vec::new(),
            link: None,
            described: String::new(),
            in_text: false,
            skipped: 0,
            in_list: false,
            note_mark: "",
        }
    }

    fn part(&mut self, text: &str, limits: &Limits) -> Result<(), DocumentError> {
        let mut part = Part::new(text, limits.depth);
        while let Some(node) = part.next()? {
            if self.out.is_full() {
                break;
            }
            match node {
                Node::Open(element) => self.open(&element),
                Node::Close(name) => self.close(&name),
                Node::Text(text) if self.in_text && self.skipped == 0 => self.say(&text),
                Node::Text(_) => {}
            }
        }
        Ok(())
    }

    fn open(&mut self, element: &Element) {
        // `Fallback` repeats what stands before it for programs that are older.
        if self.skipped > 0 || matches!(element.name.as_str(), "Fallback" | "del" | "moveFrom") {
            self.skipped += 1;
            return;
        }
        match element.name.as_str() {
            "p" => self.open.push(Paragraph::default()),
            "pStyle" | "numId" | "ilvl" => self.look(element),
            "t" => self.in_text = true,
            "tab" => self.say("\t"),
            "br" | "cr" => self.say("\n"),
            "noBreakHyphen" => self.say("-"),
            "hyperlink" => self.open_link(element),
            "docPr" => element
                .get("descr")
                .unwrap_or_default()
                .clone_into(&mut self.described),
            "blip" => self.picture(),
            "footnoteReference" => self.reference("^", element),
            "endnoteReference" => self.reference("^e", element),
            "footnote" | "endnote" => self.begin_note(element),
            "tbl" => self.tables.push(Table::default()),
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        if self.skipped > 0 {
            self.skipped -= 1;
            return;
        }
        match name {
            "t" => self.in_text = false,
            "p" => self.end_paragraph(),
            "hyperlink" => self.close_link(),
            "tc" => {
                if let Some(table) = self.tables.last_mut() {
                    table.row.push(std::mem::take(&mut table.cell));
                }
            }
            "tr" => {
                if let Some(table) = self.tables.last_mut() {
                    table.rows.push(std::mem::take(&mut table.row));
                }
            }
            "tbl" => self.end_table(),
            _ => {}
        }
    }

    fn say(&mut self, text: &str) {
        if let Some(paragraph) = self.open.last_mut() {
            paragraph.text.push_str(text);
        }
    }

    fn look(&mut self, element: &Element) {
        let Some(paragraph) = self.open.last_mut() else {
            return;
        };
        let value = element.val().unwrap_or("0");
        match element.name.as_str() {
            "pStyle" => {
                let styles = &self.looks.styles;
                paragraph.heading = styles.level(value);
                paragraph.list = styles.list(value).map(str::to_owned);
            }
            "ilvl" => paragraph.list_level = Some(value.to_owned()),
            _ => paragraph.list = (value != "0").then(|| value.to_owned()),
        }
    }

    fn end_paragraph(&mut self) {
        let Some(paragraph) = self.open.pop() else {
            return;
        };
        if let Some(table) = self.tables.last_mut() {
            table.cell.push_str(paragraph.text.trim());
            table.cell.push('\n');
            return;
        }
        let text = paragraph.text.trim();
        if text.is_empty() {
            return;
        }
        let was_in_list = std::mem::replace(&mut self.in_list, false);
        if let Some(level) = paragraph.heading {
            let line = text.replace('\n', " ");
            self.out.block(&format!("{} {line}", "#".repeat(level)));
        } else if let Some(list) = &paragraph.list {
            let level = paragraph.list_level.as_deref().unwrap_or("0");
            let is_bullet = self.looks.numbering.is_bullet(list, level);
            let mark = if is_bullet { "-" } else { "1." };
            let depth: usize = level.parse().unwrap_or(0).min(8);
            let line = format!("{}{mark} {text}", " ".repeat(depth * INDENT));
            if was_in_list {
                self.out.line(&line);
            } else {
                self.out.block(&line);
            }
            self.in_list = true;
        } else {
            self.out.block(text);
        }
    }

    fn end_table(&mut self) {
        let Some(table) = self.tables.pop() else {
            return;
        };
        if let Some(outer) = self.tables.last_mut() {
            for row in table.rows {
                let cells: Vec<&str> = row.iter().map(|cell| cell.trim()).collect();
                outer.cell.push_str(&cells.join(", "));
                outer.cell.push('\n');
            }
            return;
        }
        self.in_list = false;
        self.out.block(&table::markdown(&table.rows));
    }

    fn open_link(&mut self, element: &Element) {
        let address = element.relation();
        let address = address.and_then(|id| self.looks.relations.address(id));
        let start = self.open.last().map_or(0, |paragraph| paragraph.text.len());
        self.link = address.map(|to| (to.to_owned(), start));
    }

    fn close_link(&mut self) {
        let (Some((address, start)), Some(paragraph)) = (self.link.take(), self.open.last_mut())
        else {
            return;
        };
        let text = paragraph.text.split_off(start.min(paragraph.text.len()));
        if text.trim() == address {
            paragraph.text.push_str(&address);
        } else {
            let link = format!("[{}]({address})", text.trim());
            paragraph.text.push_str(&link);
        }
    }

    fn picture(&mut self) {
        let said = std::mem::take(&mut self.described);
        match said.trim() {
            "" => self.say("[picture]"),
            said => self.say(&format!("[picture: {said}]")),
        }
    }

    fn reference(&mut self, mark: &str, element: &Element) {
        let id = element.get("id").unwrap_or_default();
        self.say(&format!("[{mark}{id}]"));
    }

    fn begin_note(&mut self, element: &Element) {
        // Lines that separate notes from the text are notes too.
        if element.get("type").is_some_and(|kind| kind != "normal") {
            return;
        }
        let id = element.get("id").unwrap_or_default();
        let mark = self.note_mark;
        self.out.block(&format!("[{mark}{id}]:"));
    }
}
