//! A page reduced to what reading it takes, before a DOM is built from it.
//!
//! HTML parsers build trees as deep as a page asks for, and what walks the tree recurses: a hundred kilobytes of
//! `<b>` overflow the stack, which no `catch_unwind` survives, and nested lists or tables take minutes. So the page is
//! read once, in linear time, and written again with a bounded number of properly nested tags. What is dropped here is
//! markup; the text stays.

/// Of the page as it is written again.
const BYTES_MAX: usize = 2 << 20;
const TAGS_MAX: usize = 60_000;
const DEPTH_MAX: usize = 80;
/// A parser opens these again in every paragraph that follows, so each multiplies the size of the tree.
const FORMATTING_DEPTH_MAX: usize = 4;
const ATTRIBUTES_MAX: usize = 12;

const FORMATTING: [&str; 9] = ["a", "b", "code", "em", "i", "s", "small", "strong", "u"];

const KEPT: [&str; 52] = [
    "html",
    "head",
    "title",
    "meta",
    "body",
    "div",
    "span",
    "p",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "ul",
    "ol",
    "li",
    "dl",
    "dt",
    "dd",
    "table",
    "thead",
    "tbody",
    "tfoot",
    "tr",
    "td",
    "th",
    "caption",
    "pre",
    "blockquote",
    "br",
    "hr",
    "img",
    "figure",
    "figcaption",
    "article",
    "section",
    "main",
    "header",
    "footer",
    "nav",
    "aside",
    "details",
    "summary",
    "mark",
    "q",
    "cite",
    "time",
    "address",
    "sub",
    "sup",
    "base",
];

const VOID: [&str; 5] = ["meta", "br", "hr", "img", "base"];

/// Elements whose content is not for reading.
const SKIPPED: [&str; 17] = [
    "script", "style", "svg", "math", "template", "iframe", "object", "canvas", "video", "audio",
    "select", "textarea", "noscript", "noembed", "noframes", "xmp", "datalist",
];

/// What finding the article looks at.
const ATTRIBUTES: [&str; 18] = [
    "href",
    "src",
    "alt",
    "class",
    "id",
    "role",
    "rel",
    "itemprop",
    "hidden",
    "aria-hidden",
    "lang",
    "dir",
    "datetime",
    "name",
    "property",
    "content",
    "colspan",
    "start",
];

/// The page again, smaller.
pub(super) fn simplify(html: &str) -> String {
    let mut writer = Writer {
        out: String::with_capacity(html.len() / 2),
        open: Vec::new(),
        formatting: 0,
        tags: 0,
    };
    let mut rest = html;
    while let Some((text, at)) = rest.split_once('<')
        && writer.out.len() < BYTES_MAX
    {
        writer.text(text);
        rest = markup(at, &mut writer);
    }
    if !rest.contains('<') {
        writer.text(rest);
    }
    while writer.open.pop().is_some_and(|name| writer.end(name)) {}
    writer.out
}

/// Reads what follows a `<`, and gives back what follows the markup.
fn markup<'a>(at: &'a str, writer: &mut Writer) -> &'a str {
    if let Some(comment) = at.strip_prefix("!--") {
        return comment.split_once("-->").map_or("", |(_, rest)| rest);
    }
    if at.starts_with(['!', '?']) {
        return at.split_once('>').map_or("", |(_, rest)| rest);
    }
    let (closing, name_on) = match at.strip_prefix('/') {
        Some(rest) => (true, rest),
        None => (false, at),
    };
    if !name_on.starts_with(|c: char| c.is_ascii_alphabetic()) {
        writer.out.push_str("&lt;");
        return at;
    }
    let ends = |c: char| c.is_whitespace() || c == '>' || c == '/';
    let length = name_on.find(ends).unwrap_or(name_on.len());
    let (name, attributes_on) = name_on.split_at(length);
    let name = name.to_ascii_lowercase();
    let mut attributes = Vec::new();
    let rest = read_attributes(attributes_on, &mut attributes);
    if closing {
        writer.close(&name);
        return rest;
    }
    if SKIPPED.contains(&name.as_str()) {
        return after_end_tag(rest, &name);
    }
    writer.start(&name, &attributes);
    rest
}

/// What follows `</name`, in any case; nothing if the element never ends.
fn after_end_tag<'a>(text: &'a str, name: &str) -> &'a str {
    let mut rest = text;
    while let Some((_, at)) = rest.split_once("</") {
        let found = at.get(..name.len());
        if found.is_some_and(|found| found.eq_ignore_ascii_case(name)) {
            return at.split_once('>').map_or("", |(_, rest)| rest);
        }
        rest = at;
    }
    ""
}

type Attribute<'a> = (&'a str, &'a str);

fn read_attributes<'a>(text: &'a str, found: &mut Vec<Attribute<'a>>) -> &'a str {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if let Some(after) = rest.strip_prefix('>') {
            return after;
        }
        if rest.is_empty() {
            return "";
        }
        let ends = |c: char| c.is_whitespace() || matches!(c, '=' | '>' | '/');
        // A stray `=` begins a name, or this would not move.
        let length = rest.find(ends).map_or(rest.len(), |length| length.max(1));
        let (name, after) = rest.split_at(length);
        let (value, after) = match after.trim_start().strip_prefix('=') {
            Some(value) => read_value(value.trim_start()),
            None => ("", after),
        };
        if found.len() < ATTRIBUTES_MAX {
            found.push((name, value));
        }
        rest = after;
    }
}

fn read_value(text: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote) {
            return inner.split_once(quote).unwrap_or((inner, ""));
        }
    }
    let length = text.find(|c: char| c.is_whitespace() || c == '>');
    text.split_at(length.unwrap_or(text.len()))
}

struct Writer {
    out: String,
    open: Vec<&'static str>,
    formatting: usize,
    tags: usize,
}

impl Writer {
    fn text(&mut self, text: &str) {
        let room = BYTES_MAX.saturating_sub(self.out.len());
        self.out.push_str(
            text.get(..text.floor_char_boundary(room))
                .unwrap_or_default(),
        );
    }

    fn start(&mut self, name: &str, attributes: &[Attribute<'_>]) {
        let known = KEPT.iter().chain(&FORMATTING).find(|known| **known == name);
        let Some(name) = known.copied() else {
            // Words on both sides of a forgotten element stay two words.
            self.out.push(' ');
            return;
        };
        let formatting = FORMATTING.contains(&name);
        let too_many = self.tags >= TAGS_MAX
            || self.open.len() >= DEPTH_MAX
            || (formatting && self.formatting >= FORMATTING_DEPTH_MAX);
        if too_many {
            self.out.push(' ');
            return;
        }
        self.close_implied(name);
        self.tags += 1;
        self.out.push('<');
        self.out.push_str(name);
        for (attribute, value) in attributes {
            let known = ATTRIBUTES
                .iter()
                .find(|known| attribute.eq_ignore_ascii_case(known));
            // A picture inside the page's text is megabytes of nothing to read.
            if let Some(attribute) = known
                && !value.trim_start().starts_with("data:")
            {
                self.out.push(' ');
                self.out.push_str(attribute);
                self.out.push_str("=\"");
                self.out.push_str(&value.replace('"', "&quot;"));
                self.out.push('"');
            }
        }
        self.out.push('>');
        if !VOID.contains(&name) {
            self.formatting += usize::from(formatting);
            self.open.push(name);
        }
    }

    /// Closes the element, with whatever was left open inside it. An end tag without a start is dropped.
    fn close(&mut self, name: &str) {
        if !self.open.contains(&name) {
            return;
        }
        while let Some(inner) = self.open.pop() {
            self.end(inner);
            if inner == name {
                return;
            }
        }
    }

    /// Elements whose end tag is left out, as the standard allows, end where the next one begins.
    fn close_implied(&mut self, next: &str) {
        let siblings: &[&str] = match next {
            "li" => &["li"],
            "dt" | "dd" => &["dt", "dd"],
            "tr" => &["tr", "td", "th"],
            "td" | "th" => &["td", "th"],
            "p" | "div" | "ul" | "ol" | "dl" | "table" | "pre" | "blockquote" | "section"
            | "article" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => &["p"],
            _ => return,
        };
        while self.open.last().is_some_and(|last| siblings.contains(last)) {
            if let Some(last) = self.open.pop() {
                self.end(last);
            }
        }
    }

    fn end(&mut self, name: &str) -> bool {
        self.formatting -= usize::from(FORMATTING.contains(&name));
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
        true
    }
}
