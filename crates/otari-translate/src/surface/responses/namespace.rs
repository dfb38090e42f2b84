//! Namespaces of functions, which only Responses has, as Codex declares its tools. Elsewhere the functions stand among
//! the others, by a name that holds both.

use crate::call::{Call, Namespaced, Tool};
use crate::error::TranslateError;
use crate::read::Node;
use crate::route::Wire;
use crate::surface::tools;

type Result<T> = std::result::Result<T, TranslateError>;

/// The name of a function of a namespace for those who have none. All of it is allowed in names everywhere.
pub(super) fn full_name(namespace: &str, name: &str) -> String {
    format!("{namespace}__{name}")
}

/// Reads a declared tool, or the functions of a declared namespace.
pub(super) fn read_tool(node: &Node<'_>, call: &mut Call) -> Result<()> {
    let mut fields = node.object()?;
    if fields.kind()? != "namespace" {
        call.tools.push(tools::tool(node, Wire::OpenAiResponses)?);
        return Ok(());
    }
    let namespace = fields.require_string("name")?;
    for inner in fields.require("tools")?.array()? {
        let mut tool = tools::tool(&inner, Wire::OpenAiResponses)?;
        if let Tool::Function(function) = &mut tool {
            let full = full_name(&namespace, &function.name);
            let name = std::mem::replace(&mut function.name, full.clone());
            call.namespaced.push(Namespaced {
                full,
                namespace: namespace.clone(),
                name,
            });
        }
        call.tools.push(tool);
    }
    Ok(())
}
