//! What the model is told its tools are for.

use otari_translate::{Call, Part, Surface};

const HEADER: &str = "You can use these tools, which are run for you:";

/// The header and one line per hint; `None` when nobody has anything to say. `hints` are pairs of a tool's or server's
/// name and its hint.
pub fn purpose_block(header: Option<&str>, hints: &[(String, String)]) -> Option<String> {
    let lines: Vec<String> = hints
        .iter()
        .filter(|(_, hint)| !hint.trim().is_empty())
        .map(|(name, hint)| format!("- {name}: {}", hint.trim()))
        .collect();
    let header = header.map(str::trim).filter(|header| !header.is_empty());
    (!lines.is_empty()).then(|| format!("{}\n{}", header.unwrap_or(HEADER), lines.join("\n")))
}

/// Puts the block with the caller's instructions: behind them on Chat, ahead of them elsewhere. What is there keeps its
/// cache marks.
pub fn place_purpose(call: &mut Call, block: String) {
    if call.system.is_empty() {
        call.system.push(Part::text(block));
    } else if call.surface == Surface::Chat {
        call.system.push(Part::text(format!("\n\n{block}")));
    } else {
        call.system.insert(0, Part::text(format!("{block}\n\n")));
    }
}
