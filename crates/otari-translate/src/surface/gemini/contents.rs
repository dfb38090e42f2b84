//! Contents and parts.

use crate::call::{
    Block, Call, Media, MediaKind, Part, Reasoning, Role, Source, ToolCall, ToolResult, Turn,
    Unknown,
};
use crate::error::TranslateError;
use crate::read::{Fields, Node};
use crate::route::Wire;

use super::request::take;
use super::signature;

type Result<T> = std::result::Result<T, TranslateError>;

/// Reads parts, giving ids to calls that have none and finding them again for the results.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// Calls without a result yet: name and id.
    pending: Vec<(String, String)>,
    calls: usize,
}

impl Reader {
    pub(super) fn turns(&mut self, contents: &Node<'_>, call: &mut Call) -> Result<()> {
        for node in contents.array()? {
            let mut fields = node.object()?;
            let role = match fields.take("role") {
                None => Role::User,
                Some(role) => match role.string()?.as_str() {
                    "model" => Role::Assistant,
                    "user" | "function" | "" => Role::User,
                    _ => return Err(role.invalid("expected user or model")),
                },
            };
            let parts = self.parts(&fields.require("parts")?)?;
            call.turns.push(Turn::new(role, parts));
        }
        if call.turns.is_empty() {
            return Err(contents.invalid("at least one content is required"));
        }
        Ok(())
    }

    pub(super) fn parts(&mut self, node: &Node<'_>) -> Result<Vec<Part>> {
        let mut parts: Vec<Part> = Vec::new();
        for node in node.array()? {
            self.part(&node, &mut parts)?;
        }
        Ok(parts)
    }

    /// A signature belongs to the part it stands on: it is told before that, as reasoning without text.
    fn part(&mut self, node: &Node<'_>, parts: &mut Vec<Part>) -> Result<()> {
        let mut fields = node.object()?;
        let signed = match take(&mut fields, "thoughtSignature") {
            Some(text) => Some(signature::from_client(&text.string()?)),
            None => None,
        };
        if fields.bool("thought")? == Some(true) {
            let text = fields.string("text")?.unwrap_or_default();
            thought(&text, signed, parts);
            return Ok(());
        }
        parts.extend(signed.map(|reasoning| Block::Reasoning(reasoning).into()));
        let block = if let Some(text) = fields.string("text")? {
            if text.is_empty() {
                return Ok(());
            }
            Block::Text(text)
        } else if let Some(data) = take(&mut fields, "inlineData") {
            Block::Media(inline(&data)?)
        } else if let Some(file) = take(&mut fields, "fileData") {
            Block::Media(by_address(&file)?)
        } else if let Some(call) = take(&mut fields, "functionCall") {
            self.call(&call)?
        } else if let Some(response) = take(&mut fields, "functionResponse") {
            self.result(&response)?
        } else {
            Block::Unknown(Unknown {
                wire: Wire::Gemini,
                raw: node.raw(),
                loc: node.at.clone(),
            })
        };
        parts.push(block.into());
        Ok(())
    }

    fn call(&mut self, node: &Node<'_>) -> Result<Block> {
        let mut fields = node.object()?;
        let name = fields.require_string("name")?;
        let given = fields.string("id")?.filter(|id| !id.is_empty());
        // The same in every request of a conversation, because it is sent from its beginning each time.
        let id = given.unwrap_or_else(|| format!("call_{}_{name}", self.calls));
        self.calls += 1;
        self.pending.push((name.clone(), id.clone()));
        let arguments = fields.take("args");
        let arguments = arguments.map_or_else(
            || "{}".to_owned(),
            |arguments| arguments.raw().get().to_owned(),
        );
        Ok(Block::ToolCall(ToolCall {
            id,
            name,
            arguments,
        }))
    }

    fn result(&mut self, node: &Node<'_>) -> Result<Block> {
        let mut fields = node.object()?;
        let name = fields.require_string("name")?;
        let given = fields.string("id")?.filter(|id| !id.is_empty());
        let is_it = |known: &(String, String)| match &given {
            Some(id) => known.1 == *id,
            None => known.0 == name,
        };
        let call_id = match self.pending.iter().position(is_it) {
            Some(at) => self.pending.remove(at).1,
            None => given.unwrap_or(name),
        };
        let (text, is_error) = match fields.take("response") {
            Some(response) => response_text(&response)?,
            None => (String::new(), false),
        };
        let mut content = vec![Part::text(text)];
        if let Some(list) = fields.take("parts") {
            for node in list.array()? {
                let mut inner = node.object()?;
                match take(&mut inner, "inlineData") {
                    Some(data) => content.push(Block::Media(inline(&data)?).into()),
                    None => return Err(node.unsupported()),
                }
            }
        }
        Ok(Block::ToolResult(ToolResult {
            call_id,
            content,
            is_error,
        }))
    }
}

/// Thoughts that were streamed come back in pieces; the last one has the signature.
fn thought(text: &str, signed: Option<Reasoning>, parts: &mut Vec<Part>) {
    if let Some(Part {
        block: Block::Reasoning(known),
        ..
    }) = parts.last_mut()
        && known.signature.is_none()
    {
        known.text.push_str(text);
        if let Some(signed) = signed {
            known.signature = signed.signature;
            known.redacted = signed.redacted;
        }
        return;
    }
    let reasoning = Reasoning {
        text: text.to_owned(),
        ..signed.unwrap_or_default()
    };
    parts.push(Block::Reasoning(reasoning).into());
}

/// A text wrapped as `result`, a failure as `error`; any other object is told as it is.
fn response_text(node: &Node<'_>) -> Result<(String, bool)> {
    let mut fields = node.object()?;
    let error = only_text(&mut fields, "error");
    let result = only_text(&mut fields, "result");
    let alone = fields.rest().is_empty();
    Ok(match (result, error) {
        (Some(text), None) if alone => (text, false),
        (None, Some(text)) if alone => (text, true),
        _ => (node.raw().get().to_owned(), false),
    })
}

fn only_text(fields: &mut Fields<'_>, name: &str) -> Option<String> {
    fields.take(name)?.string().ok()
}

fn inline(node: &Node<'_>) -> Result<Media> {
    let mut fields = node.object()?;
    let data = Source::Data(fields.require_string("data")?);
    media(data, &mut fields)
}

fn by_address(node: &Node<'_>) -> Result<Media> {
    let mut fields = node.object()?;
    let Some(uri) = take(&mut fields, "fileUri") else {
        return Err(node.invalid("expected fileUri"));
    };
    media(Source::Url(uri.string()?), &mut fields)
}

fn media(source: Source, fields: &mut Fields<'_>) -> Result<Media> {
    let mut text = |name| take(fields, name).map(|node| node.string()).transpose();
    let mime = text("mimeType")?;
    let filename = text("displayName")?;
    let class = mime.as_deref().and_then(|mime| mime.split('/').next());
    Ok(Media {
        kind: match class {
            Some("image") => MediaKind::Image,
            Some("audio") => MediaKind::Audio,
            _ => MediaKind::File,
        },
        source,
        mime,
        filename,
        detail: None,
    })
}
