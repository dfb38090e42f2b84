//! From what a request asks for to tools that can be called, and a call that offers them to the model.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use otari_store::workspace_code_execution_policies::CodeExecutionPolicy;
use otari_tools::definitions::{GatewayTool, ToolEntry, place_purpose, purpose_block};
use otari_tools::mcp::{McpEndpoint, McpServer};
use otari_tools::tool_loop::iteration_limit;
use otari_translate::{Call, Tool, ToolChoice};
use serde_json::Value;

use super::pool::{Fetching, Own, Pool, Searching};
use super::sandboxed;
use crate::Gateway;
use crate::admit::Admitted;
use crate::dispatch::{Outgoing, parse};
use crate::error::GatewayError;
use crate::guardrails::ResultChecks;
use crate::request::{InlineServer, WantedTools};
use crate::settle::ToolPrices;
use crate::tools::{ToolSet, ToolUse, WebAllowance, exec_timeout};

/// What turns a call into a conversation with tools.
#[derive(Debug)]
pub(crate) struct Tooling {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) pool: Arc<Pool>,
    /// With the tools declared to the model.
    pub(crate) call: Call,
    /// As the caller made it.
    pub(crate) asked: Arc<Call>,
    /// Turns at most.
    pub(crate) limit: u32,
}

/// A tool that an entry of the request asks for.
pub(super) struct Entry {
    pub(super) tool: GatewayTool,
    pub(super) settings: ToolEntry,
    pub(super) raw: Value,
    /// The name the entry gives the tool; a forced choice may name it.
    name: String,
    /// It was declared as a provider's own tool.
    intercepted: bool,
}

/// The tools of a request; `None` where the gateway runs none of them.
pub(crate) async fn set_up(
    gateway: &Arc<Gateway>,
    outgoing: &Outgoing<'_>,
    admitted: &Admitted,
    results: Option<ResultChecks>,
) -> Result<Option<Tooling>, GatewayError> {
    let set = gateway.tools.in_force();
    let intercepts = set.intercepts_web_search();
    let wanted = outgoing.request.tools.as_ref();
    let Some(wanted) = wanted.filter(|wanted| wanted.own || wanted.web_search && intercepts) else {
        return Ok(None);
    };
    let mut call = parse(gateway, outgoing)?;
    if call.choices.unwrap_or(1) > 1 {
        let text = "must be 1 together with tools that the gateway runs";
        return Err(GatewayError::field(&["n"], "less_than_equal", text));
    }
    let asked = Arc::new(call.clone());
    let entries = take_entries(&mut call, intercepts)?;
    let policies = Policies::of(gateway, admitted, &entries).await?;
    let opening = Opening {
        gateway,
        set: &set,
        wanted,
        admitted,
        policies: &policies,
    };
    let mut pool = opening.open(&entries, &mut call).await?;
    pool.set_result_checks(results);
    declare(&mut call, &pool, &entries, wanted, &set);
    Ok(Some(Tooling {
        gateway: Arc::clone(gateway),
        pool: Arc::new(pool),
        limit: iteration_limit(wanted.max_iterations, policies.iterations()),
        call,
        asked,
    }))
}

/// What a workspace leaves of the tools.
pub(super) struct Policies {
    web: WebAllowance,
    code: Option<CodeExecutionPolicy>,
}

impl Policies {
    async fn of(
        gateway: &Gateway,
        admitted: &Admitted,
        entries: &[Entry],
    ) -> Result<Self, GatewayError> {
        let mut policies = Self {
            web: WebAllowance::default(),
            code: None,
        };
        for entry in entries {
            if entry.tool == GatewayTool::CodeExecution {
                policies.code = gateway.code_policy(admitted).await?;
            } else {
                policies.web = gateway.web_allowance(admitted).await?;
                policies.web.check(entry.tool.kind())?;
            }
        }
        Ok(policies)
    }

    fn iterations(&self) -> Option<u32> {
        u32::try_from(self.code.as_ref()?.max_iterations?).ok()
    }

    pub(super) fn exec_timeout(&self) -> Option<Duration> {
        exec_timeout(self.code.as_ref())
    }

    fn hint(&self, tool: GatewayTool) -> Option<&str> {
        match tool {
            GatewayTool::CodeExecution => self.code.as_ref()?.default_purpose_hint.as_deref(),
            GatewayTool::WebSearch | GatewayTool::WebFetch => self.web.purpose_hint(tool),
        }
    }
}

/// Opening the tools of one request.
pub(super) struct Opening<'a> {
    pub(super) gateway: &'a Arc<Gateway>,
    set: &'a ToolSet,
    pub(super) wanted: &'a WantedTools,
    pub(super) admitted: &'a Admitted,
    pub(super) policies: &'a Policies,
}

impl Opening<'_> {
    async fn open(&self, entries: &[Entry], call: &mut Call) -> Result<Pool, GatewayError> {
        let (gateway, admitted) = (self.gateway, self.admitted);
        let now = gateway.clock.now();
        for entry in entries {
            admitted.check_tool(ToolUse::Own(entry.tool))?;
        }
        let tools: Vec<GatewayTool> = entries.iter().map(|entry| entry.tool).collect();
        gateway
            .check_tool_prices(admitted.billed.exempt, &tools, now)
            .await?;
        let mut taken = names(call);
        let mut pool = Pool::default();
        for entry in entries {
            let hint = self.hint(entry);
            if let Some(own) = self.web(entry)? {
                pool.add(entry.tool, own, hint, &taken);
            } else {
                let user = &self.admitted.billed.user;
                let (session, kinds) = sandboxed::open(self, user, entry, call).await?;
                pool.add_programs(session, &kinds, &hint, &taken);
            }
            if entry.intercepted {
                pool.show_searches();
            }
        }
        let servers = servers(gateway, self.wanted, admitted).await?;
        if !servers.is_empty() {
            taken.extend(pool.names());
            let opened = gateway.tools.mcp().open(&servers, &taken).await;
            pool.add_servers(opened.map_err(GatewayError::Mcp)?);
        }
        let mut prices = ToolPrices::default();
        for name in pool.names() {
            let mut price = gateway.tool_price(&name, now).await?;
            if let (None, Some(tool)) = (&price, pool.priced_as(&name)) {
                price = gateway.tool_price(tool.name(), now).await?;
            }
            if let Some(price) = price {
                prices.set(name, price);
            }
        }
        pool.set_prices(prices);
        Ok(pool)
    }

    /// A tool that needs no more than its settings; `None` for programs.
    fn web(&self, entry: &Entry) -> Result<Option<Own>, GatewayError> {
        let web = || self.policies.web.clone();
        Ok(Some(match entry.tool {
            GatewayTool::WebSearch => Own::Search(Box::new(Searching {
                service: self.set.require_web_search()?.clone(),
                entry: entry.settings.clone(),
                max_results: self.set.max_results(),
                web: web(),
            })),
            GatewayTool::WebFetch => Own::Fetch(Box::new(Fetching {
                fetch: self.set.require_web_fetch()?.clone(),
                web: web(),
            })),
            GatewayTool::CodeExecution => return Ok(None),
        }))
    }

    /// The request's word for it, else the workspace's, else the operator's.
    fn hint(&self, entry: &Entry) -> String {
        let given = entry.settings.purpose_hint.as_deref();
        let given = given.or(self.policies.hint(entry.tool));
        given
            .unwrap_or_else(|| self.set.purpose_hint(entry.tool))
            .to_owned()
    }
}

async fn servers(
    gateway: &Gateway,
    wanted: &WantedTools,
    admitted: &Admitted,
) -> Result<Vec<McpServer>, GatewayError> {
    let mut servers = Vec::new();
    if !wanted.servers.is_empty() {
        admitted.check_tool(ToolUse::InlineMcp)?;
        servers.extend(wanted.servers.iter().map(of_request));
    }
    let named = gateway.named_servers(admitted, &wanted.server_ids).await?;
    for server in named {
        admitted.check_tool(ToolUse::Mcp(&server.name))?;
        servers.push(server);
    }
    Ok(servers)
}

fn of_request(server: &InlineServer) -> McpServer {
    McpServer {
        name: server.name.clone(),
        endpoint: McpEndpoint::Http {
            url: server.url.clone(),
            token: server.authorization_token.clone(),
        },
        purpose_hint: server.purpose_hint.clone(),
        allowed_tools: server.allowed(),
    }
}

/// Takes the gateway's entries out of what is sent on.
fn take_entries(call: &mut Call, intercepts: bool) -> Result<Vec<Entry>, GatewayError> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut rest = Vec::with_capacity(call.tools.len());
    for tool in call.tools.drain(..) {
        let Tool::Native(native) = &tool else {
            rest.push(tool);
            continue;
        };
        let raw: Value = serde_json::from_str(native.raw.get()).unwrap_or_default();
        let text = |name: &str| raw.get(name).and_then(Value::as_str).unwrap_or_default();
        let kind = text("type");
        // Anthropic's connector declares the tools of each server here too.
        if kind == "mcp_toolset" {
            continue;
        }
        let Some(own) = GatewayTool::claimed_by(kind, intercepts) else {
            rest.push(tool);
            continue;
        };
        if entries.iter().any(|entry| entry.tool == own) {
            let text = format!("declares {kind} a second time");
            return Err(GatewayError::field(&["tools"], "value_error", text));
        }
        let name = if text("name").is_empty() {
            kind
        } else {
            text("name")
        };
        entries.push(Entry {
            tool: own,
            settings: ToolEntry::read(&raw).map_err(|error| {
                GatewayError::field(&["tools"], "value_error", format!("{kind}: {error}"))
            })?,
            name: name.to_owned(),
            intercepted: kind != own.kind(),
            raw,
        });
    }
    call.tools = rest;
    Ok(entries)
}

/// The names of the caller's own functions.
fn names(call: &Call) -> HashSet<String> {
    let names = call.tools.iter().filter_map(|tool| match tool {
        Tool::Function(function) => Some(function.name.clone()),
        Tool::Native(_) => None,
    });
    names.collect()
}

/// Offers the tools to the model, with what they are for.
fn declare(call: &mut Call, pool: &Pool, entries: &[Entry], wanted: &WantedTools, set: &ToolSet) {
    if let Some(ToolChoice::Named(name)) = &mut call.tool_choice {
        let forced = entries.iter().find(|entry| entry.name == *name);
        if let Some(entry) = forced {
            let function = entry.tool.function(&names_of(&call.tools));
            *name = function.name;
        }
    }
    let declared = pool.functions().iter().cloned().map(Tool::Function);
    call.tools.extend(declared);
    call.extra.retain(|(name, _)| name != "container");
    let header = wanted.header.as_deref().or(set.header());
    if let Some(block) = purpose_block(header, pool.hints()) {
        place_purpose(call, block);
    }
}

fn names_of(tools: &[Tool]) -> HashSet<String> {
    let names = tools.iter().filter_map(|tool| match tool {
        Tool::Function(function) => Some(function.name.clone()),
        Tool::Native(_) => None,
    });
    names.collect()
}
