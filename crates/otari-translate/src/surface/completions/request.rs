//! The request.

use crate::call::{Call, Part, Role, Turn};
use crate::error::TranslateError;
use crate::read::{Fields, Node, root, strings};
use crate::route::Surface;

type Result<T> = std::result::Result<T, TranslateError>;

pub(in crate::surface) fn parse(body: &[u8]) -> Result<Call> {
    let mut fields = root(body)?;
    let mut call = Call::new(Surface::Completions, fields.require_string("model")?);
    let prompt = prompt(&fields.require("prompt")?)?;
    call.turns
        .push(Turn::new(Role::User, vec![Part::text(prompt)]));
    refuse_what_chat_lacks(&mut fields)?;
    if let Some(n) = fields.take("n") {
        call.choices = Some(n.int()?);
        if n.int()? < 1 {
            return Err(n.invalid("expected at least 1"));
        }
    }
    call.logprobs = fields.int("logprobs")?;
    call.max_output = fields.int("max_tokens")?;
    call.temperature = fields.float("temperature")?;
    call.top_p = fields.float("top_p")?;
    call.top_k = fields.int("top_k")?;
    call.frequency_penalty = fields.float("frequency_penalty")?;
    call.presence_penalty = fields.float("presence_penalty")?;
    call.seed = fields.int("seed")?;
    if let Some(stop) = fields.take("stop") {
        call.stop = strings(&stop)?;
    }
    call.user = fields.string("user")?;
    call.stream = fields.bool("stream")?.unwrap_or(false);
    if let Some(options) = fields.take("stream_options") {
        let asked = options.object()?.bool("include_usage")?;
        call.include_usage = Some(asked.unwrap_or(false));
    }
    call.extra = fields.rest();
    Ok(call)
}

/// One text. Several would be several calls, and tokens are of one model only.
fn prompt(node: &Node<'_>) -> Result<String> {
    if node.is_string() {
        return node.string();
    }
    match node.array()?.as_slice() {
        [only] if only.is_string() => only.string(),
        _ => Err(node.unsupported()),
    }
}

/// Members that continue a text rather than answer one; at their defaults they say nothing.
fn refuse_what_chat_lacks(fields: &mut Fields<'_>) -> Result<()> {
    if let Some(suffix) = fields.take("suffix")
        && !suffix.string()?.is_empty()
    {
        return Err(suffix.unsupported());
    }
    if let Some(echo) = fields.take("echo")
        && echo.bool()?
    {
        return Err(echo.unsupported());
    }
    if let Some(best) = fields.take("best_of")
        && best.int()? > 1
    {
        return Err(best.unsupported());
    }
    Ok(())
}
