"""The official `google-genai` client, with upstreams of four dialects behind the gateway."""

import asyncio

import pytest
from google import genai
from google.genai import errors, types
from pydantic import BaseModel

from scripted import INPUT, OUTPUT
from sdk_tools import ABOUT, ONE, SCHEMA, TWO, weather

TOOL = types.Tool(function_declarations=[{
    "name": "weather", "description": ABOUT, "parameters_json_schema": SCHEMA,
}])
THINKING = types.ThinkingConfig(include_thoughts=True, thinking_budget=2048)


class City(BaseModel):
    name: str
    people: int


@pytest.fixture
def client(translator):
    options = types.HttpOptions(base_url=translator.url, retry_options=types.HttpRetryOptions(attempts=1))
    with genai.Client(api_key=translator.key, http_options=options) as client:
        yield client


def calls(content):
    return [part.function_call for part in content.parts if part.function_call]


def results(content):
    return types.Content(role="user", parts=[
        types.Part(function_response=types.FunctionResponse(
            id=call.id, name=call.name, response={"result": weather(call.args["city"])}
        ))
        for call in calls(content)
    ])


def user(text):
    return types.Content(role="user", parts=[types.Part(text=text)])


def test_an_answer_and_what_it_costs(translator, upstream, client, dialect, model):
    config = types.GenerateContentConfig(system_instruction="Be brief.", max_output_tokens=50)
    answer = client.models.generate_content(model=model, contents="hello", config=config)
    assert answer.text == f"{dialect} heard: hello"
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    assert (answer.usage_metadata.prompt_token_count, answer.usage_metadata.candidates_token_count) == (INPUT, OUTPUT)
    assert upstream.last.system == "Be brief."
    row = translator.manage("GET", "/v1/usage", limit=1)[0]
    assert (row["prompt_tokens"], row["completion_tokens"]) == (INPUT, OUTPUT)
    assert row["cost"] == pytest.approx((INPUT + OUTPUT) / 1e6, abs=1e-12)


def test_a_stream(client, dialect, model):
    chunks = list(client.models.generate_content_stream(model=model, contents="hello"))
    texts = [chunk.text for chunk in chunks if chunk.text]
    assert "".join(texts) == f"{dialect} heard: hello"
    assert len(texts) > 2
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert chunks[-1].usage_metadata.total_token_count == INPUT + OUTPUT


def test_the_asynchronous_client(client, dialect, model):
    async def both():
        whole = await client.aio.models.generate_content(model=model, contents="hello")
        stream = await client.aio.models.generate_content_stream(model=model, contents="hello")
        return whole.text, "".join([chunk.text or "" async for chunk in stream])

    assert asyncio.run(both()) == (f"{dialect} heard: hello",) * 2


def test_an_answer_is_parsed_into_a_model(upstream, client, model):
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=City)
    answer = client.models.generate_content(
        model=model, contents='answer {"name": "Oslo", "people": 717710}', config=config
    )
    assert answer.parsed == City(name="Oslo", people=717710)
    assert set(upstream.last.schema["properties"]) == {"name", "people"}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("thinking", [None, THINKING], ids=["silent", "thinking"])
def test_tools_are_called_and_their_results_read(upstream, client, dialect, model, streamed, thinking):
    config = types.GenerateContentConfig(tools=[TOOL], thinking_config=thinking, max_output_tokens=4096)

    def ask(contents):
        if not streamed:
            return client.models.generate_content(model=model, contents=contents, config=config).candidates[0].content
        chunks = client.models.generate_content_stream(model=model, contents=contents, config=config)
        parts = [
            part for chunk in chunks for candidate in chunk.candidates or [] if candidate.content
            for part in candidate.content.parts or []
        ]
        return types.Content(role="model", parts=parts)

    first = ask([user(TWO)])
    assert upstream.last.thinks == bool(thinking)
    thoughts = "".join(part.text or "" for part in first.parts if part.thought)
    assert thoughts == ("The user wants something. I shall see." if thinking else "")
    assert [call.args["city"] for call in calls(first)] == ["Oslo", "Ørsta"]
    last = ask([user(TWO), first, results(first)])
    said = "".join(part.text or "" for part in last.parts if not part.thought)
    assert said == "results: rain in Oslo & rain in Ørsta"
    # That they are the right ones, the upstream checks. Gemini signs calls, thoughts or not.
    assert len(upstream.last.signatures) == (dialect == "gemini" or bool(thinking) and dialect == "anthropic")


def test_a_chat_calls_functions_by_itself(client, model):
    asked = []

    def look_up(city: str) -> str:
        """The weather of a city"""
        asked.append(city)
        return weather(city)

    look_up.__name__ = "weather"
    chat = client.chats.create(model=model, config=types.GenerateContentConfig(tools=[look_up]))
    assert chat.send_message(ONE).text == "results: rain in Oslo"
    assert asked == ["Oslo"]
    assert chat.send_message("and now?").text.endswith("heard: and now?")


def test_a_conversation_goes_on_with_another_provider(client, model):
    config = types.GenerateContentConfig(tools=[TOOL], thinking_config=THINKING, max_output_tokens=4096)
    first = client.models.generate_content(model="anthropic:claude-sonnet-4-5", contents=ONE, config=config)
    first = first.candidates[0].content
    last = client.models.generate_content(
        model=model, contents=[user(ONE), first, results(first)], config=config
    )
    assert last.text == "results: rain in Oslo"


@pytest.mark.parametrize(("words", "error", "status"), [
    ("fail 400", errors.ClientError, "INVALID_ARGUMENT"),
    ("fail 404", errors.ClientError, "NOT_FOUND"),
    ("fail 429 retry 7", errors.ClientError, "RESOURCE_EXHAUSTED"),
    ("fail 500", errors.ServerError, "INTERNAL"),
])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_failures_are_errors_the_sdk_knows(client, model, words, error, status, streamed):
    with pytest.raises(error) as caught:
        if streamed:
            list(client.models.generate_content_stream(model=model, contents=words))
        else:
            client.models.generate_content(model=model, contents=words)
    assert caught.value.status == status
    assert caught.value.message


def test_a_wrong_key_is_an_authentication_error(translator):
    with genai.Client(api_key="gw-wrong", http_options=types.HttpOptions(base_url=translator.url)) as client:
        with pytest.raises(errors.ClientError) as caught:
            client.models.generate_content(model="gemini:gemini-3-pro", contents="hello")
    assert caught.value.code == 401
