//! The top-level members of a JSON object, each value left as the bytes it came in.
//!
//! A gateway owns a handful of members of a request and must forward the rest byte-true: providers hash the
//! prompt bytes for their caches, so re-serialising costs users money.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess};
use serde_json::value::RawValue;

/// An object's members in their order, borrowed from the body.
#[derive(Debug)]
pub struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// One pass over the body; nested values are skipped over, not parsed.
    ///
    /// A member that appears twice is an error: two parsers could pick different ones, and a rule checked on
    /// the first (`model`) would be evaded by the second.
    pub fn parse(body: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(body)
    }

    pub fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| *value)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(key, value)| (key.as_ref(), *value))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members: Vec<(Cow<'de, str>, &'de RawValue)> = Vec::with_capacity(8);
                while let Some(Key(key)) = map.next_key()? {
                    if members.iter().any(|(seen, _)| *seen == key) {
                        return Err(de::Error::custom(format_args!(
                            "member `{key}` appears twice"
                        )));
                    }
                    members.push((key, map.next_value()?));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// A key, borrowed unless it contains an escape.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member name")
            }
            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// Writes a JSON object member by member into one buffer.
#[derive(Debug)]
pub struct ObjectWriter {
    out: Vec<u8>,
}

impl ObjectWriter {
    pub fn with_capacity(bytes: usize) -> Self {
        let mut out = Vec::with_capacity(bytes);
        out.push(b'{');
        Self { out }
    }

    /// A member whose value is JSON already.
    pub fn raw(&mut self, name: &str, value: &str) {
        if self.out.len() > 1 {
            self.out.push(b',');
        }
        write_json_string(&mut self.out, name);
        self.out.push(b':');
        self.out.extend_from_slice(value.as_bytes());
    }

    /// A member whose value is a plain text.
    pub fn string(&mut self, name: &str, value: &str) {
        if self.out.len() > 1 {
            self.out.push(b',');
        }
        write_json_string(&mut self.out, name);
        self.out.push(b':');
        write_json_string(&mut self.out, value);
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.out.push(b'}');
        self.out
    }
}

/// Appends `text` as a JSON string, quotes included.
pub fn write_json_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest
        .iter()
        .position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))
    {
        let (plain, tail) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((special, tail)) = tail.split_first() else {
            break;
        };
        match special {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            other => out.extend_from_slice(format!("\\u{other:04x}").as_bytes()),
        }
        rest = tail;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_order_and_bytes() {
        let body = br#"{"b": 12345678901234567890123, "a":{"x" : "\u00e9"},"c":null}"#;
        let members = Members::parse(body).unwrap();
        let seen: Vec<_> = members.iter().map(|(k, v)| (k, v.get())).collect();
        assert_eq!(
            seen,
            [
                ("b", "12345678901234567890123"),
                ("a", r#"{"x" : "\u00e9"}"#),
                ("c", "null")
            ]
        );
    }

    #[test]
    fn a_member_given_twice_is_refused_even_when_escaped() {
        let twice = Members::parse(br#"{"model":"a","mod\u0065l":"b"}"#);
        assert!(
            twice
                .unwrap_err()
                .to_string()
                .contains("`model` appears twice")
        );
        assert!(Members::parse(b"[]").is_err());
        assert!(Members::parse(br#"{"a":1"#).is_err());
        assert!(Members::parse(b"{\"a\":\"\xff\"}").is_err());
    }

    #[test]
    fn written_strings_read_back() {
        for text in [
            "plain",
            "quote\" back\\slash",
            "line\nbreak\ttab\u{1}",
            "ünï€ode",
        ] {
            let mut out = Vec::new();
            write_json_string(&mut out, text);
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
