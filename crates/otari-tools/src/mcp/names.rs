//! The names under which a model knows the tools, and back.

use std::collections::{HashMap, HashSet};

use otari_translate::{FunctionTool, Raw};
use serde_json::Value;

use super::McpTool;
use super::session::Session;

/// What every provider accepts as a function name: `[a-zA-Z0-9_-]{1,64}`.
const NAME_BYTES_MAX: usize = 64;

type Routes = HashMap<String, (usize, String)>;

/// A tool keeps its name when no provider objects and nobody before it has the same; else it gets its server's name in
/// front.
pub(super) fn assign(sessions: &[Session], taken: &HashSet<String>) -> (Vec<McpTool>, Routes) {
    let mut tools = Vec::new();
    let mut routes = Routes::new();
    for (at, session) in sessions.iter().enumerate() {
        for tool in session.tools() {
            let free = |name: &String| !taken.contains(name) && !routes.contains_key(name);
            let original = tool.name.to_string();
            let Some(name) = candidates(session.server(), &original).find(free) else {
                continue;
            };
            routes.insert(name.clone(), (at, original.clone()));
            let description = tool.description.as_deref().map(str::to_owned);
            tools.push(McpTool {
                function: FunctionTool {
                    name,
                    description: description.or_else(|| tool.title.clone()),
                    schema: Some(Raw::from(&Value::Object((*tool.input_schema).clone()))),
                    ..FunctionTool::default()
                },
                server: session.server().to_owned(),
                original,
            });
        }
    }
    (tools, routes)
}

/// Names to try, in order: its own, with the server in front, the same numbered.
fn candidates(server: &str, tool: &str) -> impl Iterator<Item = String> {
    let own = accepted(tool);
    let prefixed = accepted(&format!("{server}__{tool}"));
    let base: String = prefixed.chars().take(NAME_BYTES_MAX - 3).collect();
    let numbered = (2..100).map(move |number| format!("{base}_{number}"));
    [own, prefixed].into_iter().chain(numbered)
}

/// What providers refuse becomes `_`; the end is cut off.
fn accepted(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let name = name.chars().map(|c| if allowed(c) { c } else { '_' });
    let name: String = name.take(NAME_BYTES_MAX).collect();
    if name.is_empty() {
        "tool".to_owned()
    } else {
        name
    }
}
