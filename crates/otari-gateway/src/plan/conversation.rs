//! Which conversation a call belongs to, so that its turns can keep to one model and find its prompt cache warm.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::inbound::Inbound;

const CONVERSATION_HEADER: &str = "otari-conversation-id";

/// Members that say nothing.
const WRAPPING: [&str; 2] = ["type", "cache_control"];

/// The members that begin a conversation, on any surface.
#[derive(Deserialize)]
struct Beginning<'a> {
    prompt_cache_key: Option<String>,
    #[serde(borrow)]
    system: Option<&'a RawValue>,
    #[serde(borrow)]
    instructions: Option<&'a RawValue>,
    #[serde(borrow, alias = "systemInstruction")]
    system_instruction: Option<&'a RawValue>,
    #[serde(borrow)]
    messages: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    contents: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

/// The role of a turn, where it has one.
#[derive(Deserialize)]
struct Turn<'a> {
    #[serde(borrow)]
    role: Option<&'a str>,
}

/// What stays the same from turn to turn: the caller's name for the conversation, else how it opened. The same on every
/// node that runs the same release.
pub(crate) fn conversation(inbound: &Inbound, user: &str) -> u64 {
    // Not keyed by chance: nodes agree.
    let mut hasher = DefaultHasher::new();
    user.hash(&mut hasher);
    if let Some(id) = inbound.headers.get(CONVERSATION_HEADER) {
        id.as_bytes().hash(&mut hasher);
        return hasher.finish();
    }
    match serde_json::from_slice::<Beginning<'_>>(&inbound.body) {
        Ok(beginning) => beginning.hash_into(&mut hasher),
        Err(_) => inbound.body.hash(&mut hasher),
    }
    hasher.finish()
}

impl Beginning<'_> {
    fn hash_into(&self, hasher: &mut DefaultHasher) {
        if let Some(key) = &self.prompt_cache_key {
            return key.hash(hasher);
        }
        for part in [self.system, self.instructions, self.system_instruction] {
            part.is_some().hash(hasher);
            if let Some(part) = part {
                words_into(hasher, part);
            }
        }
        let listed = self
            .input
            .and_then(|input| serde_json::from_str::<Vec<&RawValue>>(input.get()).ok());
        let turns = self.messages.as_ref().or(self.contents.as_ref());
        match turns.or(listed.as_ref()) {
            Some(turns) => opening(turns).for_each(|turn| words_into(hasher, turn)),
            None => {
                if let Some(input) = self.input {
                    words_into(hasher, input);
                }
            }
        }
    }
}

/// What is said, however it is wrapped: clients move their cache marks from turn to turn, and turn a text into a block
/// of text to have somewhere to put one.
fn words_into(hasher: &mut DefaultHasher, part: &RawValue) {
    fn walk(hasher: &mut DefaultHasher, value: &Value) {
        match value {
            Value::String(text) => text.hash(hasher),
            Value::Number(number) => number.hash(hasher),
            Value::Array(values) => values.iter().for_each(|value| walk(hasher, value)),
            Value::Object(members) => {
                let said = members
                    .iter()
                    .filter(|(name, _)| !WRAPPING.contains(&name.as_str()));
                said.for_each(|(_, value)| walk(hasher, value));
            }
            Value::Bool(_) | Value::Null => {}
        }
    }
    if let Ok(value) = serde_json::from_str(part.get()) {
        walk(hasher, &value);
    }
}

/// Up to the first turn of the person.
fn opening<'a>(turns: &'a [&'a RawValue]) -> impl Iterator<Item = &'a RawValue> {
    let mut over = false;
    turns.iter().copied().take_while(move |turn| {
        let last = over;
        let role = serde_json::from_str::<Turn<'_>>(turn.get()).ok();
        over |= role
            .and_then(|turn| turn.role)
            .is_none_or(|role| role == "user");
        !last
    })
}
