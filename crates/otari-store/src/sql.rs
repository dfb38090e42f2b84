//! A thin layer over the two drivers: one SQL text with `$1` placeholders, typed values in, typed columns out.

mod multi_row;
mod patch;
mod row;
pub(crate) mod run;

use std::borrow::Cow;

use otari_types::{AccountId, BudgetId, KeyId, NanoUsd, NodeId, Rate, Secret, Timestamp, UserId};
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe, SqlSafeStr, SqlStr};

pub(crate) use multi_row::MultiRow;
pub use patch::Patch;
pub(crate) use patch::{Update, json_list};
pub(crate) use row::Row;

use crate::StoreError;

/// A value to bind. Nulls keep their type, because PostgreSQL wants to know it.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Int(Option<i64>),
    Bool(Option<bool>),
    Text(Option<String>),
}

/// A statement, its values and the table whose rows it reads (for errors).
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) table: &'static str,
    text: Cow<'static, str>,
    values: Vec<Value>,
    /// Texts built per call would only push the fixed ones out of the statement cache.
    pub(crate) cached: bool,
}

impl Query {
    pub(crate) fn new(table: &'static str, text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            table,
            text: text.into(),
            values: Vec::new(),
            cached: true,
        }
    }

    #[must_use]
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    pub(crate) fn add(&mut self, value: impl Into<Value>) {
        self.values.push(value.into());
    }

    /// Appends text; `?` in it stands for `value`'s placeholder.
    pub(crate) fn push_with(&mut self, text: &str, value: impl Into<Value>) {
        self.add(value);
        let placeholder = format!("${}", self.values.len());
        self.push(&text.replace('?', &placeholder));
    }

    pub(crate) fn push(&mut self, text: &str) {
        self.cached = false;
        self.text.to_mut().push_str(text);
    }

    /// Appends `($n, $n+1, …)`.
    pub(crate) fn push_list<T: Into<Value>>(&mut self, values: impl IntoIterator<Item = T>) {
        self.push("(");
        for (index, value) in values.into_iter().enumerate() {
            self.push_with(if index == 0 { "?" } else { ",?" }, value);
        }
        self.push(")");
    }

    pub(crate) fn sqlite(self) -> Result<(SqlStr, SqliteArguments), StoreError> {
        let mut arguments = SqliteArguments::default();
        for value in self.values {
            let added = match value {
                Value::Int(value) => arguments.add(value),
                Value::Bool(value) => arguments.add(value),
                Value::Text(value) => arguments.add(value),
            };
            added.map_err(encode)?;
        }
        Ok((AssertSqlSafe(self.text).into_sql_str(), arguments))
    }

    pub(crate) fn postgres(self) -> Result<(SqlStr, PgArguments), StoreError> {
        let mut arguments = PgArguments::default();
        for value in self.values {
            let added = match value {
                Value::Int(value) => arguments.add(value),
                Value::Bool(value) => arguments.add(value),
                // PostgreSQL text cannot hold NUL; an upstream's error message can.
                Value::Text(Some(text)) if text.contains('\0') => {
                    arguments.add(text.replace('\0', "\u{fffd}"))
                }
                Value::Text(value) => arguments.add(value),
            };
            added.map_err(encode)?;
        }
        Ok((AssertSqlSafe(self.text).into_sql_str(), arguments))
    }
}

fn encode(error: sqlx::error::BoxDynError) -> StoreError {
    StoreError::Db(sqlx::Error::Encode(error))
}

macro_rules! values {
    ($($variant:ident { $($type:ty => |$value:ident| $into:expr;)* })*) => {$($(
        impl From<$type> for Value {
            fn from($value: $type) -> Self {
                Self::$variant(Some($into))
            }
        }
        impl From<Option<$type>> for Value {
            fn from(value: Option<$type>) -> Self {
                Self::$variant(value.map(|$value| $into))
            }
        }
    )*)*};
}

values! {
    Int {
        i64 => |value| value;
        u16 => |value| i64::from(value);
        Timestamp => |value| value.0;
        NanoUsd => |value| value.0;
        Rate => |value| value.0;
    }
    Bool {
        bool => |value| value;
    }
    Text {
        String => |value| value;
        &str => |value| value.to_owned();
        &String => |value| value.clone();
        &Secret => |value| value.expose().to_owned();
        &UserId => |value| value.as_str().to_owned();
        &KeyId => |value| value.as_str().to_owned();
        &BudgetId => |value| value.as_str().to_owned();
        BudgetId => |value| value.as_str().to_owned();
        UserId => |value| value.as_str().to_owned();
        &AccountId => |value| value.as_str().to_owned();
        &NodeId => |value| value.as_str().to_owned();
    }
}
