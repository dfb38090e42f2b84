//! From a server's result to blocks for the model.

use otari_translate::{Block, Media, MediaKind, Part, Source};
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};

use super::McpResult;

/// Blocks of one result; a server can send thousands of empty ones.
const BLOCKS_MAX: usize = 256;

/// Text stays text, images stay images, what a model cannot read becomes a line that says what it was.
pub(super) fn read(result: CallToolResult, chars_max: usize) -> McpResult {
    let mut room = chars_max;
    let mut content = Vec::new();
    let is_error = result.is_error.unwrap_or(false);
    if result.content.is_empty()
        && let Some(structured) = &result.structured_content
    {
        push_text(&mut content, &structured.to_string(), &mut room);
    }
    for block in result.content.into_iter().take(BLOCKS_MAX) {
        match block {
            ContentBlock::Text(text) => push_text(&mut content, &text.text, &mut room),
            ContentBlock::Image(image) => content.push(Part::from(Block::Media(Media {
                kind: MediaKind::Image,
                source: Source::Data(image.data),
                mime: Some(image.mime_type),
                filename: None,
                detail: None,
            }))),
            other => push_text(&mut content, &in_words(&other), &mut room),
        }
    }
    McpResult { content, is_error }
}

fn push_text(content: &mut Vec<Part>, text: &str, room: &mut usize) {
    let Some((end, _)) = text.char_indices().nth(*room) else {
        *room -= text.chars().count();
        content.push(Part::text(text));
        return;
    };
    // The first block that does not fit is cut and says so; those after it are left out.
    if *room > 0 {
        let kept = text.get(..end).unwrap_or_default();
        content.push(Part::text(format!(
            "{kept}\n[the rest of the result is left out: too long]"
        )));
    }
    *room = 0;
}

fn in_words(block: &ContentBlock) -> String {
    match block {
        ContentBlock::Audio(audio) => {
            format!(
                "[audio {}, {} bytes of base64]",
                audio.mime_type,
                audio.data.len()
            )
        }
        ContentBlock::Resource(resource) => match &resource.resource {
            ResourceContents::TextResourceContents { uri, text, .. } => {
                format!("[resource {uri}]\n{text}")
            }
            ResourceContents::BlobResourceContents { uri, blob, .. } => {
                format!("[resource {uri}, {} bytes of base64]", blob.len())
            }
            _ => "[resource]".to_owned(),
        },
        ContentBlock::ResourceLink(link) => format!("[link {}: {}]", link.name, link.uri),
        ContentBlock::Text(_) | ContentBlock::Image(_) => String::new(),
        _ => "[content of an unknown kind]".to_owned(),
    }
}
