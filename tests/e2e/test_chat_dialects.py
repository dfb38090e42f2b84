"""The official `openai` client's chat completions, with upstreams of four dialects behind the gateway."""

import asyncio
import json

import openai
import pytest
from pydantic import BaseModel

from scripted import INPUT, OUTPUT
from sdk_tools import CHAT_TOOL, ONE, TWO, weather

SIGNING = ("anthropic", "gemini")


class City(BaseModel):
    name: str
    people: int


class Weather(BaseModel):
    city: str


@pytest.fixture
def client(translator):
    with openai.OpenAI(base_url=f"{translator.url}/v1", api_key=translator.key, max_retries=0) as client:
        yield client


def user(text):
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]


def results(message):
    """What an application answers the model's calls with."""
    return [
        {"role": "tool", "tool_call_id": call.id, "content": weather(json.loads(call.function.arguments)["city"])}
        for call in message.tool_calls
    ]


def test_an_answer_and_what_it_costs(translator, upstream, client, dialect, model):
    answer = client.chat.completions.create(model=model, messages=user("hello"), max_tokens=50)
    assert answer.choices[0].message.content == f"{dialect} heard: hello"
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (INPUT, OUTPUT)
    assert upstream.last.system == "Be brief."
    row = translator.manage("GET", "/v1/usage", limit=1)[0]
    assert (row["prompt_tokens"], row["completion_tokens"]) == (INPUT, OUTPUT)
    assert row["cost"] == pytest.approx((INPUT + OUTPUT) / 1e6, abs=1e-12)


def test_a_stream(client, dialect, model):
    stream = client.chat.completions.create(
        model=model, messages=user("hello"), stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    pieces = [choice.delta.content for chunk in chunks for choice in chunk.choices if choice.delta.content]
    assert "".join(pieces) == f"{dialect} heard: hello"
    assert len(pieces) > 2
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] == "stop"
    assert chunks[-1].usage.total_tokens == INPUT + OUTPUT
    assert len({chunk.id for chunk in chunks}) == 1


def test_the_streaming_helper_has_the_whole_at_the_end(client, dialect, model):
    with client.chat.completions.stream(model=model, messages=user("hello")) as stream:
        said = "".join(event.delta for event in stream if event.type == "content.delta")
        final = stream.get_final_completion()
    assert said == final.choices[0].message.content == f"{dialect} heard: hello"


def test_the_asynchronous_client(translator, dialect, model):
    async def both():
        async with openai.AsyncOpenAI(base_url=f"{translator.url}/v1", api_key=translator.key) as client:
            answer = await client.chat.completions.create(model=model, messages=user("hello"))
            stream = await client.chat.completions.create(model=model, messages=user("hello"), stream=True)
            pieces = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
            return answer.choices[0].message.content, "".join(pieces)

    assert asyncio.run(both()) == (f"{dialect} heard: hello",) * 2


def test_an_answer_is_parsed_into_a_model(upstream, client, model):
    asked = user('answer {"name": "Oslo", "people": 717710}')
    answer = client.chat.completions.parse(model=model, messages=asked, response_format=City)
    assert answer.choices[0].message.parsed == City(name="Oslo", people=717710)
    assert set(upstream.last.schema["properties"]) == {"name", "people"}
    with client.chat.completions.stream(model=model, messages=asked, response_format=City) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.parsed == City(name="Oslo", people=717710)


@pytest.mark.parametrize(("words", "said"), [
    (ONE, "results: rain in Oslo"),
    (TWO, "results: rain in Oslo & rain in Ørsta"),
], ids=["one", "parallel"])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_tools_are_called_and_their_results_read(client, model, words, said, streamed):
    def ask(messages):
        options = {"model": model, "messages": messages, "tools": [CHAT_TOOL]}
        if not streamed:
            return client.chat.completions.create(**options).choices[0]
        with client.chat.completions.stream(**options) as stream:
            return stream.get_final_completion().choices[0]

    first = ask(user(words))
    assert first.finish_reason == "tool_calls"
    assert [call.function.name for call in first.message.tool_calls] == ["weather"] * len(words.splitlines())
    last = ask([*user(words), first.message, *results(first.message)])
    assert last.message.content == said
    assert last.finish_reason == "stop"


def test_arguments_are_parsed_and_the_parsed_message_goes_back(client, model):
    """The message that `parse` returns has members of the SDK's own; appending it is what the SDK's pages show."""
    tool = openai.pydantic_function_tool(Weather, name="weather")
    first = client.chat.completions.parse(model=model, messages=user(ONE), tools=[tool]).choices[0].message
    assert first.tool_calls[0].function.parsed_arguments == Weather(city="Oslo")
    last = client.chat.completions.parse(model=model, messages=[*user(ONE), first, *results(first)], tools=[tool])
    assert last.choices[0].message.content == "results: rain in Oslo"


def test_a_named_tool_is_forced(upstream, client, model):
    other = {"type": "function", "function": {"name": "other", "parameters": {"type": "object", "properties": {}}}}
    answer = client.chat.completions.create(
        model=model, messages=user(f"call other {{}}\n{ONE}"), tools=[CHAT_TOOL, other],
        tool_choice={"type": "function", "function": {"name": "weather"}},
    )
    [call] = answer.choices[0].message.tool_calls
    assert call.function.name == "weather"
    assert upstream.last.choice in ("weather", "required")


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_reasoning_is_shown_and_its_signature_goes_back(upstream, client, dialect, model, streamed):
    def ask(messages):
        options = {"model": model, "messages": messages, "tools": [CHAT_TOOL], "reasoning_effort": "medium"}
        if not streamed:
            return client.chat.completions.create(**options).choices[0].message
        with client.chat.completions.stream(**options) as stream:
            return stream.get_final_completion().choices[0].message

    first = ask(user(TWO))
    assert upstream.last.thinks
    assert first.reasoning_content == "The user wants something. I shall see."
    last = ask([*user(TWO), first, *results(first)])
    assert last.content == "results: rain in Oslo & rain in Ørsta"
    # That they are the right ones, the upstream checks.
    assert len(upstream.last.signatures) == (1 if dialect in SIGNING else 0)


def test_a_conversation_goes_on_with_another_provider(upstream, client, dialect, model):
    """Signatures stay with their maker; calls and results travel."""
    first = client.chat.completions.create(
        model="anthropic:claude-sonnet-4-5", messages=user(ONE), tools=[CHAT_TOOL], reasoning_effort="medium"
    ).choices[0].message
    answer = client.chat.completions.create(
        model=model, messages=[*user(ONE), first, *results(first)], tools=[CHAT_TOOL], reasoning_effort="medium"
    )
    assert answer.choices[0].message.content == "results: rain in Oslo"


@pytest.mark.parametrize(("words", "error"), [
    ("fail 400", openai.BadRequestError),
    ("fail 404", openai.NotFoundError),
    ("fail 429 retry 7", openai.RateLimitError),
    ("fail 500", openai.InternalServerError),
])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_failures_are_errors_the_sdk_knows(client, model, words, error, streamed):
    with pytest.raises(error) as caught:
        client.chat.completions.create(model=model, messages=user(words), stream=streamed)
    assert caught.value.body["message"]
    if error is openai.RateLimitError:
        assert caught.value.response.headers["retry-after"] == "7"
