//! Vendors that serve their own or open models under one public address.

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
        batches: "/models/{model}:batchGenerateContent",
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
    // Reasoning models also refuse penalties and `stop`; the others take them, so they are left in.
    quirks: &[ReasoningOutsideCompletion, DropParams(&["logit_bias"])],
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

pub(super) const OVHCLOUD: Provider = Provider {
    id: "ovhcloud",
    name: "OVHcloud AI Endpoints",
    docs: "https://docs.ovhcloud.com/en/guides/public-cloud/ai-machine-learning/ai-endpoints-getting-started",
    base_url: Some("https://oai.endpoints.kepler.ai.cloud.ovh.net/v1"),
    base_url_env: &["OVHCLOUD_API_BASE"],
    key_env: &["OVHCLOUD_API_KEY"],
    capabilities: CHAT.with(&[Embeddings, Vision, Reasoning]),
    ..OPENAI_COMPATIBLE
};

pub(super) const GROQ: Provider = Provider {
    id: "groq",
    name: "GroqCloud",
    docs: "https://console.groq.com/docs/openai",
    base_url: Some("https://api.groq.com/openai/v1"),
    base_url_env: &["GROQ_BASE_URL"],
    key_env: &["GROQ_API_KEY"],
    capabilities: CHAT.with(&[
        Responses,
        Speech,
        Transcription,
        Batch,
        Files,
        Vision,
        Reasoning,
    ]),
    // Each of these is a 400.
    quirks: &[
        MaxTokensField("max_completion_tokens"),
        DropParams(&["logprobs", "top_logprobs", "logit_bias"]),
    ],
    ..OPENAI_COMPATIBLE
};

pub(super) const CEREBRAS: Provider = Provider {
    id: "cerebras",
    name: "Cerebras",
    docs: "https://inference-docs.cerebras.ai/",
    base_url: Some("https://api.cerebras.ai/v1"),
    base_url_env: &["CEREBRAS_API_BASE", "CEREBRAS_BASE_URL"],
    key_env: &["CEREBRAS_API_KEY"],
    capabilities: CHAT.with(&[Batch, Files, Reasoning]),
    quirks: &[
        MaxTokensField("max_completion_tokens"),
        NoStreamOptions,
        DropParams(&["frequency_penalty", "presence_penalty", "logit_bias"]),
    ],
    ..OPENAI_COMPATIBLE
};

pub(super) const FIREWORKS: Provider = Provider {
    id: "fireworks",
    name: "Fireworks AI",
    docs: "https://docs.fireworks.ai/api-reference/introduction",
    base_url: Some("https://api.fireworks.ai/inference/v1"),
    base_url_env: &["FIREWORKS_API_BASE"],
    key_env: &["FIREWORKS_API_KEY"],
    capabilities: CHAT.with(&[
        Responses,
        Messages,
        Embeddings,
        Images,
        Transcription,
        Rerank,
        Batch,
        Vision,
        Reasoning,
    ]),
    paths: Paths {
        images: "/workflows/accounts/fireworks/models/{model}/text_to_image",
        ..Paths::OPENAI
    },
    quirks: &[
        Speaks(Operation::Images, OwnFormat::Fireworks),
        DropParams(&["service_tier"]),
    ],
    ..OPENAI_COMPATIBLE
};

pub(super) const TOGETHER: Provider = Provider {
    id: "together",
    name: "Together AI",
    docs: "https://docs.together.ai/reference/chat-completions",
    base_url: Some("https://api.together.xyz/v1"),
    base_url_env: &["TOGETHER_API_BASE"],
    key_env: &["TOGETHER_API_KEY"],
    capabilities: CHAT.with(&[
        Embeddings,
        Images,
        Speech,
        Transcription,
        Rerank,
        Batch,
        Files,
        Vision,
        Reasoning,
    ]),
    quirks: &[
        MaxTokensField("max_tokens"),
        NoStreamOptions,
        DropParams(&["parallel_tool_calls", "user"]),
    ],
    ..OPENAI_COMPATIBLE
};

pub(super) const SAMBANOVA: Provider = Provider {
    id: "sambanova",
    name: "SambaNova Cloud",
    docs: "https://docs.sambanova.ai/",
    base_url: Some("https://api.sambanova.ai/v1"),
    base_url_env: &["SAMBANOVA_API_BASE"],
    key_env: &["SAMBANOVA_API_KEY"],
    capabilities: CHAT.with(&[Responses, Embeddings, Transcription, Vision, Reasoning]),
    // Unknown members can be a 400.
    quirks: &[
        ThoughtsInText,
        DropParams(&[
            "n",
            "logit_bias",
            "presence_penalty",
            "frequency_penalty",
            "seed",
            "logprobs",
            "top_logprobs",
            "user",
            "parallel_tool_calls",
        ]),
    ],
    ..OPENAI_COMPATIBLE
};

pub(super) const NEBIUS: Provider = Provider {
    id: "nebius",
    name: "Nebius Token Factory (AI Studio)",
    docs: "https://docs.tokenfactory.nebius.com/",
    // Newer names of the same service: api.studio.nebius.com and api.tokenfactory.nebius.com.
    base_url: Some("https://api.studio.nebius.ai/v1"),
    base_url_env: &["NEBIUS_API_BASE"],
    key_env: &["NEBIUS_API_KEY"],
    capabilities: CHAT.with(&[Embeddings, Images, Batch, Files, Vision, Reasoning]),
    ..OPENAI_COMPATIBLE
};

pub(super) const DEEPINFRA: Provider = Provider {
    id: "deepinfra",
    name: "DeepInfra",
    docs: "https://deepinfra.com/docs/openai_api",
    base_url: Some("https://api.deepinfra.com/v1/openai"),
    base_url_env: &["DEEPINFRA_API_BASE"],
    key_env: &["DEEPINFRA_API_KEY"],
    capabilities: CHAT.with(&[
        Embeddings,
        Images,
        Speech,
        Transcription,
        Rerank,
        Vision,
        Reasoning,
    ]),
    paths: Paths {
        rerank: "https://api.deepinfra.com/v1/inference/{model}",
        ..Paths::OPENAI
    },
    quirks: &[
        OwnShape(Operation::Rerank),
        MaxTokensField("max_tokens"),
        ReasoningOutsideCompletion,
        DropParams(&["parallel_tool_calls", "logit_bias"]),
    ],
    ..OPENAI_COMPATIBLE
};

pub(super) const GMI: Provider = Provider {
    id: "gmi",
    name: "GMI Cloud",
    docs: "https://docs.gmicloud.ai/inference-engine/api-reference/llm-api-reference",
    base_url: Some("https://api.gmi-serving.com/v1"),
    base_url_env: &["GMI_API_BASE"],
    key_env: &["GMI_API_KEY"],
    capabilities: CHAT.with(&[Responses, Reasoning]),
    quirks: &[MaxTokensField("max_tokens")],
    ..OPENAI_COMPATIBLE
};

pub(super) const GITHUB: Provider = Provider {
    id: "github",
    name: "GitHub Models",
    docs: "https://docs.github.com/en/github-models",
    base_url: Some("https://models.github.ai/inference"),
    base_url_env: &["GITHUB_MODELS_API_BASE"],
    key_env: &["GITHUB_TOKEN"],
    headers: &[("x-github-api-version", "2022-11-28")],
    capabilities: CHAT.with(&[Embeddings, Vision, Reasoning]),
    // The catalogue is on the origin, not below the base.
    paths: Paths {
        models: "https://models.github.ai/catalog/models",
        ..Paths::OPENAI
    },
    quirks: &[MaxTokensField("max_tokens")],
    ..OPENAI_COMPATIBLE
};

pub(super) const DASHSCOPE: Provider = Provider {
    id: "dashscope",
    name: "Alibaba DashScope (Qwen)",
    docs: "https://www.alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope",
    // Keys are bound to a region; dashscope-intl and dashscope-us are the others.
    base_url: Some("https://dashscope.aliyuncs.com/compatible-mode/v1"),
    base_url_env: &["DASHSCOPE_API_BASE"],
    key_env: &["DASHSCOPE_API_KEY"],
    capabilities: CHAT.with(&[
        Responses, Embeddings, Images, Speech, Rerank, Batch, Files, Vision, Reasoning,
    ]),
    paths: Paths {
        rerank: "https://dashscope.aliyuncs.com/compatible-api/v1/reranks",
        ..Paths::OPENAI
    },
    quirks: &[
        OwnShape(Operation::Images),
        OwnShape(Operation::Speech),
        MaxTokensField("max_tokens"),
        DropParams(&["frequency_penalty", "logit_bias", "user", "service_tier"]),
    ],
    ..OPENAI_COMPATIBLE
};

pub(super) const TELNYX: Provider = Provider {
    id: "telnyx",
    name: "Telnyx Inference",
    docs: "https://developers.telnyx.com/docs/inference/getting-started",
    base_url: Some("https://api.telnyx.com/v2/ai"),
    base_url_env: &["TELNYX_API_BASE"],
    key_env: &["TELNYX_API_KEY"],
    capabilities: CHAT.with(&[Embeddings, Transcription, Vision, Reasoning]),
    paths: Paths {
        embeddings: "/openai/embeddings",
        ..Paths::OPENAI
    },
    quirks: &[MaxTokensField("max_tokens")],
    experimental: true,
    ..OPENAI_COMPATIBLE
};

pub(super) const ATLASCLOUD: Provider = Provider {
    id: "atlascloud",
    name: "Atlas Cloud",
    docs: "https://www.atlascloud.ai/docs",
    base_url: Some("https://api.atlascloud.ai/v1"),
    base_url_env: &["ATLASCLOUD_API_BASE"],
    key_env: &["ATLASCLOUD_API_KEY"],
    capabilities: CHAT.with(&[Reasoning]),
    quirks: &[MaxTokensField("max_tokens")],
    experimental: true,
    ..OPENAI_COMPATIBLE
};
