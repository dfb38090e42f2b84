//! Query strings: `skip`/`limit` pages, cursors, and repeatable filters.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use otari_gateway::FieldProblem;
use otari_store::Cursor;
use serde::Serialize;

use crate::error::ApiError;
use crate::state::App;

const LIMIT_DEFAULT: i64 = 100;
const LIMIT_MAX: i64 = 1_000;
/// Where the next page begins; only on a full page.
const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");

/// A part of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    pub(crate) skip: i64,
    pub(crate) limit: i64,
}

impl From<Page> for otari_store::Page {
    fn from(page: Page) -> Self {
        Self::skip(page.skip, page.limit)
    }
}

impl FromRequestParts<App> for Page {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let args = QueryArgs::read(parts);
        let skip = args.int("skip")?.unwrap_or(0);
        let limit = args.int("limit")?.unwrap_or(LIMIT_DEFAULT);
        if skip < 0 {
            return Err(query_problem(
                "skip",
                "greater_than_equal",
                "Input should be greater than or equal to 0",
            ));
        }
        if limit < 1 {
            return Err(query_problem(
                "limit",
                "greater_than_equal",
                "Input should be greater than or equal to 1",
            ));
        }
        if limit > LIMIT_MAX {
            return Err(query_problem(
                "limit",
                "less_than_equal",
                "Input should be less than or equal to 1000",
            ));
        }
        Ok(Self { skip, limit })
    }
}

/// A part of a list that can also be walked: `cursor` takes what the page before said in `X-Next-Cursor`.
#[derive(Clone, Debug)]
pub(crate) struct CursorPage {
    page: Page,
    after: Option<Cursor>,
}

impl CursorPage {
    pub(crate) fn place(&self) -> otari_store::Page {
        match &self.after {
            Some(cursor) => otari_store::Page::after(cursor.clone(), self.page.limit),
            None => self.page.into(),
        }
    }

    /// The answer: `rows` as `show` has them, and where the next page begins.
    pub(crate) fn answer<R, T>(
        &self,
        rows: Vec<R>,
        cursor: impl FnOnce(&R) -> Cursor,
        show: impl FnMut(R) -> T,
    ) -> Listed<T> {
        let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows >= self.page.limit);
        let last = rows.last().filter(|_| is_full);
        Listed {
            next: last.map(cursor),
            items: rows.into_iter().map(show).collect(),
        }
    }
}

impl FromRequestParts<App> for CursorPage {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let page = Page::from_request_parts(parts, app).await?;
        let args = QueryArgs::read(parts);
        let Some(text) = args.one("cursor") else {
            return Ok(Self { page, after: None });
        };
        if page.skip > 0 {
            return Err(query_problem(
                "skip",
                "value_error",
                "Input should be left out when a cursor is given",
            ));
        }
        let after = read_cursor(text).ok_or_else(|| {
            query_problem(
                "cursor",
                "value_error",
                "Input should be the X-Next-Cursor of an earlier answer",
            )
        })?;
        let after = Some(after);
        Ok(Self { page, after })
    }
}

/// A list, and where it goes on.
#[derive(Debug)]
pub(crate) struct Listed<T> {
    items: Vec<T>,
    next: Option<Cursor>,
}

impl<T: Serialize> IntoResponse for Listed<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.items).into_response();
        if let Some(next) = self.next.as_ref().and_then(write_cursor) {
            response.headers_mut().insert(NEXT_CURSOR, next);
        }
        response
    }
}

/// Ids are free text, so that a cursor is encoded for headers and query strings alike.
fn write_cursor(cursor: &Cursor) -> Option<HeaderValue> {
    let text = URL_SAFE_NO_PAD.encode(cursor.to_string());
    HeaderValue::from_str(&text).ok()
}

fn read_cursor(text: &str) -> Option<Cursor> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    Cursor::parse(&String::from_utf8(bytes).ok()?)
}

/// A decoded query string; a name may come several times.
#[derive(Debug)]
pub(crate) struct QueryArgs(Vec<(String, String)>);

impl QueryArgs {
    fn read(parts: &Parts) -> Self {
        let query = parts.uri.query().unwrap_or_default();
        Self(
            form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        let value = self
            .0
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str());
        value.filter(|value| !value.is_empty())
    }

    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        self.0
            .iter()
            .filter(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.clone())
            .collect()
    }

    pub(crate) fn int(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.one(name) else {
            return Ok(None);
        };
        let value = text
            .parse()
            .map_err(|_| query_problem(name, "int_parsing", "Input should be a valid integer"))?;
        Ok(Some(value))
    }

    pub(crate) fn bool(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.one(name).map(str::to_ascii_lowercase).as_deref() {
            None => Ok(None),
            Some("true" | "1" | "yes" | "on") => Ok(Some(true)),
            Some("false" | "0" | "no" | "off") => Ok(Some(false)),
            Some(_) => Err(query_problem(
                name,
                "bool_parsing",
                "Input should be a valid boolean",
            )),
        }
    }
}

impl FromRequestParts<App> for QueryArgs {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        Ok(Self::read(parts))
    }
}

pub(crate) fn query_problem(name: &str, kind: &'static str, message: &str) -> ApiError {
    let problem = FieldProblem {
        loc: vec![name.to_owned()],
        kind,
        message: message.to_owned(),
    };
    let detail = serde_json::json!([{"type": kind, "loc": ["query", name], "msg": message}]);
    ApiError::invalid_fields(&[problem]).with_detail(detail)
}
