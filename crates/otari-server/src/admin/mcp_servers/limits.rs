//! How long the members of a stored server may be.

use otari_types::Secret;

use crate::error::{ApiError, Problems};

const NAME_CHARS_MAX: usize = 128;
const URL_CHARS_MAX: usize = 2048;
const TOKEN_CHARS_MAX: usize = 8192;
const HINT_CHARS_MAX: usize = 2000;
const TOOLS_MAX: usize = 200;
const TOOL_CHARS_MAX: usize = 256;

/// The members that have a longest form.
pub(super) struct Limits<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) url: Option<&'a str>,
    pub(super) token: Option<&'a Secret>,
    pub(super) hint: Option<&'a str>,
    pub(super) tools: Option<&'a [String]>,
}

impl Limits<'_> {
    /// 422 naming what is too long.
    pub(super) fn check(&self) -> Result<(), ApiError> {
        let mut problems = Problems::default();
        let token = self.token.map(Secret::expose);
        for (member, text, min, max) in [
            ("name", self.name, 1, NAME_CHARS_MAX),
            ("url", self.url, 1, URL_CHARS_MAX),
            ("authorization_token", token, 0, TOKEN_CHARS_MAX),
            ("purpose_hint", self.hint, 0, HINT_CHARS_MAX),
        ] {
            let chars = text.map(|text| text.chars().count());
            if chars.is_some_and(|chars| !(min..=max).contains(&chars)) {
                let message = format!("String should have {min} to {max} characters");
                problems.wrong(member, message);
            }
        }
        let tools = self.tools.unwrap_or_default();
        if tools.len() > TOOLS_MAX {
            let message = format!("List should have at most {TOOLS_MAX} items");
            problems.wrong("allowed_tools", message);
        }
        if let Some(at) = tools
            .iter()
            .position(|tool| tool.chars().count() > TOOL_CHARS_MAX)
        {
            let message = format!("String should have at most {TOOL_CHARS_MAX} characters");
            problems.add(&["allowed_tools", &at.to_string()], "value_error", message);
        }
        problems.refuse()
    }
}
