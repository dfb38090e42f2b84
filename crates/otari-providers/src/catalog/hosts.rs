//! Hosts of other people's models, open ones most of all.

use crate::operation::Operation;
use crate::provider::Capability::{
    Batch, Embeddings, Files, ImageEdit, Images, Messages, Reasoning, Rerank, Responses, Speech,
    Transcription, Vision,
};
use crate::provider::{Paths, Provider};
use crate::quirk::OwnFormat;
use crate::quirk::Quirk::{
    DropParams, MaxTokensField, NoStreamOptions, OwnShape, ReasoningOutsideCompletion, Speaks,
    ThoughtsInText,
};

use super::{CHAT, OPENAI_COMPATIBLE};

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
        // Of whisper-v3; the faster model has a host of its own. https://docs.fireworks.ai/guides/querying-asr-models
        transcriptions: "https://audio-prod.api.fireworks.ai/v1/audio/transcriptions",
        translations: "https://audio-prod.api.fireworks.ai/v1/audio/translations",
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
        Speaks(Operation::Batches, OwnFormat::Together),
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

/// Of everything that is neither text nor OpenAI's.
const DASHSCOPE_GENERATION: &str =
    "https://dashscope.aliyuncs.com/api/v1/services/aigc/multimodal-generation/generation";

pub(super) const DASHSCOPE: Provider = Provider {
    id: "dashscope",
    name: "Alibaba DashScope (Qwen)",
    docs: "https://www.alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope",
    // Keys are bound to a region; dashscope-intl and dashscope-us are the others.
    base_url: Some("https://dashscope.aliyuncs.com/compatible-mode/v1"),
    base_url_env: &["DASHSCOPE_API_BASE"],
    key_env: &["DASHSCOPE_API_KEY"],
    capabilities: CHAT.with(&[
        Responses,
        Embeddings,
        Images,
        ImageEdit,
        Speech,
        Transcription,
        Rerank,
        Batch,
        Files,
        Vision,
        Reasoning,
    ]),
    paths: Paths {
        rerank: "https://dashscope.aliyuncs.com/compatible-api/v1/reranks",
        images: DASHSCOPE_GENERATION,
        speech: DASHSCOPE_GENERATION,
        transcriptions: DASHSCOPE_GENERATION,
        ..Paths::OPENAI
    },
    quirks: &[
        Speaks(Operation::Images, OwnFormat::DashScope),
        Speaks(Operation::ImageEdits, OwnFormat::DashScope),
        OwnShape(Operation::ImageVariations),
        Speaks(Operation::Speech, OwnFormat::DashScope),
        Speaks(Operation::Transcriptions, OwnFormat::DashScope),
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
