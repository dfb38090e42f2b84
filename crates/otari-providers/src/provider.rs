//! What a provider is: one row of facts. Everything that differs between two providers is a value in here.

mod capability;

pub use capability::{Capabilities, Capability};

use crate::options::Environment;
use crate::quirk::Quirk;

/// The wire format a provider speaks for generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    OpenAiChat,
    AnthropicMessages,
    Gemini,
    /// Gemini's bodies under Vertex AI's addresses and credentials.
    Vertex,
    /// Anthropic's bodies under Vertex AI's addresses and credentials.
    VertexAnthropic,
    BedrockConverse,
    /// Bodies are the container's own, usually OpenAI chat.
    Sagemaker,
    CohereV2,
    /// OpenAI chat with exceptions in content, tool ids and message order.
    Mistral,
    /// Ollama's native API, newline-delimited JSON.
    Ollama,
    Watsonx,
    /// OpenAI chat under Azure's addresses; dated routes carry the model in the path.
    AzureOpenAi,
    /// OpenAI chat with exceptions, always with an `api-version`.
    AzureInference,
    /// Anthropic's bodies under Azure's addresses.
    AzureAnthropic,
    /// OpenAI chat; the model id may pin a backend (`org/model:backend`).
    HuggingFace,
    /// Embeddings and rerank only.
    Voyage,
    /// Answered inside the gateway, in the shape of OpenAI chat.
    Echo,
}

impl Dialect {
    /// Chat requests and answers are OpenAI's, so that a Chat Completions call passes unchanged but for quirks.
    pub fn is_openai_shaped(self) -> bool {
        matches!(
            self,
            Self::OpenAiChat | Self::Mistral | Self::HuggingFace | Self::Echo
        )
    }
}

/// How a provider wants its credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthScheme {
    /// `Authorization: Bearer <key>`.
    Bearer,
    /// The key alone in the named header (lower case).
    Header(&'static str),
    /// `api-key: <key>`, or an Entra token as bearer.
    AzureKey,
    /// `Authorization: Bearer <key>`, or a token for the workspace's OAuth client.
    DatabricksOauth,
    /// A short-lived bearer token from Google application-default credentials.
    GoogleOauth,
    /// A short-lived bearer token that IBM IAM gives for the key.
    IbmIam,
    /// AWS Signature Version 4 for the named service; a Bedrock API key goes as bearer instead.
    SigV4(&'static str),
    None,
}

/// Where each operation lives: relative to the base URL, or absolute. [`crate::Instance::address`] fills in `{model}`,
/// `{region}`, `{project}`, `{location}` and `{api_version}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paths {
    pub chat: &'static str,
    /// Set where streaming has an address of its own.
    pub chat_stream: Option<&'static str>,
    pub responses: &'static str,
    pub messages: &'static str,
    pub count_tokens: &'static str,
    pub embeddings: &'static str,
    pub images: &'static str,
    pub image_edits: &'static str,
    pub image_variations: &'static str,
    pub speech: &'static str,
    pub transcriptions: &'static str,
    pub translations: &'static str,
    pub moderations: &'static str,
    pub rerank: &'static str,
    pub batches: &'static str,
    pub files: &'static str,
    pub models: &'static str,
}

impl Paths {
    /// OpenAI's, below a base URL that ends in `/v1`.
    pub const OPENAI: Self = Self {
        chat: "/chat/completions",
        chat_stream: None,
        responses: "/responses",
        messages: "/messages",
        count_tokens: "/messages/count_tokens",
        embeddings: "/embeddings",
        images: "/images/generations",
        image_edits: "/images/edits",
        image_variations: "/images/variations",
        speech: "/audio/speech",
        transcriptions: "/audio/transcriptions",
        translations: "/audio/translations",
        moderations: "/moderations",
        rerank: "/rerank",
        batches: "/batches",
        files: "/files",
        models: "/models",
    };

    /// Anthropic's, below a base URL without `/v1`.
    pub const ANTHROPIC: Self = Self {
        chat: "/v1/messages",
        messages: "/v1/messages",
        count_tokens: "/v1/messages/count_tokens",
        batches: "/v1/messages/batches",
        files: "/v1/files",
        // Twenty a page otherwise.
        models: "/v1/models?limit=1000",
        ..Self::OPENAI
    };
}

/// How an operator's base URL becomes ours: people copy it from the vendor's page with more or less of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BaseShape {
    /// Endings that our paths already begin with; the first that matches is cut off.
    pub cut: &'static [&'static str],
    /// Appended to a base without a path.
    pub default_path: &'static str,
}

impl BaseShape {
    pub const AS_GIVEN: Self = Self {
        cut: &[],
        default_path: "",
    };
}

/// A header that carries one of the instance's options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionHeader {
    pub option: &'static str,
    /// Variables that hold it where the option is not set.
    pub env: &'static [&'static str],
    /// Lower case.
    pub header: &'static str,
}

/// A row of the catalogue.
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
#[derive(Debug)]
pub struct Provider {
    /// What configuration and model selectors call it; lower case.
    pub id: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// The vendor's API documentation.
    pub docs: &'static str,
    /// `None`: the operator must give one. May hold `{region}`, `{location}` or `{resource}`.
    pub base_url: Option<&'static str>,
    /// Variables that replace the base URL; the first that is set wins.
    pub base_url_env: &'static [&'static str],
    pub base_shape: BaseShape,
    /// Variables that hold the key; the first that is set wins.
    pub key_env: &'static [&'static str],
    /// Variables that hold a ready bearer token, used where there is no key; the first that is set wins.
    pub token_env: &'static [&'static str],
    /// Sent with every request, below what configuration and dialect say. Names in lower case.
    pub headers: &'static [(&'static str, &'static str)],
    pub option_headers: &'static [OptionHeader],
    pub key_required: bool,
    pub dialect: Dialect,
    pub auth: AuthScheme,
    pub capabilities: Capabilities,
    pub paths: Paths,
    pub quirks: &'static [Quirk],
    /// Speaks a vendor's format without being that vendor, or runs on the operator's own machine: the vendor's
    /// list prices do not apply.
    pub compatible: bool,
    /// Serves whatever models its operator installed: which of them see is not the provider's to say.
    pub serves_any_model: bool,
    /// Written from sparse documentation and never seen to work; reports are welcome.
    pub experimental: bool,
}

impl Provider {
    /// The template of nearly every row: OpenAI chat, bearer key, OpenAI's paths.
    pub const OPENAI_COMPATIBLE: Self = Self {
        id: "",
        name: "",
        docs: "",
        base_url: None,
        base_url_env: &[],
        base_shape: BaseShape::AS_GIVEN,
        key_env: &[],
        token_env: &[],
        headers: &[],
        option_headers: &[],
        key_required: true,
        dialect: Dialect::OpenAiChat,
        auth: AuthScheme::Bearer,
        capabilities: Capabilities::CHAT,
        paths: Paths::OPENAI,
        quirks: &[],
        compatible: false,
        serves_any_model: false,
        experimental: false,
    };

    /// Whether the environment names a credential for this provider, so that it is usable without configuration. Only
    /// looks; what is named may still turn out not to work.
    pub fn credential_in(&self, environment: &Environment) -> bool {
        let vendors: &[&str] = match self.auth {
            AuthScheme::SigV4(_) => &[
                "AWS_ACCESS_KEY_ID",
                "AWS_PROFILE",
                "AWS_WEB_IDENTITY_TOKEN_FILE",
                "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            ],
            AuthScheme::GoogleOauth => &["GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT"],
            AuthScheme::AzureKey => &[
                "AZURE_CLIENT_SECRET",
                "AZURE_FEDERATED_TOKEN_FILE",
                "IDENTITY_ENDPOINT",
            ],
            AuthScheme::DatabricksOauth => &["DATABRICKS_CLIENT_SECRET"],
            _ => &[],
        };
        [self.key_env, self.token_env, vendors]
            .iter()
            .any(|names| environment.first(names).is_some())
    }

    pub fn can(&self, capability: Capability) -> bool {
        self.capabilities.contains(capability)
    }
}
