//! JSON to write, with parts that stay the text they came in.
//!
//! `serde_json::Value` would round big numbers and re-space tool arguments; providers hash prompt bytes for their
//! caches, so what came in as text goes out as the same text.

use std::borrow::Cow;

use otari_wire::members::write_json_string;
use serde_json::Value;
use serde_json::value::RawValue;

/// A JSON value as the text it came in.
#[derive(Clone)]
pub struct Raw(Box<RawValue>);

impl Raw {
    /// `None` when `text` is not exactly one JSON value.
    pub fn parse(text: &str) -> Option<Self> {
        RawValue::from_string(text.to_owned()).ok().map(Self)
    }

    pub fn get(&self) -> &str {
        self.0.get()
    }

    pub fn is_object(&self) -> bool {
        self.get().starts_with('{')
    }

    /// As a tree, for the few places that rewrite one (schemas).
    pub fn value(&self) -> Value {
        serde_json::from_str(self.get()).unwrap_or(Value::Null)
    }
}

impl std::fmt::Debug for Raw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.get())
    }
}

impl PartialEq for Raw {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl From<&RawValue> for Raw {
    fn from(raw: &RawValue) -> Self {
        Self(raw.to_owned())
    }
}

impl From<&Value> for Raw {
    fn from(value: &Value) -> Self {
        Self(serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

/// JSON to write.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Raw(Raw),
    Array(Vec<Json>),
    Object(Object),
}

impl Json {
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        self.write(&mut out);
        out
    }

    pub fn to_text(&self) -> String {
        String::from_utf8(self.to_vec()).unwrap_or_default()
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(true) => out.extend_from_slice(b"true"),
            Self::Bool(false) => out.extend_from_slice(b"false"),
            Self::Int(number) => out.extend_from_slice(number.to_string().as_bytes()),
            // JSON has no NaN or infinity; serde_json writes null for them, and shortest digits for the rest.
            Self::Float(number) => {
                out.extend_from_slice(Value::from(*number).to_string().as_bytes());
            }
            Self::Text(text) => write_json_string(out, text),
            Self::Raw(raw) => out.extend_from_slice(raw.get().as_bytes()),
            Self::Array(items) => {
                out.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    item.write(out);
                }
                out.push(b']');
            }
            Self::Object(object) => object.write(out),
        }
    }
}

/// A JSON object in the order its members were set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object(Vec<(Cow<'static, str>, Json)>);

impl Object {
    pub fn new() -> Self {
        Self::default()
    }

    /// `{"type": kind}`, how most wire objects begin.
    pub fn typed(kind: &'static str) -> Self {
        Self::new().with("type", kind)
    }

    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Json>) -> Self {
        self.set(name, value);
        self
    }

    /// Sets the member only when there is a value.
    #[must_use]
    pub fn with_some(mut self, name: &'static str, value: Option<impl Into<Json>>) -> Self {
        if let Some(value) = value {
            self.set(name, value);
        }
        self
    }

    /// Replaces the member if it is there, else appends it.
    pub fn set(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Json>) {
        let name = name.into();
        let value = value.into();
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name, value)),
        }
    }

    pub fn get(&self, name: &str) -> Option<&Json> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    }

    pub fn remove(&mut self, name: &str) -> Option<Json> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(at).1)
    }

    /// Sets every member of `other`.
    pub fn extend(&mut self, other: &Self) {
        for (name, value) in &other.0 {
            self.set(name.clone(), value.clone());
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        for (at, (name, value)) in self.0.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            write_json_string(out, name);
            out.push(b':');
            value.write(out);
        }
        out.push(b'}');
    }
}

macro_rules! json_from {
    ($($from:ty => |$value:ident| $json:expr),* $(,)?) => {$(
        impl From<$from> for Json {
            fn from($value: $from) -> Self {
                $json
            }
        }
    )*};
}

json_from! {
    bool => |value| Self::Bool(value),
    i64 => |value| Self::Int(value),
    f64 => |value| Self::Float(value),
    usize => |value| Self::Int(i64::try_from(value).unwrap_or(i64::MAX)),
    &str => |value| Self::Text(value.to_owned()),
    &String => |value| Self::Text(value.clone()),
    String => |value| Self::Text(value),
    Raw => |value| Self::Raw(value),
    &Raw => |value| Self::Raw(value.clone()),
    Object => |value| Self::Object(value),
    Vec<Json> => |value| Self::Array(value),
}

impl FromIterator<Json> for Json {
    fn from_iter<I: IntoIterator<Item = Json>>(items: I) -> Self {
        Self::Array(items.into_iter().collect())
    }
}
