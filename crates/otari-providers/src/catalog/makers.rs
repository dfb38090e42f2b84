//! Makers of models, who serve them under one public address.

use crate::operation::Operation;
use crate::provider::Capability::{
    Batch, Chat, Embeddings, Files, ImageEdit, Images, Messages, Moderation, Pdf, Reasoning,
    Rerank, Responses, Speech, Streaming, Transcription, Vision,
};
use crate::provider::{
    AuthScheme, BaseShape, Capabilities, Dialect, OptionHeader, Paths, Provider,
};
use crate::quirk::OwnFormat;
use crate::quirk::Quirk::{
    DropParams, Int8Vectors, MaxTokensField, NoStreamOptions, OwnShape, ReasoningOutsideCompletion,
    RenameParam, ReplaysReasoning, Speaks, ThoughtsInText,
};

use super::{CHAT, OPENAI_COMPATIBLE};

pub(super) const OPENAI: Provider = Provider {
    id: "openai",
    name: "OpenAI",
    docs: "https://platform.openai.com/docs/api-reference",
    base_url: Some("https://api.openai.com/v1"),
    base_url_env: &["OPENAI_BASE_URL"],
    key_env: &["OPENAI_API_KEY"],
    option_headers: &[
        OptionHeader {
            option: "organization",
            env: &["OPENAI_ORG_ID"],
            header: "openai-organization",
        },
        OptionHeader {
            option: "project",
            env: &["OPENAI_PROJECT_ID"],
            header: "openai-project",
        },
    ],
    capabilities: CHAT.with(&[
        Responses,
        Embeddings,
        Images,
        ImageEdit,
        Speech,
        Transcription,
        Moderation,
        Batch,
        Files,
        Vision,
        Pdf,
        Reasoning,
    ]),
    // Reasoning models refuse `max_tokens`; all take the newer name.
    quirks: &[MaxTokensField("max_completion_tokens")],
    ..OPENAI_COMPATIBLE
};

pub(super) const ANTHROPIC: Provider = Provider {
    id: "anthropic",
    name: "Anthropic",
    docs: "https://platform.claude.com/docs",
    base_url: Some("https://api.anthropic.com"),
    base_url_env: &["ANTHROPIC_BASE_URL"],
    key_env: &["ANTHROPIC_API_KEY"],
    token_env: &["ANTHROPIC_AUTH_TOKEN"],
    headers: super::ANTHROPIC_VERSION,
    dialect: Dialect::AnthropicMessages,
    auth: AuthScheme::Header("x-api-key"),
    capabilities: CHAT.with(&[Messages, Batch, Files, Vision, Pdf, Reasoning]),
    paths: Paths::ANTHROPIC,
    ..OPENAI_COMPATIBLE
};

pub(super) const GEMINI: Provider = Provider {
    id: "gemini",
    name: "Google Gemini (Developer API)",
    docs: "https://ai.google.dev/gemini-api/docs",
    base_url: Some("https://generativelanguage.googleapis.com/v1beta"),
    base_url_env: &["GOOGLE_GEMINI_BASE_URL"],
    base_shape: BaseShape {
        cut: &[],
        default_path: "/v1beta",
    },
    key_env: &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
    dialect: Dialect::Gemini,
    auth: AuthScheme::Header("x-goog-api-key"),
    capabilities: CHAT.with(&[
        Embeddings,
        Images,
        ImageEdit,
        Speech,
        Transcription,
        Batch,
        Files,
        Vision,
        Pdf,
        Reasoning,
    ]),
    paths: Paths {
        chat: "/models/{model}:generateContent",
        chat_stream: Some("/models/{model}:streamGenerateContent?alt=sse"),
        embeddings: "/models/{model}:batchEmbedContents",
        count_tokens: "/models/{model}:countTokens",
        // Imagen; Gemini's own image models answer at `chat`, as those that hear do.
        images: "/models/{model}:predict",
        speech: "/models/{model}:generateContent",
        // Where they are listed and asked for; they are made beside `chat`.
        batches: "/batches",
        models: "/models?pageSize=1000",
        files: "https://generativelanguage.googleapis.com/upload/v1beta/files",
        ..Paths::OPENAI
    },
    ..OPENAI_COMPATIBLE
};

pub(super) const MISTRAL: Provider = Provider {
    id: "mistral",
    name: "Mistral AI",
    docs: "https://docs.mistral.ai/",
    base_url: Some("https://api.mistral.ai/v1"),
    base_url_env: &["MISTRAL_API_BASE"],
    key_env: &["MISTRAL_API_KEY"],
    dialect: Dialect::Mistral,
    capabilities: CHAT.with(&[
        Embeddings,
        Speech,
        Transcription,
        Moderation,
        Batch,
        Files,
        Vision,
        Pdf,
        Reasoning,
    ]),
    paths: Paths {
        batches: "/batch/jobs",
        ..Paths::OPENAI
    },
    quirks: &[
        Speaks(Operation::Speech, OwnFormat::Mistral),
        MaxTokensField("max_tokens"),
        NoStreamOptions,
        RenameParam("seed", "random_seed"),
        DropParams(&[
            "user",
            "logprobs",
            "top_logprobs",
            "logit_bias",
            "service_tier",
        ]),
    ],
    ..OPENAI_COMPATIBLE
};

pub(super) const COHERE: Provider = Provider {
    id: "cohere",
    name: "Cohere",
    docs: "https://docs.cohere.com/reference/about",
    base_url: Some("https://api.cohere.com"),
    base_url_env: &["COHERE_BASE_URL", "CO_API_URL"],
    base_shape: BaseShape {
        cut: &["/v1", "/v2"],
        default_path: "",
    },
    key_env: &["COHERE_API_KEY", "CO_API_KEY"],
    dialect: Dialect::CohereV2,
    capabilities: CHAT.with(&[Embeddings, Rerank, Vision, Reasoning]),
    paths: Paths {
        chat: "/v2/chat",
        embeddings: "/v2/embed",
        rerank: "/v2/rerank",
        models: "/v1/models?page_size=1000",
        ..Paths::OPENAI
    },
    ..OPENAI_COMPATIBLE
};

pub(super) const DEEPSEEK: Provider = Provider {
    id: "deepseek",
    name: "DeepSeek",
    docs: "https://api-docs.deepseek.com/",
    base_url: Some("https://api.deepseek.com"),
    base_url_env: &["DEEPSEEK_API_BASE"],
    key_env: &["DEEPSEEK_API_KEY"],
    capabilities: CHAT.with(&[Files, Vision, Reasoning]),
    quirks: &[
        ReplaysReasoning,
        MaxTokensField("max_tokens"),
        DropParams(&[
            "n",
            "seed",
            "logit_bias",
            "user",
            "parallel_tool_calls",
            "service_tier",
        ]),
    ],
    ..OPENAI_COMPATIBLE
};

pub(super) const XAI: Provider = Provider {
    id: "xai",
    name: "xAI",
    docs: "https://docs.x.ai/",
    base_url: Some("https://api.x.ai/v1"),
    base_url_env: &["XAI_API_BASE"],
    key_env: &["XAI_API_KEY"],
    capabilities: CHAT.with(&[
        Responses,
        Messages,
        Images,
        ImageEdit,
        Speech,
        Transcription,
        Files,
        Vision,
        Reasoning,
    ]),
    paths: Paths {
        speech: "/tts",
        // OpenAI's form, and more in the answer.
        transcriptions: "/stt",
        ..Paths::OPENAI
    },
    // Reasoning models also refuse penalties and `stop`; the others take them, so they are left in.
    quirks: &[
        ReasoningOutsideCompletion,
        DropParams(&["logit_bias"]),
        Speaks(Operation::ImageEdits, OwnFormat::Xai),
        OwnShape(Operation::ImageVariations),
        Speaks(Operation::Speech, OwnFormat::Xai),
        OwnShape(Operation::Translations),
    ],
    ..OPENAI_COMPATIBLE
};

pub(super) const MOONSHOT: Provider = Provider {
    id: "moonshot",
    name: "Moonshot AI (Kimi)",
    docs: "https://platform.moonshot.ai/",
    // The Chinese site is https://api.moonshot.cn/v1.
    base_url: Some("https://api.moonshot.ai/v1"),
    base_url_env: &["MOONSHOT_API_BASE"],
    key_env: &["MOONSHOT_API_KEY"],
    capabilities: CHAT.with(&[Files, Vision, Reasoning]),
    quirks: &[
        ReplaysReasoning,
        MaxTokensField("max_tokens"),
        DropParams(&["seed", "logit_bias", "logprobs"]),
    ],
    ..OPENAI_COMPATIBLE
};

pub(super) const MINIMAX: Provider = Provider {
    id: "minimax",
    name: "MiniMax",
    docs: "https://www.minimax.io/platform_overview",
    // The Chinese site is https://api.minimaxi.com/v1.
    base_url: Some("https://api.minimax.io/v1"),
    base_url_env: &["MINIMAX_API_BASE"],
    key_env: &["MINIMAX_API_KEY"],
    capabilities: Capabilities::of(&[Chat, Streaming, Messages, Images, Speech, Reasoning]),
    paths: Paths {
        messages: "https://api.minimax.io/anthropic/v1/messages",
        images: "/image_generation",
        speech: "/t2a_v2",
        ..Paths::OPENAI
    },
    quirks: &[
        Speaks(Operation::Images, OwnFormat::MiniMax),
        Speaks(Operation::Speech, OwnFormat::MiniMax),
        ThoughtsInText,
        DropParams(&["presence_penalty", "frequency_penalty", "logit_bias"]),
    ],
    ..OPENAI_COMPATIBLE
};

pub(super) const ZAI: Provider = Provider {
    id: "zai",
    name: "Z.ai (GLM)",
    docs: "https://docs.z.ai/api-reference/llm/chat-completion",
    // The coding plan and the Chinese site have bases of their own.
    base_url: Some("https://api.z.ai/api/paas/v4"),
    base_url_env: &["ZAI_BASE_URL", "ZAI_API_BASE"],
    key_env: &["ZAI_API_KEY"],
    capabilities: CHAT.with(&[Images, Transcription, Files, Vision, Reasoning]),
    quirks: &[
        MaxTokensField("max_tokens"),
        DropParams(&[
            "n",
            "logprobs",
            "logit_bias",
            "presence_penalty",
            "frequency_penalty",
            "seed",
            "parallel_tool_calls",
        ]),
    ],
    ..OPENAI_COMPATIBLE
};

pub(super) const INCEPTION: Provider = Provider {
    id: "inception",
    name: "Inception Labs (Mercury)",
    docs: "https://docs.inceptionlabs.ai/",
    base_url: Some("https://api.inceptionlabs.ai/v1"),
    base_url_env: &["INCEPTION_API_BASE"],
    key_env: &["INCEPTION_API_KEY"],
    capabilities: CHAT.with(&[Reasoning]),
    experimental: true,
    ..OPENAI_COMPATIBLE
};

pub(super) const LLAMA: Provider = Provider {
    id: "llama",
    name: "Meta Llama API",
    docs: "https://llama.developer.meta.com/docs",
    base_url: Some("https://api.llama.com/compat/v1"),
    base_url_env: &["LLAMA_API_BASE"],
    key_env: &["LLAMA_API_KEY"],
    capabilities: CHAT.with(&[Vision]),
    paths: Paths {
        moderations: "https://api.llama.com/v1/moderations",
        ..Paths::OPENAI
    },
    quirks: &[
        MaxTokensField("max_completion_tokens"),
        DropParams(&["n", "logprobs"]),
    ],
    ..OPENAI_COMPATIBLE
};

pub(super) const META: Provider = Provider {
    id: "meta",
    name: "Meta Model API",
    docs: "https://dev.meta.ai/docs",
    base_url: Some("https://api.meta.ai/v1"),
    base_url_env: &["META_API_BASE"],
    key_env: &["MODEL_API_KEY"],
    capabilities: CHAT.with(&[Responses, Messages, Vision, Pdf, Reasoning]),
    quirks: &[MaxTokensField("max_completion_tokens")],
    ..OPENAI_COMPATIBLE
};

pub(super) const PERPLEXITY: Provider = Provider {
    id: "perplexity",
    name: "Perplexity",
    docs: "https://docs.perplexity.ai/",
    base_url: Some("https://api.perplexity.ai"),
    base_url_env: &["PERPLEXITY_BASE_URL"],
    key_env: &["PERPLEXITY_API_KEY"],
    capabilities: Capabilities::of(&[
        Chat, Streaming, Responses, Embeddings, Vision, Pdf, Reasoning,
    ]),
    paths: Paths {
        responses: "/v1/responses",
        embeddings: "/v1/embeddings",
        ..Paths::OPENAI
    },
    // `tools` stay in: an answer without them would be a different answer.
    quirks: &[
        ThoughtsInText,
        Int8Vectors,
        MaxTokensField("max_tokens"),
        DropParams(&[
            "parallel_tool_calls",
            "stop",
            "seed",
            "n",
            "logprobs",
            "logit_bias",
            "user",
        ]),
    ],
    ..OPENAI_COMPATIBLE
};

pub(super) const VOYAGE: Provider = Provider {
    id: "voyage",
    name: "Voyage AI",
    docs: "https://docs.voyageai.com/",
    // Keys from MongoDB Atlas belong to https://ai.mongodb.com/v1.
    base_url: Some("https://api.voyageai.com/v1"),
    base_url_env: &["VOYAGE_API_BASE"],
    key_env: &["VOYAGE_API_KEY"],
    dialect: Dialect::Voyage,
    capabilities: Capabilities::of(&[Embeddings, Rerank]),
    ..OPENAI_COMPATIBLE
};
