"""The official `openai` client's embeddings, with upstreams of several dialects behind the gateway."""

import openai
import pytest

TEXTS = ["hello", "a longer text"]


@pytest.fixture
def client(translator):
    with openai.OpenAI(base_url=f"{translator.url}/v1", api_key=translator.key, max_retries=0) as client:
        yield client


@pytest.fixture(params=["openai", "gemini", "cohere"])
def model(request, translator, upstream):
    model = f"{request.param}:embedder"
    translator.manage("POST", "/v1/pricing", {
        "model_key": model, "input_price_per_million": 1, "output_price_per_million": 0,
    })
    return model


# Without a format the SDK asks for base64, and unpacks it.
@pytest.mark.parametrize("options", [{}, {"encoding_format": "float"}], ids=["base64", "float"])
def test_texts_become_vectors(translator, client, model, options):
    answer = client.embeddings.create(model=model, input=TEXTS, **options)
    assert [item.index for item in answer.data] == [0, 1]
    for text, item in zip(TEXTS, answer.data):
        assert item.embedding == pytest.approx([0.5, -0.25, len(text) / 64])
    row = translator.manage("GET", "/v1/usage", limit=1)[0]
    # Gemini does not tell, so its tokens are estimated.
    assert row["usage_estimated"] == model.startswith("gemini:")
    assert row["prompt_tokens"] > 0
    assert row["cost"] == pytest.approx(row["prompt_tokens"] / 1e6, abs=1e-12)


def test_vectors_of_a_provider_that_has_none_are_refused(client, upstream):
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model="anthropic:claude-sonnet-4-5", input=TEXTS)
    assert "embedding" in caught.value.body["message"].lower()
