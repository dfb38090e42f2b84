//! How often each tool was run, for the bill.

/// Names of MCP tools are of others' choosing, and they end up in usage rows.
const NAME_CHARS_MAX: usize = 64;
const NAMES_MAX: usize = 32;
const OTHERS: &str = "_other";

/// Calls per tool, in the order of first use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolTally(Vec<ToolCount>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCount {
    pub tool: String,
    /// Calls that succeeded: the ones that are billed.
    pub billed: u32,
    pub errors: u32,
}

impl ToolTally {
    pub fn counts(&self) -> &[ToolCount] {
        &self.0
    }

    /// A call of this tool was run.
    pub fn add(&mut self, tool: &str, is_error: bool) {
        let name: String = tool.chars().take(NAME_CHARS_MAX).collect();
        let known = |name: &str| self.0.iter().position(|count| count.tool == name);
        let name = if known(&name).is_none() && self.0.len() >= NAMES_MAX {
            OTHERS.to_owned()
        } else {
            name
        };
        let at = known(&name).unwrap_or_else(|| {
            self.0.push(ToolCount {
                tool: name,
                billed: 0,
                errors: 0,
            });
            self.0.len() - 1
        });
        if let Some(count) = self.0.get_mut(at) {
            let counter = if is_error {
                &mut count.errors
            } else {
                &mut count.billed
            };
            *counter = counter.saturating_add(1);
        }
    }
}
