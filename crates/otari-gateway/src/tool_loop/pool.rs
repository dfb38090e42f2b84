//! The tools of one request, ready to be called.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::future::join_all;
use otari_sandbox::{Kind, Program};
use otari_tools::definitions::{GatewayTool, ToolEntry};
use otari_tools::mcp::McpTools;
use otari_tools::search::{SearchHit, WebSearch};
use otari_tools::tool_loop::{OwnedCall, ToolOutcome};
use otari_tools::{FetchError, WebFetch};
use otari_translate::{Block, FunctionTool, Part};
use serde_json::{Map, Value};

use super::code::CodeSession;
use crate::guardrails::{ResultChecks, WITHHELD};
use crate::settle::ToolPrices;
use crate::tools::{WebAllowance, programs};

/// What a request's tools are, and how they are called. Dropping it ends what they opened.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    own: HashMap<String, Own>,
    functions: Vec<FunctionTool>,
    hints: Vec<(String, String)>,
    mcp: Option<McpTools>,
    prices: ToolPrices,
    shows_searches: bool,
    results: Option<ResultChecks>,
}

/// A tool of the gateway's own.
#[derive(Debug)]
pub(super) enum Own {
    Search(Box<Searching>),
    Fetch(Box<Fetching>),
    /// Kinds of programs share a session.
    Code(Arc<CodeSession>, Kind),
}

#[derive(Debug)]
pub(super) struct Searching {
    pub(super) service: WebSearch,
    pub(super) entry: ToolEntry,
    pub(super) max_results: Option<usize>,
    pub(super) web: WebAllowance,
}

#[derive(Debug)]
pub(super) struct Fetching {
    pub(super) fetch: WebFetch,
    pub(super) web: WebAllowance,
}

/// A call that was run.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) outcome: ToolOutcome,
    pub(super) found: Found,
}

/// What a call did, as callers are told.
#[derive(Debug)]
pub(super) enum Found {
    /// Nothing to tell.
    Nothing,
    Search {
        query: String,
        hits: Vec<SearchHit>,
    },
    Page {
        url: String,
    },
    Code(Coded),
    Mcp {
        server: String,
        tool: String,
        /// JSON text.
        arguments: String,
        text: String,
    },
}

/// A program that was run.
#[derive(Debug)]
pub(super) struct Coded {
    pub(super) program: Program,
    /// The arguments the model wrote.
    pub(super) input: Map<String, Value>,
    pub(super) stdout: String,
    pub(super) stderr: String,
    pub(super) return_code: i64,
    pub(super) container: String,
    pub(super) files: Vec<MadeFile>,
}

/// A file a program made, kept for the caller.
#[derive(Debug)]
pub(super) struct MadeFile {
    pub(super) id: String,
    pub(super) name: String,
}

impl Pool {
    /// Adds a tool under the name the model will know. `taken` are the names the caller's own tools have.
    pub(super) fn add(
        &mut self,
        tool: GatewayTool,
        own: Own,
        hint: String,
        taken: &HashSet<String>,
    ) {
        let function = tool.function(taken);
        self.hints.push((function.name.clone(), hint));
        self.own.insert(function.name.clone(), own);
        self.functions.push(function);
    }

    /// Adds the kinds of programs that run in one session, the first under the tool's own name.
    pub(super) fn add_programs(
        &mut self,
        session: CodeSession,
        kinds: &[Kind],
        hint: &str,
        taken: &HashSet<String>,
    ) {
        let session = Arc::new(session);
        for kind in kinds {
            let function = programs::function(*kind, session.sandbox(), taken);
            if *kind == Kind::Python {
                self.hints.push((function.name.clone(), hint.to_owned()));
            }
            let own = Own::Code(Arc::clone(&session), *kind);
            self.own.insert(function.name.clone(), own);
            self.functions.push(function);
        }
    }

    /// The tool a call by this name is a call of, where its price is another's.
    pub(super) fn priced_as(&self, name: &str) -> Option<GatewayTool> {
        let own = self.own.get(name)?;
        matches!(own, Own::Code(_, Kind::Bash | Kind::Editor)).then_some(GatewayTool::CodeExecution)
    }

    pub(super) fn add_servers(&mut self, mcp: McpTools) {
        let functions = mcp.tools().iter().map(|tool| tool.function.clone());
        self.functions.extend(functions);
        self.hints.extend(mcp.hints().iter().cloned());
        self.mcp = Some(mcp);
    }

    pub(super) fn set_prices(&mut self, prices: ToolPrices) {
        self.prices = prices;
    }

    /// What results are checked by before the model reads them.
    pub(super) fn set_result_checks(&mut self, results: Option<ResultChecks>) {
        self.results = results;
    }

    /// Searches are shown as a provider's own are.
    pub(super) fn show_searches(&mut self) {
        self.shows_searches = true;
    }

    pub(super) fn shows_searches(&self) -> bool {
        self.shows_searches
    }

    pub(crate) fn prices(&self) -> &ToolPrices {
        &self.prices
    }

    pub(super) fn names(&self) -> HashSet<String> {
        let names = self.functions.iter().map(|function| function.name.clone());
        names.collect()
    }

    pub(super) fn functions(&self) -> &[FunctionTool] {
        &self.functions
    }

    /// Name of a tool or server, and what the model is told it is for.
    pub(super) fn hints(&self) -> &[(String, String)] {
        &self.hints
    }

    /// Where code ran that can go on in a later request.
    pub(crate) fn container(&self) -> Option<&str> {
        self.own.values().find_map(|own| match own {
            Own::Code(session, _) => session.container(),
            Own::Search(_) | Own::Fetch(_) => None,
        })
    }

    /// Runs the calls of one reply, at the same time where they can be.
    pub(super) async fn run_all(&self, calls: Vec<OwnedCall>) -> Vec<Ran> {
        join_all(calls.into_iter().map(|call| self.run(call))).await
    }

    async fn run(&self, call: OwnedCall) -> Ran {
        let mut ran = self.run_unchecked(call).await;
        let Some(checks) = &self.results else {
            return ran;
        };
        for part in &mut ran.outcome.content {
            let Block::Text(text) = &mut part.block else {
                continue;
            };
            if let Some(checked) = checks.read(text).await {
                *text = checked;
            } else {
                let call = std::mem::take(&mut ran.outcome.call_id);
                ran.outcome = ToolOutcome {
                    is_error: true,
                    ..ToolOutcome::text(&call, WITHHELD)
                };
                ran.found = Found::Nothing;
                break;
            }
        }
        ran
    }

    async fn run_unchecked(&self, call: OwnedCall) -> Ran {
        match self.own.get(&call.name) {
            Some(Own::Search(searching)) => searching.run(&call).await,
            Some(Own::Fetch(fetching)) => fetching.run(&call).await,
            Some(Own::Code(session, kind)) => session.run(*kind, &call).await,
            None => self.run_mcp(call).await,
        }
    }

    async fn run_mcp(&self, call: OwnedCall) -> Ran {
        let Some(mcp) = &self.mcp else {
            return failed(&call, format!("there is no tool named {}", call.name));
        };
        let arguments = Value::Object(call.arguments.clone()).to_string();
        let result = mcp.call(&call.name, call.arguments).await;
        let known = mcp
            .tools()
            .iter()
            .find(|tool| tool.function.name == call.name);
        Ran {
            found: Found::Mcp {
                server: known.map(|tool| tool.server.clone()).unwrap_or_default(),
                tool: known.map_or(call.name, |tool| tool.original.clone()),
                arguments,
                text: text_of(&result.content),
            },
            outcome: ToolOutcome {
                call_id: call.id,
                content: result.content,
                is_error: result.is_error,
            },
        }
    }
}

impl Searching {
    async fn run(&self, call: &OwnedCall) -> Ran {
        let query = text_argument(&call.arguments, "query");
        let query = self.web.narrow(self.entry.query(query, self.max_results));
        match self.service.search(&query).await {
            Ok(answer) => Ran {
                outcome: ToolOutcome::text(&call.id, answer.text()),
                found: Found::Search {
                    query: answer.query,
                    hits: answer.hits,
                },
            },
            Err(error) => {
                tracing::warn!(%error, "a web search failed");
                failed(call, error.to_string())
            }
        }
    }
}

impl Fetching {
    async fn run(&self, call: &OwnedCall) -> Ran {
        let url = text_argument(&call.arguments, "url");
        let refused = || failed(call, format!("{url} may not be read here"));
        if !self.web.permits_page(url) {
            return refused();
        }
        match read_page(&self.fetch, call, url).await {
            // Where a redirect led.
            Ran {
                found: Found::Page { url: found },
                ..
            } if !self.web.permits_page(&found) => refused(),
            ran => ran,
        }
    }
}

async fn read_page(fetch: &WebFetch, call: &OwnedCall, url: &str) -> Ran {
    match fetch.read(url).await {
        Ok(page) => {
            let cut = if page.truncated {
                "\n\n[The page goes on.]"
            } else {
                ""
            };
            let text = format!("# {}\n{}\n\n{}{cut}", page.title, page.url, page.text);
            Ran {
                outcome: ToolOutcome::text(&call.id, text.trim_start_matches("# \n")),
                found: Found::Page { url: page.url },
            }
        }
        Err(error @ (FetchError::Http(_) | FetchError::Status(_))) => {
            failed(call, format!("{url} cannot be read: {error}"))
        }
        Err(error) => failed(call, error.to_string()),
    }
}

/// A failure in words for the model.
pub(super) fn failed(call: &OwnedCall, text: String) -> Ran {
    Ran {
        outcome: ToolOutcome {
            is_error: true,
            ..ToolOutcome::text(&call.id, text)
        },
        found: Found::Nothing,
    }
}

pub(super) fn text_argument<'a>(arguments: &'a Map<String, Value>, name: &str) -> &'a str {
    arguments
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn text_of(content: &[Part]) -> String {
    let texts = content.iter().filter_map(|part| match &part.block {
        Block::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}
