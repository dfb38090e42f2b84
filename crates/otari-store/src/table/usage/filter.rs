//! Which rows of the usage log to read.

use otari_types::Timestamp;

use crate::sql::Query;

/// Every condition that is set must hold. An empty list is no condition.
#[derive(Clone, Debug, Default)]
pub struct UsageFilter {
    /// At or after.
    pub start: Option<Timestamp>,
    /// Before.
    pub end: Option<Timestamp>,
    pub user_ids: Vec<String>,
    pub models: Vec<String>,
    pub api_key_ids: Vec<String>,
    pub status: Option<String>,
    /// Implies `status` "error" unless a status is set.
    pub status_code: Option<i64>,
    pub endpoint: Option<String>,
    pub provider: Option<String>,
    pub source: Option<String>,
    pub source_label: Option<String>,
    /// With a price for its tokens, or still without one: a cost of nothing but tool calls is no price.
    pub priced: Option<bool>,
    pub tool: Option<ToolUse>,
    pub counts_toward_budget: Option<bool>,
    pub request_group_ids: Vec<String>,
    pub request_id: Option<String>,
}

/// Calls that ran a tool the gateway bills for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolUse {
    Any,
    WebSearch,
    CodeExecution,
}

impl UsageFilter {
    /// No cost, or one of tool calls alone: tokens that have a price are metered. Never null.
    pub(super) const NEEDS_PRICE: &'static str = "(l.cost IS NULL OR (COALESCE(l.total_tokens, 0) > 0 \
         AND COALESCE(l.billing_meters, '') LIKE '%\"tools\"%' \
         AND COALESCE(l.billing_meters, '') NOT LIKE '%\"total_input_tokens\"%'))";

    /// Appends ` AND …` for every condition, on the alias `l`.
    pub(crate) fn apply(&self, query: &mut Query) {
        if let Some(start) = self.start {
            query.push_with(" AND l.timestamp >= ?", start);
        }
        if let Some(end) = self.end {
            query.push_with(" AND l.timestamp < ?", end);
        }
        for (column, values) in [
            ("user_id", &self.user_ids),
            ("model", &self.models),
            ("api_key_id", &self.api_key_ids),
            ("request_group_id", &self.request_group_ids),
        ] {
            if !values.is_empty() {
                query.push(&format!(" AND l.{column} IN "));
                query.push_list(values);
            }
        }
        let implied = self.status_code.map(|_| "error".to_owned());
        match self.status.clone().or(implied).as_deref() {
            None => {}
            // Said in the text, so that the partial index over errors is found.
            Some("error") => query.push(" AND l.status = 'error'"),
            Some(status) => query.push_with(" AND l.status = ?", status),
        }
        for (column, value) in [
            ("endpoint", &self.endpoint),
            ("provider", &self.provider),
            ("source", &self.source),
            ("source_label", &self.source_label),
            ("request_id", &self.request_id),
        ] {
            if let Some(value) = value {
                query.push_with(&format!(" AND l.{column} = ?"), value);
            }
        }
        if let Some(code) = self.status_code {
            query.push_with(" AND l.status_code = ?", code);
        }
        if let Some(counts) = self.counts_toward_budget {
            query.push_with(" AND l.counts_toward_budget = ?", counts);
        }
        match self.priced {
            Some(true) => query.push(&format!(" AND NOT {}", Self::NEEDS_PRICE)),
            Some(false) => query.push(&format!(" AND {}", Self::NEEDS_PRICE)),
            None => {}
        }
        if let Some(tool) = self.tool {
            query.push(tool.condition());
        }
    }
}

impl ToolUse {
    /// A tool that ran is a member of `tools` in the meters, named as here.
    pub(super) fn condition(self) -> &'static str {
        match self {
            Self::Any => " AND l.billing_meters LIKE '%\"tools\"%'",
            Self::WebSearch => " AND l.billing_meters LIKE '%\"tools\"%\"web_search\"%'",
            Self::CodeExecution => " AND l.billing_meters LIKE '%\"tools\"%\"code_execution\"%'",
        }
    }
}
