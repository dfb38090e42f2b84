//! What a search asks for, member by member.

use std::borrow::Cow;

use otari_tools::search::{DomainFilter, SearchQuery};
use otari_wire::members::Members;

use crate::error::{FieldProblem, GatewayError};
use crate::request::{int_member, present, problem, required_string, string_member};

const RESULTS_MAX: i64 = 20;
const DOMAINS_MAX: usize = 20;
/// The usual length of a token of English text.
const CHARS_PER_TOKEN: usize = 4;
const PAGE_CHARS_MAX: usize = 10_000;
const PAGE_CHARS: usize = 4096;

/// A search as it is asked for.
pub(super) struct Asked<'a> {
    pub(super) query: Cow<'a, str>,
    pub(super) tool: Option<Cow<'a, str>>,
    pub(super) user: Option<Cow<'a, str>>,
    pub(super) max_results: Option<usize>,
    pub(super) domains: Vec<String>,
    pub(super) country: Option<String>,
    pub(super) page_tokens: Option<usize>,
}

impl<'a> Asked<'a> {
    pub(super) fn read(members: &Members<'a>) -> Result<Self, GatewayError> {
        let mut problems = Vec::new();
        let asked = Self {
            query: required_string(members, "query", &mut problems),
            tool: string_member(members, "search_tool_name", &mut problems),
            user: string_member(members, "user", &mut problems),
            max_results: whole(members, "max_results", RESULTS_MAX, &mut problems),
            page_tokens: whole(members, "max_tokens_per_page", i64::MAX, &mut problems),
            country: string_member(members, "country", &mut problems).map(Cow::into_owned),
            domains: domains(members, &mut problems),
        };
        if asked
            .country
            .as_ref()
            .is_some_and(|code| code.chars().count() != 2)
        {
            let message = "String should have exactly 2 characters";
            problems.push(problem(&["country"], "string_length", message));
        }
        if problems.is_empty() {
            Ok(asked)
        } else {
            Err(GatewayError::InvalidBody(problems))
        }
    }

    pub(super) fn query(&self) -> SearchQuery {
        let query = SearchQuery::new(self.query.as_ref());
        SearchQuery {
            max_results: self.max_results.unwrap_or(10),
            domains: DomainFilter::signed(self.domains.iter().map(String::as_str)),
            country: self.country.clone(),
            page_chars: self.page_tokens.map(|_| self.page_chars()),
            ..query
        }
    }

    /// Of each result's text.
    pub(super) fn page_chars(&self) -> usize {
        let asked = self
            .page_tokens
            .map(|tokens| tokens.saturating_mul(CHARS_PER_TOKEN));
        asked.unwrap_or(PAGE_CHARS).min(PAGE_CHARS_MAX)
    }
}

fn whole(
    members: &Members<'_>,
    name: &str,
    max: i64,
    problems: &mut Vec<FieldProblem>,
) -> Option<usize> {
    let value = int_member(members, name, problems)?;
    if !(1..=max).contains(&value) {
        let message = if max == i64::MAX {
            "Input should be greater than or equal to 1".to_owned()
        } else {
            format!("Input should be between 1 and {max}")
        };
        problems.push(problem(&[name], "out_of_range", &message));
    }
    usize::try_from(value).ok()
}

fn domains(members: &Members<'_>, problems: &mut Vec<FieldProblem>) -> Vec<String> {
    const NAME: &str = "search_domain_filter";
    let Some(raw) = present(members, NAME) else {
        return Vec::new();
    };
    match serde_json::from_str::<Vec<String>>(raw) {
        Ok(list) if list.len() <= DOMAINS_MAX => list,
        Ok(_) => {
            let message = format!("List should have at most {DOMAINS_MAX} items");
            problems.push(problem(&[NAME], "too_long", &message));
            Vec::new()
        }
        Err(_) => {
            problems.push(problem(
                &[NAME],
                "list_type",
                "Input should be a valid list of strings",
            ));
            Vec::new()
        }
    }
}
