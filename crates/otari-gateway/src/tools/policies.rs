//! What a workspace takes away from the tools. A policy that cannot be read is an error, never "no policy".

use std::time::Duration;

use otari_store::workspace_code_execution_policies::{self as code, CodeExecutionPolicy};
use otari_store::workspace_web_search_policies::{self as web, WebSearchPolicy};
use otari_tools::definitions::GatewayTool;
use otari_tools::search::{DomainFilter, SearchQuery};

use super::Tools;
use crate::Gateway;
use crate::admit::Admitted;
use crate::error::GatewayError;
use crate::hybrid::ControlPlane;

/// What a workspace leaves of the web tools. Everything, by default.
#[derive(Clone, Debug, Default)]
pub(crate) struct WebAllowance {
    policy: Option<WebSearchPolicy>,
    domains: DomainFilter,
}

/// In either mode.
impl Gateway {
    /// What the caller's workspace leaves of web search and web fetch.
    pub(crate) async fn web_allowance(
        &self,
        admitted: &Admitted,
    ) -> Result<WebAllowance, GatewayError> {
        match &self.control {
            ControlPlane::Own => self.tools.web_allowance(admitted.workspace()).await,
            ControlPlane::Platform(platform) => {
                let asked = platform.web_search_policy(admitted.billed.token()?);
                let policy = Box::pin(asked).await?;
                Ok(WebAllowance::of(Some(policy)))
            }
        }
    }

    /// The caller's workspace's policy on code execution, if it has one. `enabled: false` refuses it.
    pub(crate) async fn code_policy(
        &self,
        admitted: &Admitted,
    ) -> Result<Option<CodeExecutionPolicy>, GatewayError> {
        match &self.control {
            ControlPlane::Own => self.tools.code_policy(admitted.workspace()).await,
            ControlPlane::Platform(platform) => {
                let asked = platform.code_policy(admitted.billed.token()?);
                let policy = Box::pin(asked).await?;
                permitted(Some(policy))
            }
        }
    }
}

impl Tools {
    /// What the workspace leaves of web search, web fetch and the search endpoint.
    pub(crate) async fn web_allowance(
        &self,
        workspace: Option<&str>,
    ) -> Result<WebAllowance, GatewayError> {
        let workspace = self.workspace_or_default(workspace);
        let policy = web::get(&self.store, workspace)
            .await?
            .map(|row| row.policy);
        Ok(WebAllowance::of(policy))
    }

    /// The workspace's policy on code execution, if it has one. `enabled: false` refuses it.
    pub(crate) async fn code_policy(
        &self,
        workspace: Option<&str>,
    ) -> Result<Option<CodeExecutionPolicy>, GatewayError> {
        let workspace = self.workspace_or_default(workspace);
        let policy = code::get(&self.store, workspace)
            .await?
            .map(|row| row.policy);
        permitted(policy)
    }
}

fn permitted(
    policy: Option<CodeExecutionPolicy>,
) -> Result<Option<CodeExecutionPolicy>, GatewayError> {
    if policy.as_ref().is_some_and(|policy| !policy.enabled) {
        return Err(GatewayError::ToolSwitchedOff(
            "otari_code_execution".to_owned(),
        ));
    }
    Ok(policy)
}

/// Time for one program, where the workspace's policy limits it.
pub(crate) fn exec_timeout(policy: Option<&CodeExecutionPolicy>) -> Option<Duration> {
    let seconds = u64::try_from(policy?.exec_timeout_s?).ok()?;
    Some(Duration::from_secs(seconds))
}

impl WebAllowance {
    fn of(policy: Option<WebSearchPolicy>) -> Self {
        let list = |list: Option<&Vec<String>>| list.cloned().unwrap_or_default();
        let allowed = list(
            policy
                .as_ref()
                .and_then(|policy| policy.allowed_domains.as_ref()),
        );
        let blocked = list(
            policy
                .as_ref()
                .and_then(|policy| policy.blocked_domains.as_ref()),
        );
        let domains = DomainFilter::new(
            allowed.iter().map(String::as_str),
            blocked.iter().map(String::as_str),
        );
        Self { policy, domains }
    }

    /// That the workspace has the web at all; `tool` is what the refusal names.
    pub(crate) fn check(&self, tool: &str) -> Result<(), GatewayError> {
        let off = self.policy.as_ref().is_some_and(|policy| !policy.enabled);
        if off {
            return Err(GatewayError::ToolSwitchedOff(tool.to_owned()));
        }
        Ok(())
    }

    /// A search within what the workspace leaves.
    pub(crate) fn narrow(&self, query: SearchQuery) -> SearchQuery {
        let Some(policy) = &self.policy else {
            return query;
        };
        let ceiling = policy
            .max_results
            .and_then(|most| usize::try_from(most).ok());
        let mut options = policy.provider_options.clone().unwrap_or_default();
        options.extend(query.options);
        SearchQuery {
            max_results: query.max_results.min(ceiling.unwrap_or(usize::MAX)),
            domains: query.domains.within(&self.domains),
            options,
            ..query
        }
    }

    /// Whether a page may be read.
    pub(crate) fn permits_page(&self, url: &str) -> bool {
        self.domains.permits(url)
    }

    /// What a model is told web search is for, where the request does not say.
    pub(crate) fn purpose_hint(&self, tool: GatewayTool) -> Option<&str> {
        let policy = self.policy.as_ref()?;
        let of_search = tool == GatewayTool::WebSearch;
        policy.purpose_hint.as_deref().filter(|_| of_search)
    }
}
