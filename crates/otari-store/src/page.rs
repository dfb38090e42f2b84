//! Which part of a list to answer: by position, or after the last row seen.

use std::fmt;

use otari_types::Timestamp;

use crate::sql::Query;

/// Rows beyond this are never answered at once.
const LIMIT_MAX: i64 = 1_000_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub limit: i64,
    pub start: Start,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// So many rows into the list. Costs as much as reading them.
    Skip(i64),
    /// After the row this was made from, wherever it stands by now.
    After(Cursor),
}

/// A row's place in its list. Its text is opaque to clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub at: Timestamp,
    pub id: String,
}

impl Page {
    pub fn skip(skip: i64, limit: i64) -> Self {
        Self {
            limit,
            start: Start::Skip(skip),
        }
    }

    pub fn after(cursor: Cursor, limit: i64) -> Self {
        Self {
            limit,
            start: Start::After(cursor),
        }
    }

    /// Everything.
    pub fn all() -> Self {
        Self::skip(0, LIMIT_MAX)
    }
}

impl Cursor {
    pub fn new(at: Timestamp, id: impl Into<String>) -> Self {
        Self { at, id: id.into() }
    }

    /// Reads the text of [`Cursor`]'s `Display`.
    pub fn parse(text: &str) -> Option<Self> {
        let (at, id) = text.split_once('_')?;
        Some(Self {
            at: Timestamp(at.parse().ok()?),
            id: id.to_owned(),
        })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.at.0, self.id)
    }
}

/// The direction of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    OldestFirst,
    NewestFirst,
}

/// Ends a query that has a `WHERE` with the page's condition, order and bounds over a time and an id column.
pub(crate) fn paginate(query: &mut Query, page: &Page, (time, id): (&str, &str), order: Order) {
    let (sign, direction) = match order {
        Order::OldestFirst => ('>', "ASC"),
        Order::NewestFirst => ('<', "DESC"),
    };
    if let Start::After(cursor) = &page.start {
        query.push_with(&format!(" AND ({time}, {id}) {sign} (?"), cursor.at);
        query.push_with(", ?)", &cursor.id);
    }
    query.push(&format!(" ORDER BY {time} {direction}, {id} {direction}"));
    query.push_with(" LIMIT ?", page.limit.clamp(0, LIMIT_MAX));
    if let Start::Skip(skip) = page.start {
        query.push_with(" OFFSET ?", skip.max(0));
    }
}
