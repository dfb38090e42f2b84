//! How a failed tool is told where a format has no member for it.

const MARK: &str = "Error: ";
/// What the text of a gateway-run tool that failed begins with already.
const TOLD: &str = "[tool error]";

/// A result's text that says whether the tool failed.
pub(super) fn result_text(text: String, is_error: bool) -> String {
    if is_error && !text.starts_with(TOLD) {
        format!("{MARK}{text}")
    } else {
        text
    }
}
