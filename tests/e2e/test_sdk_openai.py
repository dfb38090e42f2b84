"""The official `openai` client, unchanged."""

import asyncio

import openai
import pytest

from gateway import eventually

MESSAGES = [{"role": "user", "content": "hello there"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
ASK = [{"role": "user", "content": 'call weather {"city":"Oslo"}'}]


@pytest.fixture
def key(gateway):
    return gateway.new_key("ada")


@pytest.fixture
def client(gateway, key):
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0) as client:
        yield client


def usage(gateway, count):
    """The rows, newest first, once there are so many."""
    def ready():
        rows = gateway.manage("GET", "/v1/usage")
        return rows if len(rows) >= count else None

    found = eventually(ready)
    assert len(found) == count
    return found


def test_a_completion_is_answered_and_charged(gateway, client):
    answer = client.chat.completions.create(model="echo:chat", messages=MESSAGES)
    assert answer.choices[0].message.content == "echo: hello there"
    assert answer.choices[0].finish_reason == "stop"
    [row] = usage(gateway, 1)
    assert (row["prompt_tokens"], row["completion_tokens"]) == (
        answer.usage.prompt_tokens, answer.usage.completion_tokens,
    )
    # One dollar a million tokens, in and out.
    assert row["cost"] == pytest.approx(answer.usage.total_tokens / 1e6, abs=1e-12)
    assert row["user_id"] == "ada"
    assert gateway.manage("GET", "/v1/users/ada")["spend"] == row["cost"]


def test_a_stream_arrives_in_pieces_and_is_charged_as_the_whole(gateway, client):
    stream = client.chat.completions.create(model="echo:chat", messages=MESSAGES, stream=True)
    pieces = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]
    assert "".join(pieces) == "echo: hello there"
    assert len(pieces) > 2
    whole = client.chat.completions.create(model="echo:chat", messages=MESSAGES)
    of_whole, of_stream = usage(gateway, 2)
    assert of_stream["total_tokens"] == whole.usage.total_tokens
    assert of_stream["cost"] == of_whole["cost"]


def test_a_stream_ends_with_usage_unless_that_is_declined(client):
    def totals(**options):
        stream = client.chat.completions.create(model="echo:chat", messages=MESSAGES, stream=True, **options)
        return [chunk.usage.total_tokens for chunk in stream if chunk.usage]

    assert totals() == totals(stream_options={"include_usage": True}) == [8]
    assert totals(stream_options={"include_usage": False}) == []


def test_tool_calls_and_their_results_are_forwarded(client):
    answer = client.chat.completions.create(model="echo:chat", messages=ASK, tools=[WEATHER])
    assert answer.choices[0].finish_reason == "tool_calls"
    [call] = answer.choices[0].message.tool_calls
    assert (call.function.name, call.function.arguments) == ("weather", '{"city":"Oslo"}')
    result = {"role": "tool", "tool_call_id": call.id, "content": "rain"}
    messages = [*ASK, answer.choices[0].message, result]
    answer = client.chat.completions.create(model="echo:chat", messages=messages, tools=[WEATHER])
    assert answer.choices[0].message.content == "echo: rain"


def test_tool_calls_are_forwarded_in_a_stream(client):
    name, arguments, reasons = "", "", []
    for chunk in client.chat.completions.create(model="echo:chat", messages=ASK, tools=[WEATHER], stream=True):
        for choice in chunk.choices:
            reasons.append(choice.finish_reason)
            for call in choice.delta.tool_calls or []:
                name += call.function.name or ""
                arguments += call.function.arguments or ""
    assert (name, arguments) == ("weather", '{"city":"Oslo"}')
    assert reasons[-1] == "tool_calls"


def test_the_streaming_helper_of_the_sdk_works(client):
    with client.chat.completions.stream(model="echo:chat", messages=MESSAGES) as stream:
        assert stream.get_final_completion().choices[0].message.content == "echo: hello there"


def test_the_asynchronous_client_works(gateway, key):
    async def both():
        async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0) as client:
            answer = await client.chat.completions.create(model="echo:chat", messages=MESSAGES)
            stream = await client.chat.completions.create(model="echo:chat", messages=MESSAGES, stream=True)
            pieces = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
            return answer.choices[0].message.content, "".join(pieces)

    assert asyncio.run(both()) == ("echo: hello there", "echo: hello there")


def test_models_are_listed(client):
    assert "echo:chat" in [model.id for model in client.models.list()]
    assert client.models.retrieve("echo:chat").id == "echo:chat"


def test_a_wrong_key_is_an_authentication_error(gateway):
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="gw-wrong", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError):
            client.chat.completions.create(model="echo:chat", messages=MESSAGES)


def price(gateway, model):
    gateway.manage("POST", "/v1/pricing", {
        "model_key": model, "input_price_per_million": 1, "output_price_per_million": 1,
    })


@pytest.mark.parametrize(
    ("model", "error", "status"),
    [
        ("echo:chat+fail=429+retry_after=7", openai.RateLimitError, 429),
        ("echo:chat+fail=400", openai.BadRequestError, 400),
        ("echo:chat+fail=401", openai.InternalServerError, 502),
        ("echo:chat+fail=500", openai.InternalServerError, 502),
    ],
)
def test_failures_of_the_provider_are_errors_the_sdk_knows(gateway, client, model, error, status):
    price(gateway, model)
    with pytest.raises(error) as caught:
        client.chat.completions.create(model=model, messages=MESSAGES)
    assert caught.value.status_code == status
    assert caught.value.message
    if status == 429:
        assert caught.value.response.headers["retry-after"] == "7"


def test_a_model_without_a_price_is_refused(client):
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model="openai:gpt-unpriced", messages=MESSAGES)
    assert caught.value.status_code == 402


def test_a_stream_the_provider_breaks_is_an_error_and_not_an_end(gateway, client):
    price(gateway, "echo:chat+cut=2")
    with pytest.raises(openai.APIError):
        for _ in client.chat.completions.create(model="echo:chat+cut=2", messages=MESSAGES, stream=True):
            pass
