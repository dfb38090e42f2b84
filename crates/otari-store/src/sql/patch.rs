//! Updates of some columns only.

use super::{Query, Value};

/// What a request says about a member that may be null: nothing, null, or a value.
pub type Patch<T> = Option<Option<T>>;

/// `UPDATE table SET …` with the columns that are given.
#[derive(Debug)]
pub(crate) struct Update(Query);

impl Update {
    /// Begins with a column that every update sets.
    pub(crate) fn new(table: &'static str, column: &str, value: impl Into<Value>) -> Self {
        let mut query = Query::new(table, format!("UPDATE {table} SET "));
        query.push_with(&format!("{column} = ?"), value);
        Self(query)
    }

    /// Sets a column if there is something to set it to.
    #[must_use]
    pub(crate) fn set(mut self, column: &str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.0.push_with(&format!(", {column} = ?"), value);
        }
        self
    }

    pub(crate) fn of(mut self, column: &str, key: impl Into<Value>) -> Query {
        self.0.push_with(&format!(" WHERE {column} = ?"), key);
        self.0
    }
}

/// A list of names as JSON text.
pub(crate) fn json_list(list: &[String]) -> String {
    serde_json::Value::from(list).to_string()
}
