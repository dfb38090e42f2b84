"""The official `anthropic` client, with upstreams of four dialects behind the gateway."""

import asyncio

import anthropic
import pytest
from anthropic import beta_tool
from pydantic import BaseModel

from scripted import COUNTED, INPUT, OUTPUT
from sdk_tools import MESSAGES_TOOL, ONE, TWO, weather

COUNTING = ("anthropic", "gemini")
THINKING = {"type": "enabled", "budget_tokens": 1024}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


class City(BaseModel):
    name: str
    people: int


@pytest.fixture
def client(translator):
    with anthropic.Anthropic(base_url=translator.url, api_key=translator.key, max_retries=0) as client:
        yield client


def user(text):
    return [{"role": "user", "content": text}]


def calls(message):
    return [block for block in message.content if block.type == "tool_use"]


def results(message):
    return {"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": call.id, "content": weather(call.input["city"])}
        for call in calls(message)
    ]}


def reply(message):
    """As a turn of the next request."""
    return {"role": "assistant", "content": message.content}


def test_an_answer_and_what_it_costs(translator, upstream, client, dialect, model):
    answer = client.messages.create(model=model, max_tokens=50, system="Be brief.", messages=user("hello"))
    assert [block.text for block in answer.content] == [f"{dialect} heard: hello"]
    assert answer.stop_reason == "end_turn"
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (INPUT, OUTPUT)
    assert upstream.last.system == "Be brief."
    row = translator.manage("GET", "/v1/usage", limit=1)[0]
    assert (row["prompt_tokens"], row["completion_tokens"]) == (INPUT, OUTPUT)
    assert row["cost"] == pytest.approx((INPUT + OUTPUT) / 1e6, abs=1e-12)


def test_the_bearer_token_of_the_sdk_is_a_key_too(translator, dialect, model):
    with anthropic.Anthropic(base_url=translator.url, auth_token=translator.key, api_key=None) as client:
        answer = client.messages.create(model=model, max_tokens=50, messages=user("hello"))
    assert answer.content[0].text == f"{dialect} heard: hello"


def test_a_stream_is_put_together(client, dialect, model):
    with client.messages.stream(model=model, max_tokens=50, messages=user("hello")) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_message()
    assert stream.get_final_text() == f"{dialect} heard: hello"
    assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")
    assert kinds.count("text") > 2
    assert (final.usage.input_tokens, final.usage.output_tokens) == (INPUT, OUTPUT)
    assert final.stop_reason == "end_turn"


def test_the_asynchronous_client(translator, dialect, model):
    async def both():
        async with anthropic.AsyncAnthropic(base_url=translator.url, api_key=translator.key) as client:
            options = {"model": model, "max_tokens": 50, "messages": user("hello")}
            whole = await client.messages.create(**options)
            async with client.messages.stream(**options) as stream:
                return whole.content[0].text, await stream.get_final_text()

    assert asyncio.run(both()) == (f"{dialect} heard: hello",) * 2


def test_an_answer_is_parsed_into_a_model(upstream, client, model):
    answer = client.messages.parse(
        model=model, max_tokens=50, messages=user('answer {"name": "Oslo", "people": 717710}'), output_format=City
    )
    assert answer.parsed_output == City(name="Oslo", people=717710)
    assert set(upstream.last.schema["properties"]) == {"name", "people"}


@pytest.mark.parametrize(("words", "said"), [
    (ONE, "results: rain in Oslo"),
    (TWO, "results: rain in Oslo & rain in Ørsta"),
], ids=["one", "parallel"])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("thinking", [{"type": "disabled"}, THINKING], ids=["silent", "thinking"])
def test_tools_are_called_and_their_results_read(upstream, client, dialect, model, words, said, streamed, thinking):
    def ask(messages):
        options = {
            "model": model, "max_tokens": 4096, "messages": messages, "tools": [MESSAGES_TOOL], "thinking": thinking,
        }
        if not streamed:
            return client.messages.create(**options)
        with client.messages.stream(**options) as stream:
            return stream.get_final_message()

    first = ask(user(words))
    thinks = thinking is THINKING
    assert upstream.last.thinks == thinks
    thoughts = [block.thinking for block in first.content if block.type == "thinking" and block.thinking]
    assert thoughts == (["The user wants something. I shall see."] if thinks else [])
    assert first.stop_reason == "tool_use"
    assert [call.name for call in calls(first)] == ["weather"] * len(words.splitlines())
    last = ask([*user(words), reply(first), results(first)])
    assert last.content[-1].text == said
    # That they are the right ones, the upstream checks. Gemini signs calls, thoughts or not.
    assert len(upstream.last.signatures) == (dialect == "gemini" or thinks and dialect == "anthropic")


def test_the_tool_runner_runs_to_the_end(client, model):
    asked = []

    @beta_tool(name="weather")
    def look_up(city: str) -> str:
        """The weather of a city"""
        asked.append(city)
        return weather(city)

    runner = client.beta.messages.tool_runner(model=model, max_tokens=4096, tools=[look_up], messages=user(TWO))
    assert runner.until_done().content[-1].text == "results: rain in Oslo & rain in Ørsta"
    assert asked == ["Oslo", "Ørsta"]
    streams = client.beta.messages.tool_runner(
        model=model, max_tokens=4096, tools=[look_up], messages=user(ONE), thinking=THINKING, stream=True
    )
    said = [stream.get_final_message().content[-1] for stream in streams]
    assert said[-1].text == "results: rain in Oslo"


def test_a_picture_in_a_tool_result(upstream, client, dialect, model):
    first = client.messages.create(model=model, max_tokens=50, tools=[MESSAGES_TOOL], messages=user(ONE))
    [call] = calls(first)
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    result = {"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": "see"}, picture]}
    messages = [*user(ONE), reply(first), {"role": "user", "content": [result]}]

    def ask():
        return client.messages.create(model=model, max_tokens=50, tools=[MESSAGES_TOOL], messages=messages)

    if dialect == "cohere":
        with pytest.raises(anthropic.BadRequestError):
            ask()
    else:
        assert ask().content[0].text == "results: see"
        assert upstream.last.results[0].images == 1


def test_a_conversation_goes_on_with_another_provider(client, model):
    options = {"max_tokens": 4096, "tools": [MESSAGES_TOOL], "thinking": THINKING}
    first = client.messages.create(model="gemini:gemini-3-pro", messages=user(ONE), **options)
    last = client.messages.create(model=model, messages=[*user(ONE), reply(first), results(first)], **options)
    assert last.content[-1].text == "results: rain in Oslo"


def test_tokens_are_counted(client, dialect, model):
    def count(text):
        return client.messages.count_tokens(
            model=model, messages=user(text), tools=[MESSAGES_TOOL], system="Be brief."
        ).input_tokens

    if dialect in COUNTING:
        assert count("hello") == COUNTED
    else:
        assert 0 < count("hello") < count("hello " * 50)


@pytest.mark.parametrize(("words", "error", "kind"), [
    ("fail 400", anthropic.BadRequestError, "invalid_request_error"),
    ("fail 404", anthropic.NotFoundError, "not_found_error"),
    ("fail 429 retry 7", anthropic.RateLimitError, "rate_limit_error"),
    ("fail 500", anthropic.InternalServerError, "api_error"),
])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_failures_are_errors_the_sdk_knows(client, model, words, error, kind, streamed):
    with pytest.raises(error) as caught:
        client.messages.create(model=model, max_tokens=50, messages=user(words), stream=streamed)
    assert caught.value.type == kind
    assert caught.value.body["error"]["message"]
    if error is anthropic.RateLimitError:
        assert caught.value.response.headers["retry-after"] == "7"


def test_a_wrong_key_is_an_authentication_error(translator):
    with anthropic.Anthropic(base_url=translator.url, api_key="gw-wrong", max_retries=0) as client:
        with pytest.raises(anthropic.AuthenticationError) as caught:
            client.messages.create(model="anthropic:claude-sonnet-4-5", max_tokens=9, messages=user("hello"))
    assert caught.value.type == "authentication_error"


def test_a_user_of_the_clients_own_needs_a_key_that_allows_it(translator, client, upstream):
    """What Claude Code sends in `metadata` is no user of the gateway."""
    options = {
        "model": "openai:gpt-scripted", "max_tokens": 50, "messages": user("hello"),
        "metadata": {"user_id": "user_1234_session_5678"},
    }
    with pytest.raises(anthropic.PermissionDeniedError):
        client.messages.create(**options)
    lenient = translator.manage("POST", "/v1/keys", {"user_id": "ada", "reject_user_mismatch": False})["key"]
    with anthropic.Anthropic(base_url=translator.url, api_key=lenient) as client:
        assert client.messages.create(**options).content[0].text == "openai heard: hello"
    assert translator.manage("GET", "/v1/usage", limit=1)[0]["user_id"] == "ada"
