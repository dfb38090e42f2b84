//! Models inside a cloud account: the address, and often the credential, belong to the operator.

use crate::provider::Capability::{
    Batch, Chat, Embeddings, Files, ImageEdit, Images, Messages, Pdf, Reasoning, Rerank, Responses,
    Speech, Streaming, Transcription, Vision,
};
use crate::provider::{AuthScheme, BaseShape, Capabilities, Dialect, Paths, Provider};
use crate::quirk::Quirk::{DropParams, MaxTokensField, NoStreamOptions, OnlyParams};

use super::{CHAT, OPENAI_COMPATIBLE};

pub(super) const AZUREOPENAI: Provider = Provider {
    id: "azureopenai",
    name: "Azure OpenAI (Foundry)",
    docs: "https://learn.microsoft.com/en-us/azure/foundry/openai/api-version-lifecycle",
    base_url: Some("https://{resource}.openai.azure.com"),
    base_url_env: &["AZURE_OPENAI_ENDPOINT"],
    base_shape: BaseShape {
        cut: &["/openai/v1", "/openai"],
        default_path: "",
    },
    key_env: &["AZURE_OPENAI_API_KEY"],
    token_env: &["AZURE_OPENAI_AD_TOKEN"],
    dialect: Dialect::AzureOpenAi,
    auth: AuthScheme::AzureKey,
    capabilities: CHAT.with(&[
        Responses,
        Embeddings,
        Images,
        ImageEdit,
        Speech,
        Transcription,
        Batch,
        Files,
        Vision,
        Reasoning,
    ]),
    // Of the v1 API. A dated `api_version` moves them to the routes of its time.
    paths: Paths {
        chat: "/openai/v1/chat/completions",
        responses: "/openai/v1/responses",
        embeddings: "/openai/v1/embeddings",
        images: "/openai/v1/images/generations",
        image_edits: "/openai/v1/images/edits",
        image_variations: "/openai/v1/images/variations",
        speech: "/openai/v1/audio/speech",
        transcriptions: "/openai/v1/audio/transcriptions",
        translations: "/openai/v1/audio/translations",
        batches: "/openai/v1/batches",
        files: "/openai/v1/files",
        models: "/openai/v1/models",
        ..Paths::OPENAI
    },
    ..OPENAI_COMPATIBLE
};

pub(super) const AZURE: Provider = Provider {
    id: "azure",
    name: "Azure AI Inference (Foundry Models, serverless)",
    docs: "https://learn.microsoft.com/en-us/azure/foundry/foundry-models/concepts/models-sold-directly-by-azure",
    // https://{resource}.services.ai.azure.com/models
    base_url_env: &["AZURE_AI_CHAT_ENDPOINT"],
    key_env: &["AZURE_API_KEY"],
    dialect: Dialect::AzureInference,
    auth: AuthScheme::AzureKey,
    capabilities: CHAT.with(&[Embeddings, Vision, Reasoning]),
    paths: Paths {
        chat: "/chat/completions?api-version={api_version}",
        embeddings: "/embeddings?api-version={api_version}",
        models: "/info?api-version={api_version}",
        ..Paths::OPENAI
    },
    // Otherwise a member that the model does not know is a 422.
    headers: &[("extra-parameters", "pass-through")],
    quirks: &[
        MaxTokensField("max_tokens"),
        NoStreamOptions,
        DropParams(&["logprobs", "top_logprobs", "logit_bias", "user", "n"]),
    ],
    ..OPENAI_COMPATIBLE
};

pub(super) const AZUREANTHROPIC: Provider = Provider {
    id: "azureanthropic",
    name: "Claude on Microsoft Foundry",
    docs: "https://learn.microsoft.com/en-us/azure/ai-foundry/",
    base_url: Some("https://{resource}.services.ai.azure.com/anthropic"),
    base_url_env: &["AZURE_ANTHROPIC_API_BASE", "ANTHROPIC_FOUNDRY_BASE_URL"],
    base_shape: BaseShape {
        cut: &["/v1"],
        default_path: "/anthropic",
    },
    key_env: &["AZURE_ANTHROPIC_API_KEY", "ANTHROPIC_FOUNDRY_API_KEY"],
    dialect: Dialect::AzureAnthropic,
    auth: AuthScheme::AzureKey,
    capabilities: Capabilities::of(&[Chat, Streaming, Messages, Vision, Pdf, Reasoning]),
    headers: super::ANTHROPIC_VERSION,
    paths: Paths::ANTHROPIC,
    ..OPENAI_COMPATIBLE
};

pub(super) const BEDROCK: Provider = Provider {
    id: "bedrock",
    name: "Amazon Bedrock",
    docs: "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html",
    base_url: Some("https://bedrock-runtime.{region}.amazonaws.com"),
    base_url_env: &["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"],
    // Otherwise the AWS credential chain.
    key_env: &["AWS_BEARER_TOKEN_BEDROCK"],
    key_required: false,
    dialect: Dialect::BedrockConverse,
    auth: AuthScheme::SigV4("bedrock"),
    capabilities: CHAT.with(&[
        Embeddings, Images, ImageEdit, Rerank, Batch, Vision, Pdf, Reasoning,
    ]),
    paths: Paths {
        chat: "/model/{model}/converse",
        chat_stream: Some("/model/{model}/converse-stream"),
        embeddings: "/model/{model}/invoke",
        images: "/model/{model}/invoke",
        count_tokens: "/model/{model}/count-tokens",
        models: "https://bedrock.{region}.amazonaws.com/foundation-models",
        batches: "https://bedrock.{region}.amazonaws.com/model-invocation-job",
        rerank: "https://bedrock-agent-runtime.{region}.amazonaws.com/rerank",
        ..Paths::OPENAI
    },
    ..OPENAI_COMPATIBLE
};

pub(super) const SAGEMAKER: Provider = Provider {
    id: "sagemaker",
    name: "Amazon SageMaker endpoints",
    docs: "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html",
    base_url: Some("https://runtime.sagemaker.{region}.amazonaws.com"),
    base_url_env: &["SAGEMAKER_ENDPOINT_URL"],
    key_required: false,
    dialect: Dialect::Sagemaker,
    auth: AuthScheme::SigV4("sagemaker"),
    capabilities: Capabilities::of(&[Chat, Streaming, Embeddings]),
    paths: Paths {
        chat: "/endpoints/{model}/invocations",
        chat_stream: Some("/endpoints/{model}/invocations-response-stream"),
        embeddings: "/endpoints/{model}/invocations",
        ..Paths::OPENAI
    },
    quirks: &[
        MaxTokensField("max_tokens"),
        // The address names the endpoint; vLLM's containers look up any other name in the body and find nothing.
        OnlyParams(&[
            "messages",
            "max_tokens",
            "temperature",
            "top_p",
            "stop",
            "tools",
            "tool_choice",
            "response_format",
            "reasoning_effort",
            "frequency_penalty",
            "presence_penalty",
            "logit_bias",
            "logprobs",
            "top_logprobs",
            "seed",
            "n",
            "stream",
            "stream_options",
        ]),
    ],
    ..OPENAI_COMPATIBLE
};

pub(super) const VERTEXAI: Provider = Provider {
    id: "vertexai",
    name: "Google Vertex AI (Gemini)",
    docs: "https://cloud.google.com/vertex-ai/generative-ai/docs",
    // The location `global` is https://aiplatform.googleapis.com.
    base_url: Some("https://{location}-aiplatform.googleapis.com/v1"),
    base_url_env: &["VERTEXAI_API_BASE"],
    base_shape: BaseShape {
        cut: &[],
        default_path: "/v1",
    },
    key_required: false,
    dialect: Dialect::Vertex,
    auth: AuthScheme::GoogleOauth,
    capabilities: CHAT.with(&[
        Embeddings,
        Images,
        ImageEdit,
        Speech,
        Transcription,
        Batch,
        Vision,
        Pdf,
        Reasoning,
    ]),
    paths: Paths {
        chat: "/projects/{project}/locations/{location}/publishers/google/models/{model}:generateContent",
        chat_stream: Some(
            "/projects/{project}/locations/{location}/publishers/google/models/{model}:streamGenerateContent?alt=sse",
        ),
        embeddings: "/projects/{project}/locations/{location}/publishers/google/models/{model}:predict",
        // Imagen; Gemini's own image models answer at `chat`.
        images: "/projects/{project}/locations/{location}/publishers/google/models/{model}:predict",
        speech: "/projects/{project}/locations/{location}/publishers/google/models/{model}:generateContent",
        count_tokens: "/projects/{project}/locations/{location}/publishers/google/models/{model}:countTokens",
        batches: "/projects/{project}/locations/{location}/batchPredictionJobs",
        models: "https://{location}-aiplatform.googleapis.com/v1beta1/publishers/google/models",
        ..Paths::OPENAI
    },
    ..OPENAI_COMPATIBLE
};

pub(super) const VERTEXAIANTHROPIC: Provider = Provider {
    id: "vertexaianthropic",
    name: "Claude on Vertex AI",
    docs: "https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/use-claude",
    base_url: Some("https://{location}-aiplatform.googleapis.com/v1"),
    base_url_env: &["VERTEXAI_ANTHROPIC_API_BASE", "ANTHROPIC_VERTEX_BASE_URL"],
    base_shape: BaseShape {
        cut: &[],
        default_path: "/v1",
    },
    key_required: false,
    dialect: Dialect::VertexAnthropic,
    auth: AuthScheme::GoogleOauth,
    capabilities: Capabilities::of(&[Chat, Streaming, Messages, Batch, Vision, Pdf, Reasoning]),
    paths: Paths {
        chat: "/projects/{project}/locations/{location}/publishers/anthropic/models/{model}:rawPredict",
        chat_stream: Some(
            "/projects/{project}/locations/{location}/publishers/anthropic/models/{model}:streamRawPredict",
        ),
        messages: "/projects/{project}/locations/{location}/publishers/anthropic/models/{model}:rawPredict",
        count_tokens: "/projects/{project}/locations/{location}/publishers/anthropic/models/count-tokens:rawPredict",
        batches: "/projects/{project}/locations/{location}/batchPredictionJobs",
        ..Paths::OPENAI
    },
    ..OPENAI_COMPATIBLE
};

pub(super) const WATSONX: Provider = Provider {
    id: "watsonx",
    name: "IBM watsonx.ai",
    docs: "https://cloud.ibm.com/apidocs/watsonx-ai#text-chat",
    base_url: Some("https://{region}.ml.cloud.ibm.com"),
    base_url_env: &["WATSONX_URL"],
    key_env: &["WATSONX_API_KEY", "WATSONX_APIKEY", "WX_API_KEY"],
    token_env: &["WATSONX_TOKEN"],
    dialect: Dialect::Watsonx,
    auth: AuthScheme::IbmIam,
    capabilities: CHAT.with(&[Embeddings, Rerank, Vision, Reasoning]),
    paths: Paths {
        chat: "/ml/v1/text/chat?version={api_version}",
        chat_stream: Some("/ml/v1/text/chat_stream?version={api_version}"),
        embeddings: "/ml/v1/text/embeddings?version={api_version}",
        rerank: "/ml/v1/text/rerank?version={api_version}",
        models: "/ml/v1/foundation_model_specs?version={api_version}&limit=200",
        ..Paths::OPENAI
    },
    ..OPENAI_COMPATIBLE
};

pub(super) const DATABRICKS: Provider = Provider {
    id: "databricks",
    name: "Databricks Model Serving",
    docs: "https://docs.databricks.com/aws/en/machine-learning/foundation-model-apis/api-reference",
    // https://{workspace}/serving-endpoints
    base_url_env: &["DATABRICKS_HOST"],
    base_shape: BaseShape {
        cut: &[],
        default_path: "/serving-endpoints",
    },
    auth: AuthScheme::DatabricksOauth,
    key_env: &["DATABRICKS_TOKEN"],
    capabilities: Capabilities::of(&[Chat, Streaming, Embeddings, Vision, Reasoning]),
    quirks: &[
        MaxTokensField("max_tokens"),
        DropParams(&[
            "parallel_tool_calls",
            "seed",
            "user",
            "presence_penalty",
            "frequency_penalty",
        ]),
    ],
    ..OPENAI_COMPATIBLE
};
