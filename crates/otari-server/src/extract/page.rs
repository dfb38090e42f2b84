//! Query strings: `skip`/`limit` pages, and repeatable filters.

use axum::extract::FromRequestParts;
use http::request::Parts;
use otari_gateway::FieldProblem;

use crate::error::ApiError;
use crate::state::App;

const LIMIT_DEFAULT: i64 = 100;
const LIMIT_MAX: i64 = 1_000;

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
