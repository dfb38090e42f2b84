//! The neutral request: what every surface can say, in the order it was said.

use crate::effort::Effort;
use crate::json::{Json, Object, Raw};
use crate::origin::Signature;
use crate::route::{Surface, Wire};

/// One request for one answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Who said it: unknown members and native tools travel only to the wire of the same format.
    pub surface: Surface,
    /// As the client wrote it; the dialect is told the provider's name for it.
    pub model: String,
    /// Instructions that stand before the conversation.
    pub system: Vec<Part>,
    pub turns: Vec<Turn>,
    pub tools: Vec<Tool>,
    pub tool_choice: Option<ToolChoice>,
    pub parallel_tools: Option<bool>,
    /// Tokens, reasoning included.
    pub max_output: Option<i64>,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub top_k: Option<i64>,
    pub frequency_penalty: Option<f64>,
    pub presence_penalty: Option<f64>,
    pub seed: Option<i64>,
    pub stop: Vec<String>,
    pub response_format: Option<ResponseFormat>,
    /// `None` leaves it to the model.
    pub thinking: Option<Thinking>,
    pub verbosity: Option<String>,
    pub service_tier: Option<String>,
    /// The client's id of its own user.
    pub user: Option<String>,
    /// How many answers; one when absent. Chat and Completions only.
    pub choices: Option<i64>,
    /// Probabilities of the tokens, and of so many alternatives to each.
    pub logprobs: Option<i64>,
    pub stream: bool,
    /// Whether a Chat stream ends with a usage chunk; `None` when the client did not say.
    pub include_usage: Option<bool>,
    /// Responses: the answer is kept for later requests, and which kept answer this call goes on from.
    pub stored: bool,
    pub previous: Option<String>,
    /// Responses: tools that the client keeps in namespaces, in the order of [`Call::tools`].
    pub namespaced: Vec<Namespaced>,
    /// Top-level members that have no neutral form, as received.
    pub extra: Vec<(String, Raw)>,
}

/// A function of a namespace. The model knows it by a name that holds both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespaced {
    /// In [`Call::tools`] and in calls.
    pub full: String,
    pub namespace: String,
    /// Within the namespace.
    pub name: String,
}

/// One side's turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    pub role: Role,
    /// Chat's `name` of a participant.
    pub name: Option<String>,
    pub parts: Vec<Part>,
}

/// Tool results are part of a user turn, as they answer the assistant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Instructions in the middle of a conversation.
    System,
    User,
    Assistant,
}

/// A block, and whether the prompt up to here should be cached.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    pub block: Block,
    pub cache: Option<CacheMark>,
}

/// "Cache the prompt up to here."
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheMark {
    /// `5m` or `1h`; the provider's default when absent.
    pub ttl: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    Text(String),
    Reasoning(Reasoning),
    ToolCall(ToolCall),
    ToolResult(ToolResult),
    Media(Media),
    Refusal(String),
    Unknown(Unknown),
}

/// A model's own thinking. With Gemini the signature belongs to the part that follows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasoning {
    /// Empty when only the signature is known.
    pub text: String,
    pub signature: Option<Signature>,
    /// The text was withheld by its provider; the signature is all there is.
    pub redacted: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    pub id: String,
    pub name: String,
    /// Raw JSON text, never re-serialised; may be empty or broken, as models are.
    pub arguments: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ToolResult {
    pub call_id: String,
    pub content: Vec<Part>,
    pub is_error: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    pub kind: MediaKind,
    pub source: Source,
    /// IANA media type, where known.
    pub mime: Option<String>,
    pub filename: Option<String>,
    /// `low`, `high` or `auto`, images only.
    pub detail: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    Image,
    /// A document.
    File,
    Audio,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Base64 of the content.
    Data(String),
    Url(String),
    /// A file stored at the provider.
    FileId(String),
    /// A document given as plain text.
    Text(String),
}

/// A block of one format that no other has.
#[derive(Clone, Debug, PartialEq)]
pub struct Unknown {
    /// The only wire that understands it.
    pub wire: Wire,
    pub raw: Raw,
    /// Where it stood in the request, for an error to name.
    pub loc: String,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Tool {
    Function(FunctionTool),
    /// A tool that one format's provider runs or defines itself.
    Native(Unknown),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct FunctionTool {
    pub name: String,
    pub description: Option<String>,
    /// JSON Schema of the arguments.
    pub schema: Option<Raw>,
    pub strict: Option<bool>,
    pub cache: Option<CacheMark>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    Auto,
    None,
    Required,
    Named(String),
    /// Only these, of all that are declared.
    Allowed {
        required: bool,
        names: Vec<String>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub enum ResponseFormat {
    Text,
    JsonObject,
    JsonSchema {
        name: String,
        description: Option<String>,
        schema: Raw,
        strict: Option<bool>,
    },
}

/// How much to think. Both absent means "think, as much as you like".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Thinking {
    pub effort: Option<Effort>,
    /// Tokens.
    pub budget: Option<i64>,
}

impl Thinking {
    /// The effort asked for, in whichever way it was said.
    pub fn level(self) -> Option<Effort> {
        self.effort.or_else(|| self.budget.map(Effort::of_budget))
    }

    pub fn is_off(self) -> bool {
        self.level() == Some(Effort::None)
    }
}

impl Call {
    pub fn new(surface: Surface, model: String) -> Self {
        Self {
            surface,
            model,
            system: Vec::new(),
            turns: Vec::new(),
            tools: Vec::new(),
            tool_choice: None,
            parallel_tools: None,
            max_output: None,
            temperature: None,
            top_p: None,
            top_k: None,
            frequency_penalty: None,
            presence_penalty: None,
            seed: None,
            stop: Vec::new(),
            response_format: None,
            thinking: None,
            verbosity: None,
            service_tier: None,
            user: None,
            choices: None,
            logprobs: None,
            stream: false,
            include_usage: None,
            stored: false,
            previous: None,
            namespaced: Vec::new(),
            extra: Vec::new(),
        }
    }

    /// The name of the tool a result answers, which some dialects need beside the id.
    pub fn tool_name(&self, call_id: &str) -> Option<&str> {
        let mut blocks = self.turns.iter().rev().flat_map(|turn| &turn.parts);
        blocks.find_map(|part| match &part.block {
            Block::ToolCall(call) if call.id == call_id => Some(call.name.as_str()),
            _ => None,
        })
    }
}

impl Call {
    /// Whether the client lets the model call this tool: for dialects without a list of allowed tools, which then
    /// declare only these.
    pub fn allows(&self, tool: &str) -> bool {
        match &self.tool_choice {
            Some(ToolChoice::Allowed { names, .. }) => names.iter().any(|name| name == tool),
            _ => true,
        }
    }
}

impl Part {
    pub fn text(text: impl Into<String>) -> Self {
        Block::Text(text.into()).into()
    }
}

impl ToolCall {
    /// The arguments as the JSON object most dialects want. Text that a model broke is kept inside one.
    pub fn input(&self) -> Json {
        match Raw::parse(&self.arguments) {
            Some(raw) if raw.is_object() => Json::Raw(raw),
            Some(raw) if raw.get() == "null" => Json::Object(Object::new()),
            None if self.arguments.trim().is_empty() => Json::Object(Object::new()),
            _ => Json::Object(Object::new().with("_raw", &self.arguments)),
        }
    }
}

impl From<Block> for Part {
    fn from(block: Block) -> Self {
        Self { block, cache: None }
    }
}

impl Turn {
    pub fn new(role: Role, parts: Vec<Part>) -> Self {
        Self {
            role,
            name: None,
            parts,
        }
    }
}
