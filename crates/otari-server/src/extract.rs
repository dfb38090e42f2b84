//! What handlers take from a request, with errors in our shape.

mod json;
mod operator;
mod page;

pub(crate) use json::{JsonBody, content_length, read_body, read_json};
pub(crate) use operator::{AnyKey, Operator};
pub(crate) use page::{CursorPage, Listed, Page, QueryArgs, query_problem};
