"""The official client, through the gateway, to a model that really runs: keys, prices, budget and usage on."""

import asyncio

import openai
import pytest

import llama
from database import assert_counters_equal_rows, nothing_waits, rows
from gateway import Gateway, priced, running

MODEL = "local:smollm2"
MESSAGES = [{"role": "user", "content": "Name the capital of France in one word."}]
OPTIONS = {"model": MODEL, "messages": MESSAGES, "temperature": 0, "max_tokens": 16}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture(scope="module")
def upstream(tmp_path_factory):
    try:
        with llama.server(tmp_path_factory.mktemp("llama") / "log") as url:
            yield url
    except llama.Unavailable as reason:
        pytest.skip(f"NO REAL MODEL: llama.cpp cannot be installed here: {reason}")


@pytest.fixture(scope="module")
def direct(upstream):
    """What the model answers without a gateway."""
    with openai.OpenAI(base_url=upstream, api_key="unused", timeout=120) as client:
        return client.chat.completions.create(**{**OPTIONS, "model": "smollm2"})


@pytest.fixture
def node(upstream, sqlite, tmp_path):
    local = {"provider_type": "openai-compatible", "api_base": upstream, "api_key": "unused"}
    node = Gateway(tmp_path / "node", sqlite.url, providers={"local": local}, pricing=priced(MODEL))
    with running(node):
        node.key = node.new_key("ada", {"max_budget": 0.01})
        yield node


@pytest.fixture
def client(node):
    with openai.OpenAI(base_url=f"{node.url}/v1", api_key=node.key, max_retries=0, timeout=120) as client:
        yield client


def test_an_answer_is_given_and_charged_by_the_models_own_count(node, client, direct, sqlite):
    answer = client.chat.completions.create(**OPTIONS)
    assert answer.choices[0].message.content == direct.choices[0].message.content
    assert answer.usage == direct.usage
    [row] = node.manage("GET", "/v1/usage")
    assert (row["prompt_tokens"], row["completion_tokens"]) == (
        answer.usage.prompt_tokens, answer.usage.completion_tokens,
    )
    assert not row["usage_estimated"]
    assert row["cost"] == pytest.approx(answer.usage.total_tokens / 1e6, abs=1e-12)
    assert_counters_equal_rows(sqlite)


def test_a_stream_says_the_same_and_is_charged(node, client, sqlite):
    whole = client.chat.completions.create(**OPTIONS)
    stream = client.chat.completions.create(**OPTIONS, stream=True, stream_options={"include_usage": True})
    text, finish = "", None
    for chunk in stream:
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
    assert text == whole.choices[0].message.content
    assert finish == whole.choices[0].finish_reason
    nothing_waits(node)
    assert len(rows(sqlite)) == 2
    streamed = node.manage("GET", "/v1/usage")[0]
    assert streamed["completion_tokens"] > 0
    assert streamed["cost"] > 0
    assert_counters_equal_rows(sqlite)


def test_the_asynchronous_client_streams(node, direct):
    async def ask():
        async with openai.AsyncOpenAI(base_url=f"{node.url}/v1", api_key=node.key, max_retries=0) as client:
            stream = await client.chat.completions.create(**OPTIONS, stream=True)
            return "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])

    assert asyncio.run(ask()) == direct.choices[0].message.content


def test_a_forced_tool_call_reaches_the_model_and_comes_back(client):
    forced = {"type": "function", "function": {"name": "weather"}}
    answer = client.chat.completions.create(
        **{**OPTIONS, "max_tokens": 40}, tools=[WEATHER], tool_choice=forced
    )
    [call] = answer.choices[0].message.tool_calls
    assert call.function.name == "weather"


def test_its_model_list_is_found(client):
    assert MODEL in [model.id for model in client.models.list()]


def test_a_used_up_budget_stops_the_calls_and_nothing_passes_it(node, client, sqlite):
    [budget] = node.manage("GET", "/v1/budgets")
    node.manage("PATCH", f"/v1/budgets/{budget['budget_id']}", {"max_budget": 0.0002})
    for _ in range(20):
        try:
            client.chat.completions.create(**OPTIONS)
        except openai.PermissionDeniedError as refused:
            assert "budget" in refused.message
            break
    else:
        pytest.fail("20 calls, and no refusal")
    nothing_waits(node)
    assert 0 < node.manage("GET", "/v1/users/ada")["spend"] <= 0.0002
    assert_counters_equal_rows(sqlite)
