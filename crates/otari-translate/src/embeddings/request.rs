//! `POST /v1/embeddings`. <https://platform.openai.com/docs/api-reference/embeddings/create>

use crate::error::TranslateError;
use crate::read::{Node, root};

use super::{Encoding, Input, Purpose, Request};

type Result<T> = std::result::Result<T, TranslateError>;

/// Reads a request body.
pub fn parse(body: &[u8]) -> Result<Request> {
    let mut fields = root(body)?;
    let input = fields.require("input")?;
    let encoding = match fields.take("encoding_format") {
        None => Encoding::Float,
        Some(node) => match node.string()?.as_str() {
            "float" => Encoding::Float,
            "base64" => Encoding::Base64,
            _ => return Err(node.invalid("expected float or base64")),
        },
    };
    let purpose = match fields.take("input_type") {
        None => None,
        Some(node) => Some(purpose(&node)?),
    };
    Ok(Request {
        model: fields.require_string("model")?,
        input: read_input(&input)?,
        dimensions: fields.int("dimensions")?,
        encoding,
        user: fields.string("user")?,
        purpose,
        extra: fields.rest(),
    })
}

fn purpose(node: &Node<'_>) -> Result<Purpose> {
    match node.string()?.to_ascii_lowercase().as_str() {
        "query" | "search_query" | "retrieval_query" => Ok(Purpose::Query),
        "document" | "passage" | "search_document" | "retrieval_document" => Ok(Purpose::Document),
        "classification" => Ok(Purpose::Classification),
        "clustering" => Ok(Purpose::Clustering),
        _ => Err(node.invalid("expected query, document, classification or clustering")),
    }
}

/// A text, a list of texts, a list of tokens, or a list of lists of tokens.
fn read_input(node: &Node<'_>) -> Result<Input> {
    if node.is_string() {
        return Ok(Input::Texts(vec![node.string()?]));
    }
    let items = node.array()?;
    let Some(first) = items.first() else {
        return Err(node.invalid("expected at least one text"));
    };
    if first.is_string() {
        let texts = items.iter().map(Node::string);
        return Ok(Input::Texts(texts.collect::<Result<_>>()?));
    }
    if first.int().is_ok() {
        return Ok(Input::Tokens(vec![tokens(node)?]));
    }
    let lists = items.iter().map(tokens);
    Ok(Input::Tokens(lists.collect::<Result<_>>()?))
}

fn tokens(node: &Node<'_>) -> Result<Vec<i64>> {
    let items = node.array();
    let items = items.map_err(|_| node.invalid("expected texts or lists of tokens"))?;
    items.iter().map(Node::int).collect()
}
