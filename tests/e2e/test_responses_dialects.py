"""The official `openai` client's Responses, with upstreams of four dialects behind the gateway."""

import asyncio
import json

import openai
import pytest
from pydantic import BaseModel

from scripted import INPUT, OUTPUT
from sdk_tools import ONE, RESPONSES_TOOL, TWO, weather

SIGNING = ("anthropic", "gemini")


class City(BaseModel):
    name: str
    people: int


@pytest.fixture
def client(translator):
    with openai.OpenAI(base_url=f"{translator.url}/v1", api_key=translator.key, max_retries=0) as client:
        yield client


def calls(response):
    return [item for item in response.output if item.type == "function_call"]


def results(response):
    return [
        {"type": "function_call_output", "call_id": call.call_id, "output": weather(json.loads(call.arguments)["city"])}
        for call in calls(response)
    ]


def test_an_answer_and_what_it_costs(translator, upstream, client, dialect, model):
    response = client.responses.create(model=model, input="hello", instructions="Be brief.", max_output_tokens=50)
    assert response.output_text == f"{dialect} heard: hello"
    assert response.status == "completed"
    assert (response.usage.input_tokens, response.usage.output_tokens) == (INPUT, OUTPUT)
    assert upstream.last.system == "Be brief."
    row = translator.manage("GET", "/v1/usage", limit=1)[0]
    assert (row["prompt_tokens"], row["completion_tokens"]) == (INPUT, OUTPUT)
    assert row["cost"] == pytest.approx((INPUT + OUTPUT) / 1e6, abs=1e-12)


def test_a_stream_has_its_events_in_order(client, dialect, model):
    events = list(client.responses.create(model=model, input="hello", stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type for event in events]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert said == events[-1].response.output_text == f"{dialect} heard: hello"
    assert events[-1].response.usage.total_tokens == INPUT + OUTPUT


def test_the_streaming_helper_has_the_whole_at_the_end(client, dialect, model):
    with client.responses.stream(model=model, input="hello") as stream:
        said = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        final = stream.get_final_response()
    assert said == final.output_text == f"{dialect} heard: hello"


def test_the_asynchronous_client(translator, dialect, model):
    async def both():
        async with openai.AsyncOpenAI(base_url=f"{translator.url}/v1", api_key=translator.key) as client:
            whole = await client.responses.create(model=model, input="hello")
            async with client.responses.stream(model=model, input="hello") as stream:
                return whole.output_text, (await stream.get_final_response()).output_text

    assert asyncio.run(both()) == (f"{dialect} heard: hello",) * 2


def test_an_answer_is_parsed_into_a_model(upstream, client, model):
    asked = 'answer {"name": "Oslo", "people": 717710}'
    assert client.responses.parse(model=model, input=asked, text_format=City).output_parsed == City(
        name="Oslo", people=717710
    )
    assert set(upstream.last.schema["properties"]) == {"name", "people"}
    with client.responses.stream(model=model, input=asked, text_format=City) as stream:
        assert stream.get_final_response().output_parsed == City(name="Oslo", people=717710)


@pytest.mark.parametrize(("words", "said"), [
    (ONE, "results: rain in Oslo"),
    (TWO, "results: rain in Oslo & rain in Ørsta"),
], ids=["one", "parallel"])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_tools_are_called_and_their_results_read(client, model, words, said, streamed):
    def ask(items):
        if not streamed:
            return client.responses.create(model=model, input=items, tools=[RESPONSES_TOOL])
        with client.responses.stream(model=model, input=items, tools=[RESPONSES_TOOL]) as stream:
            return stream.get_final_response()

    question = [{"role": "user", "content": words}]
    first = ask(question)
    assert [call.name for call in calls(first)] == ["weather"] * len(words.splitlines())
    assert ask([*question, *first.output, *results(first)]).output_text == said


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_reasoning_goes_back_with_what_it_signs(upstream, client, dialect, model, streamed):
    """As an agent does that keeps its own history: `store` off, reasoning encrypted."""
    def ask(items):
        options = {
            "model": model, "input": items, "tools": [RESPONSES_TOOL], "store": False,
            "reasoning": {"effort": "medium", "summary": "auto"}, "include": ["reasoning.encrypted_content"],
        }
        if not streamed:
            return client.responses.create(**options)
        with client.responses.stream(**options) as stream:
            return stream.get_final_response()

    question = [{"role": "user", "content": TWO}]
    first = ask(question)
    assert upstream.last.thinks
    thought = next(item for item in first.output if item.type == "reasoning")
    assert "".join(part.text for part in thought.summary) == "The user wants something. I shall see."
    last = ask([*question, *first.output, *results(first)])
    assert last.output_text == "results: rain in Oslo & rain in Ørsta"
    assert len(upstream.last.signatures) == (1 if dialect in SIGNING else 0)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_a_conversation_goes_on_from_a_kept_response(upstream, client, dialect, model, streamed):
    def ask(**options):
        options = {"model": model, "tools": [RESPONSES_TOOL], "reasoning": {"effort": "medium"}, **options}
        if not streamed:
            return client.responses.create(**options)
        with client.responses.stream(**options) as stream:
            return stream.get_final_response()

    first = ask(input=ONE)
    second = ask(input=results(first), previous_response_id=first.id)
    assert second.previous_response_id == first.id
    assert second.output_text == "results: rain in Oslo"
    assert len(upstream.last.signatures) == (1 if dialect in SIGNING else 0)
    third = ask(input="and now?", previous_response_id=second.id)
    assert third.output_text == f"{dialect} heard: and now?"
    assert upstream.last.turns == 2


def test_a_kept_response_is_retrieved_and_deleted(client, dialect, model):
    kept = client.responses.create(model=model, input="hello")
    found = client.responses.retrieve(kept.id)
    assert found.model_dump() == kept.model_dump()
    [item] = client.responses.input_items.list(kept.id)
    assert (item.role, item.content[0].text) == ("user", "hello")
    client.responses.delete(kept.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(kept.id)
    with pytest.raises(openai.APIStatusError) as refused:
        client.responses.create(model=model, input="more", previous_response_id=kept.id)
    assert refused.value.status_code in (400, 404)


def test_a_response_that_is_not_to_be_kept_is_not(client, model):
    unkept = client.responses.create(model=model, input="hello", store=False)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(unkept.id)


def test_a_kept_response_goes_on_at_another_provider(client, dialect, model):
    first = client.responses.create(
        model="gemini:gemini-3-pro", input=ONE, tools=[RESPONSES_TOOL], reasoning={"effort": "medium"}
    )
    second = client.responses.create(
        model=model, input=results(first), tools=[RESPONSES_TOOL], reasoning={"effort": "medium"},
        previous_response_id=first.id,
    )
    assert second.output_text == "results: rain in Oslo"


@pytest.mark.parametrize(("words", "error"), [
    ("fail 400", openai.BadRequestError),
    ("fail 404", openai.NotFoundError),
    ("fail 429 retry 7", openai.RateLimitError),
    ("fail 500", openai.InternalServerError),
])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_failures_are_errors_the_sdk_knows(client, model, words, error, streamed):
    with pytest.raises(error) as caught:
        client.responses.create(model=model, input=words, stream=streamed)
    assert caught.value.body["message"]
    if error is openai.RateLimitError:
        assert caught.value.response.headers["retry-after"] == "7"
