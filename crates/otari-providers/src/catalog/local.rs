//! Model servers on the operator's own machines: no key by default, and no list price.

use crate::provider::Capability::{
    Embeddings, Messages, Reasoning, Rerank, Responses, Transcription, Vision,
};
use crate::provider::{AuthScheme, BaseShape, Dialect, Paths, Provider};
use crate::quirk::Quirk::{DropParams, MaxTokensField, ThoughtsInText};

use super::{CHAT, OPENAI_COMPATIBLE};

pub(super) const OLLAMA: Provider = Provider {
    id: "ollama",
    name: "Ollama",
    docs: "https://docs.ollama.com/api",
    base_url: Some("http://localhost:11434"),
    base_url_env: &["OLLAMA_HOST"],
    key_env: &["OLLAMA_API_KEY"],
    key_required: false,
    dialect: Dialect::Ollama,
    capabilities: CHAT.with(&[Embeddings, Transcription, Vision, Reasoning]),
    // Its own API rather than the OpenAI one beside it, which cuts long prompts in silence.
    paths: Paths {
        chat: "/api/chat",
        embeddings: "/api/embed",
        transcriptions: "/v1/audio/transcriptions",
        models: "/v1/models",
        ..Paths::OPENAI
    },
    base_shape: BaseShape {
        cut: &["/v1", "/api"],
        ..BaseShape::AS_GIVEN
    },
    compatible: true,
    serves_any_model: true,
    ..OPENAI_COMPATIBLE
};

pub(super) const LMSTUDIO: Provider = Provider {
    id: "lmstudio",
    name: "LM Studio",
    docs: "https://lmstudio.ai/docs/developer",
    base_url: Some("http://localhost:1234/v1"),
    base_url_env: &["LM_STUDIO_API_BASE"],
    key_env: &["LM_STUDIO_API_KEY", "LM_API_TOKEN"],
    key_required: false,
    capabilities: CHAT.with(&[Responses, Messages, Embeddings, Vision, Reasoning]),
    quirks: &[
        ThoughtsInText,
        MaxTokensField("max_tokens"),
        DropParams(&["n", "logprobs", "user", "service_tier"]),
    ],
    compatible: true,
    serves_any_model: true,
    ..OPENAI_COMPATIBLE
};

pub(super) const LLAMACPP: Provider = Provider {
    id: "llamacpp",
    name: "llama.cpp server",
    docs: "https://github.com/ggml-org/llama.cpp/tree/master/tools/server",
    base_url: Some("http://127.0.0.1:8080/v1"),
    base_url_env: &["LLAMACPP_API_BASE"],
    key_required: false,
    capabilities: CHAT.with(&[Responses, Messages, Embeddings, Rerank, Vision, Reasoning]),
    quirks: &[ThoughtsInText, MaxTokensField("max_tokens")],
    compatible: true,
    serves_any_model: true,
    ..OPENAI_COMPATIBLE
};

pub(super) const LLAMAFILE: Provider = Provider {
    id: "llamafile",
    name: "llamafile",
    docs: "https://github.com/Mozilla-Ocho/llamafile",
    base_url: Some("http://127.0.0.1:8080/v1"),
    base_url_env: &["LLAMAFILE_API_BASE"],
    key_required: false,
    capabilities: CHAT.with(&[Embeddings, Reasoning]),
    quirks: &[ThoughtsInText, MaxTokensField("max_tokens")],
    compatible: true,
    serves_any_model: true,
    ..OPENAI_COMPATIBLE
};

pub(super) const VLLM: Provider = Provider {
    id: "vllm",
    name: "vLLM",
    docs: "https://docs.vllm.ai/",
    base_url: Some("http://localhost:8000/v1"),
    base_url_env: &["VLLM_API_BASE"],
    key_env: &["VLLM_API_KEY"],
    key_required: false,
    capabilities: CHAT.with(&[
        Responses,
        Messages,
        Embeddings,
        Transcription,
        Rerank,
        Vision,
        Reasoning,
    ]),
    compatible: true,
    serves_any_model: true,
    quirks: &[ThoughtsInText],
    ..OPENAI_COMPATIBLE
};

pub(super) const CASCADIA: Provider = Provider {
    id: "cascadia",
    name: "Cascadia",
    docs: "https://cascadia.to",
    base_url: Some("http://localhost:9090/v1"),
    base_url_env: &["CASCADIA_API_BASE"],
    key_env: &["CASCADIA_API_KEY"],
    key_required: false,
    capabilities: CHAT.with(&[Reasoning]),
    compatible: true,
    serves_any_model: true,
    experimental: true,
    quirks: &[ThoughtsInText],
    ..OPENAI_COMPATIBLE
};

/// Answers by itself, so that a first request works without credential or network.
pub(super) const ECHO: Provider = Provider {
    id: "echo",
    name: "Echo (built in)",
    docs: "https://github.com/otari-rs/otari/blob/main/docs/echo.md",
    key_required: false,
    dialect: Dialect::Echo,
    auth: AuthScheme::None,
    capabilities: CHAT.with(&[Embeddings]),
    compatible: true,
    ..OPENAI_COMPATIBLE
};
