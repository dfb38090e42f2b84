//! Services that pass requests on to many vendors, other gateways, and any endpoint that speaks a known format.

use crate::provider::Capability::{
    Batch, Embeddings, Files, ImageEdit, Images, Messages, Moderation, Pdf, Reasoning, Rerank,
    Responses, Speech, Transcription, Vision,
};
use crate::provider::{AuthScheme, Dialect, OptionHeader, Paths, Provider};
use crate::quirk::Quirk::{DropParams, MaxTokensField, ThoughtsInText};

use super::{CHAT, OPENAI_COMPATIBLE};

pub(super) const HUGGINGFACE: Provider = Provider {
    id: "huggingface",
    name: "Hugging Face Inference Providers",
    docs: "https://huggingface.co/docs/inference-providers",
    base_url: Some("https://router.huggingface.co/v1"),
    base_url_env: &["HUGGINGFACE_API_BASE"],
    key_env: &["HF_TOKEN"],
    dialect: Dialect::HuggingFace,
    capabilities: CHAT.with(&[Responses, Embeddings, Images, Vision, Reasoning]),
    paths: Paths {
        embeddings: "https://router.huggingface.co/hf-inference/models/{model}/pipeline/feature-extraction",
        ..Paths::OPENAI
    },
    quirks: &[
        MaxTokensField("max_tokens"),
        DropParams(&[
            "parallel_tool_calls",
            "service_tier",
            "prompt_cache_key",
            "user",
        ]),
    ],
    ..OPENAI_COMPATIBLE
};

pub(super) const KENARI: Provider = Provider {
    id: "kenari",
    name: "Kenari",
    docs: "https://kenari.id/docs",
    base_url: Some("https://kenari.id/v1"),
    base_url_env: &["KENARI_API_BASE"],
    key_env: &["KENARI_API_KEY"],
    capabilities: CHAT.with(&[Reasoning]),
    quirks: &[MaxTokensField("max_tokens")],
    experimental: true,
    ..OPENAI_COMPATIBLE
};

pub(super) const NEOSANTARA: Provider = Provider {
    id: "neosantara",
    name: "Neosantara",
    docs: "https://docs.neosantara.xyz",
    base_url: Some("https://api.neosantara.xyz/v1"),
    base_url_env: &["NEOSANTARA_API_BASE"],
    key_env: &["NEOSANTARA_API_KEY"],
    capabilities: CHAT.with(&[
        Responses, Embeddings, Images, Moderation, Batch, Files, Vision, Pdf, Reasoning,
    ]),
    experimental: true,
    ..OPENAI_COMPATIBLE
};

pub(super) const QINIU: Provider = Provider {
    id: "qiniu",
    name: "Qiniu AI token API",
    docs: "https://developer.qiniu.com/aitokenapi",
    base_url: Some("https://api.qnaigc.com/v1"),
    base_url_env: &["QINIU_API_BASE"],
    key_env: &["QINIU_API_KEY"],
    capabilities: CHAT.with(&[Embeddings, Vision, Reasoning]),
    quirks: &[MaxTokensField("max_tokens")],
    experimental: true,
    ..OPENAI_COMPATIBLE
};

pub(super) const OPENROUTER: Provider = Provider {
    id: "openrouter",
    name: "OpenRouter",
    docs: "https://openrouter.ai/docs",
    base_url: Some("https://openrouter.ai/api/v1"),
    base_url_env: &["OPENROUTER_API_BASE"],
    key_env: &["OPENROUTER_API_KEY"],
    capabilities: CHAT.with(&[
        Responses, Messages, Embeddings, Images, Vision, Pdf, Reasoning,
    ]),
    paths: Paths {
        // OpenAI's question and answer. https://openrouter.ai/docs/guides/overview/multimodal/image-generation
        images: "/images",
        ..Paths::OPENAI
    },
    ..OPENAI_COMPATIBLE
};

pub(super) const PORTKEY: Provider = Provider {
    id: "portkey",
    name: "Portkey AI Gateway",
    docs: "https://portkey.ai/docs",
    base_url: Some("https://api.portkey.ai/v1"),
    base_url_env: &["PORTKEY_API_BASE"],
    key_env: &["PORTKEY_API_KEY"],
    option_headers: &[
        OptionHeader {
            option: "virtual_key",
            env: &["PORTKEY_VIRTUAL_KEY"],
            header: "x-portkey-virtual-key",
        },
        OptionHeader {
            option: "config",
            env: &["PORTKEY_CONFIG"],
            header: "x-portkey-config",
        },
    ],
    // Bearer works too.
    auth: AuthScheme::Header("x-portkey-api-key"),
    capabilities: CHAT.with(&[
        Responses,
        Messages,
        Embeddings,
        Images,
        Speech,
        Transcription,
        Batch,
        Files,
        Vision,
        Pdf,
        Reasoning,
    ]),
    ..OPENAI_COMPATIBLE
};

pub(super) const REQUESTY: Provider = Provider {
    id: "requesty",
    name: "Requesty",
    docs: "https://docs.requesty.ai",
    // In the EU: https://router.eu.requesty.ai/v1.
    base_url: Some("https://router.requesty.ai/v1"),
    base_url_env: &["REQUESTY_API_BASE"],
    key_env: &["REQUESTY_API_KEY"],
    capabilities: CHAT.with(&[Messages, Embeddings, Images, Vision, Pdf, Reasoning]),
    quirks: &[MaxTokensField("max_tokens")],
    ..OPENAI_COMPATIBLE
};

pub(super) const EDENAI: Provider = Provider {
    id: "edenai",
    name: "Eden AI",
    docs: "https://www.edenai.co/docs",
    base_url: Some("https://api.edenai.run/v3"),
    base_url_env: &["EDENAI_API_BASE"],
    key_env: &["EDENAI_API_KEY"],
    capabilities: CHAT.with(&[Responses, Embeddings, Moderation, Vision, Pdf]),
    ..OPENAI_COMPATIBLE
};

pub(super) const MZAI: Provider = Provider {
    id: "mzai",
    name: "Mozilla.ai any-llm platform",
    docs: "https://any-llm.ai",
    base_url: Some("https://platform-api.any-llm.ai/api/v1"),
    base_url_env: &["ANY_LLM_PLATFORM_URL"],
    key_env: &["ANY_LLM_KEY"],
    capabilities: CHAT.with(&[Embeddings, Vision, Reasoning]),
    quirks: &[MaxTokensField("max_completion_tokens")],
    ..OPENAI_COMPATIBLE
};

pub(super) const OTARI: Provider = Provider {
    id: "otari",
    name: "Otari gateway",
    docs: "https://mozilla-ai.github.io/otari/",
    base_url_env: &["OTARI_API_BASE", "GATEWAY_API_BASE"],
    key_env: &[
        "OTARI_API_KEY",
        "OTARI_AI_TOKEN",
        "OTARI_PLATFORM_TOKEN",
        "GATEWAY_PLATFORM_TOKEN",
        "GATEWAY_API_KEY",
    ],
    key_required: false,
    capabilities: CHAT.with(&[
        Responses,
        Messages,
        Embeddings,
        Images,
        Speech,
        Transcription,
        Moderation,
        Rerank,
        Batch,
        Files,
        Vision,
        Pdf,
        Reasoning,
    ]),
    paths: Paths {
        chat: "/v1/chat/completions",
        responses: "/v1/responses",
        messages: "/v1/messages",
        count_tokens: "/v1/messages/count_tokens",
        embeddings: "/v1/embeddings",
        images: "/v1/images/generations",
        transcriptions: "/v1/audio/transcriptions",
        speech: "/v1/audio/speech",
        rerank: "/v1/rerank",
        moderations: "/v1/moderations",
        models: "/v1/models",
        batches: "/v1/batches",
        files: "/v1/files",
        image_edits: "/v1/images/edits",
        image_variations: "/v1/images/variations",
        translations: "/v1/audio/translations",
        ..Paths::OPENAI
    },
    quirks: &[MaxTokensField("max_tokens")],
    ..OPENAI_COMPATIBLE
};

pub(super) const ANY_OPENAI: Provider = Provider {
    id: "openai_compatible",
    name: "Any OpenAI-compatible endpoint",
    docs: "https://platform.openai.com/docs/api-reference",
    key_env: &["OPENAI_COMPATIBLE_API_KEY"],
    key_required: false,
    capabilities: CHAT.with(&[
        Embeddings,
        Images,
        ImageEdit,
        Speech,
        Transcription,
        Moderation,
        Rerank,
        Vision,
        Pdf,
    ]),
    compatible: true,
    quirks: &[ThoughtsInText],
    ..OPENAI_COMPATIBLE
};

pub(super) const ANY_ANTHROPIC: Provider = Provider {
    id: "anthropic_compatible",
    name: "Any Anthropic-compatible endpoint",
    docs: "https://platform.claude.com/docs",
    key_env: &["ANTHROPIC_COMPATIBLE_API_KEY"],
    key_required: false,
    dialect: Dialect::AnthropicMessages,
    auth: AuthScheme::Header("x-api-key"),
    capabilities: CHAT.with(&[Messages, Vision, Pdf, Reasoning]),
    headers: super::ANTHROPIC_VERSION,
    paths: Paths::ANTHROPIC,
    compatible: true,
    ..OPENAI_COMPATIBLE
};
