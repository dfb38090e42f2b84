//! Reading a request with the place of every value at hand, so that an error can name it.

use std::borrow::Cow;

use otari_wire::members::Members;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::TranslateError;
use crate::json::Raw;

type Result<T> = std::result::Result<T, TranslateError>;

/// One value of a request and where it stands, as in `messages.0.content`.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
    raw: &'a RawValue,
    pub(crate) at: String,
}

/// An object whose members are taken one by one; what is left is what nobody knew.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    at: String,
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
}

/// The body itself, which must be an object.
pub(crate) fn root(body: &[u8]) -> Result<Fields<'_>> {
    let members = Members::parse(body).map_err(|error| TranslateError::Invalid {
        loc: "body".to_owned(),
        problem: format!("not a JSON object: {error}"),
    })?;
    Ok(fields(&members, String::new()))
}

fn fields<'a>(members: &Members<'a>, at: String) -> Fields<'a> {
    let members = members
        .iter()
        .map(|(name, raw)| (Cow::Owned(name.to_owned()), raw))
        .collect();
    Fields { at, members }
}

impl<'a> Node<'a> {
    pub(crate) fn raw(&self) -> Raw {
        Raw::from(self.raw)
    }

    pub(crate) fn is_string(&self) -> bool {
        self.raw.get().starts_with('"')
    }

    pub(crate) fn is_object(&self) -> bool {
        self.raw.get().starts_with('{')
    }

    pub(crate) fn string(&self) -> Result<String> {
        self.parse("a string")
    }

    pub(crate) fn bool(&self) -> Result<bool> {
        self.parse("true or false")
    }

    pub(crate) fn int(&self) -> Result<i64> {
        self.parse("an integer")
    }

    pub(crate) fn float(&self) -> Result<f64> {
        self.parse("a number")
    }

    pub(crate) fn array(&self) -> Result<Vec<Node<'a>>> {
        let items: Vec<&'a RawValue> = self.parse("an array")?;
        Ok(items
            .into_iter()
            .enumerate()
            .map(|(index, raw)| Node {
                raw,
                at: format!("{}.{index}", self.at),
            })
            .collect())
    }

    pub(crate) fn object(&self) -> Result<Fields<'a>> {
        let members = Members::parse(self.raw.get().as_bytes())
            .map_err(|_| self.invalid("expected an object"))?;
        Ok(fields(&members, self.at.clone()))
    }

    pub(crate) fn invalid(&self, problem: impl Into<String>) -> TranslateError {
        TranslateError::Invalid {
            loc: self.at.clone(),
            problem: problem.into(),
        }
    }

    pub(crate) fn unsupported(&self) -> TranslateError {
        TranslateError::Unsupported {
            member: self.at.clone(),
        }
    }

    fn parse<T: Deserialize<'a>>(&self, expected: &str) -> Result<T> {
        serde_json::from_str(self.raw.get())
            .map_err(|_| self.invalid(format!("expected {expected}")))
    }
}

impl<'a> Fields<'a> {
    /// Takes a member out. A null counts as absent, as it does in every API translated here.
    pub(crate) fn take(&mut self, name: &str) -> Option<Node<'a>> {
        let index = self.members.iter().position(|(known, _)| known == name)?;
        let (_, raw) = self.members.remove(index);
        (raw.get() != "null").then(|| Node {
            raw,
            at: self.loc(name),
        })
    }

    pub(crate) fn require(&mut self, name: &str) -> Result<Node<'a>> {
        self.take(name).ok_or_else(|| TranslateError::Invalid {
            loc: self.loc(name),
            problem: "required".to_owned(),
        })
    }

    pub(crate) fn string(&mut self, name: &str) -> Result<Option<String>> {
        self.take(name).map(|node| node.string()).transpose()
    }

    pub(crate) fn require_string(&mut self, name: &str) -> Result<String> {
        self.require(name)?.string()
    }

    pub(crate) fn bool(&mut self, name: &str) -> Result<Option<bool>> {
        self.take(name).map(|node| node.bool()).transpose()
    }

    pub(crate) fn int(&mut self, name: &str) -> Result<Option<i64>> {
        self.take(name).map(|node| node.int()).transpose()
    }

    pub(crate) fn float(&mut self, name: &str) -> Result<Option<f64>> {
        self.take(name).map(|node| node.float()).transpose()
    }

    pub(crate) fn raw(&mut self, name: &str) -> Option<Raw> {
        self.take(name).map(|node| node.raw())
    }

    /// The `type` of the object, empty when it has none.
    pub(crate) fn kind(&mut self) -> Result<String> {
        Ok(self.string("type")?.unwrap_or_default())
    }

    /// The members nobody took, nulls left out.
    pub(crate) fn rest(self) -> Vec<(String, Raw)> {
        self.members
            .into_iter()
            .filter(|(_, raw)| raw.get() != "null")
            .map(|(name, raw)| (name.into_owned(), Raw::from(raw)))
            .collect()
    }

    fn loc(&self, name: &str) -> String {
        if self.at.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.at)
        }
    }
}

/// Leaves out nulls that stand for "not given" in a list of names or texts.
pub(crate) fn strings(node: &Node<'_>) -> Result<Vec<String>> {
    if node.is_string() {
        return Ok(vec![node.string()?]);
    }
    node.array()?.iter().map(Node::string).collect()
}
