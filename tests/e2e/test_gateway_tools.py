"""Tools that the gateway runs, through the official clients, before upstreams of four dialects: a model that searches,
then computes, then asks an MCP server, and answers from what they said."""

import json

import anthropic
import openai
import pytest

from gateway import Gateway, priced, running
from mcp_servers import everything_by_program
from scripted import DIALECTS, INPUT, MODELS, OUTPUT, serving
from scripted.model import Call, Text

QUESTION = "How much is six times seven, and who says so?"
PRICES = {"web_search": 5000, "code_execution": 2000, "echo": 1000}
"""Dollars per million calls."""
STEPS = [
    Call("web_search", {"query": "product"}),
    Call("code_execution", {"code": "x = 6\nprint(x * 7)"}),
    Call("code_execution", {"code": "print(x + 1)"}),
    Call("echo", {"message": "agreed"}),
]
SOURCE = "https://example.com/product"
ANSWER = f"42, says {SOURCE}."
TOKENS = (len(STEPS) + 1) * INPUT, (len(STEPS) + 1) * OUTPUT
COST = sum(TOKENS) / 1e6 + (5000 + 2 * 2000 + 1000) / 1e6


def methodical(heard):
    """One step after another, each in a turn of its own; keeps what the steps before it came to."""
    def script(ask):
        heard.extend(result.text for result in ask.results[-1:])
        step = len(heard)
        if step >= len(STEPS):
            return [Text(ANSWER)]
        return [Text("One moment."), Call(STEPS[step].name, dict(STEPS[step].arguments))]

    return script


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tools")
    models = [f"{dialect}:{model}" for dialect, model in MODELS.items()]
    prices = {f"otari:{tool}": {"input_price_per_million": price, "output_price_per_million": 0} for tool, price in PRICES.items()}
    with serving() as upstream:
        node = Gateway(
            folder, f"sqlite:///{folder}/otari.db", providers=upstream.providers(), model_discovery=False,
            pricing={**priced(*models), **prices}, web_search_url=upstream.url, web_search_extract=False,
            mcp_servers={"everything": everything_by_program()},
        )
        with running(node):
            node.upstream = upstream
            node.key = node.new_key("ada")
            yield node


@pytest.fixture
def heard(node):
    """What the tools told the model."""
    node.upstream.forget()
    heard = []
    node.upstream.script = methodical(heard)
    yield heard
    assert not node.upstream.malformed, "\n".join(node.upstream.malformed)


def ran_and_was_billed(node, heard):
    """Each tool once, its state kept; all five turns and what the tools cost in one row."""
    assert node.upstream.searches == ["product"]
    search, product, more, echo = heard
    assert SOURCE in search
    assert "42" in product
    assert "7" in more
    assert "agreed" in echo
    row = node.manage("GET", "/v1/usage", limit=1)[0]
    assert (row["status"], row["prompt_tokens"], row["completion_tokens"]) == ("success", *TOKENS)
    assert row["cost"] == pytest.approx(COST, abs=1e-9)


@pytest.fixture(params=DIALECTS)
def model(request):
    return f"{request.param}:{MODELS[request.param]}"


@pytest.fixture
def client(node):
    with openai.OpenAI(base_url=f"{node.url}/v1", api_key=node.key, max_retries=0) as client:
        yield client


@pytest.fixture
def claude(node):
    with anthropic.Anthropic(base_url=node.url, api_key=node.key, max_retries=0) as claude:
        yield claude


TOOLS = [{"type": "otari_web_search"}, {"type": "otari_code_execution"}]
SERVERS = {"mcp_server_ids": ["everything"]}
ASKED = {"messages": [{"role": "user", "content": QUESTION}]}


def test_chat(node, client, model, heard):
    answer = client.chat.completions.create(model=model, tools=TOOLS, extra_body=SERVERS, **ASKED)
    message = answer.choices[0].message
    assert (message.content, message.tool_calls, answer.choices[0].finish_reason) == (ANSWER, None, "stop")
    [cited] = message.annotations
    assert (cited.url_citation.url, cited.url_citation.title) == (SOURCE, "About product")
    assert ANSWER[cited.url_citation.start_index:cited.url_citation.end_index] == SOURCE
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == TOKENS
    ran_and_was_billed(node, heard)


def test_chat_streamed(node, client, model, heard):
    with client.chat.completions.stream(
        model=model, tools=TOOLS, extra_body=SERVERS, stream_options={"include_usage": True}, **ASKED
    ) as stream:
        answer = stream.get_final_completion()
    message = answer.choices[0].message
    assert message.content == "\n\n".join([*["One moment."] * len(STEPS), ANSWER])
    assert not message.tool_calls
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == TOKENS
    ran_and_was_billed(node, heard)


def kinds_of(response):
    return [item.type for item in response.output if item.type not in ("message", "reasoning")]


def test_responses(node, client, model, heard):
    response = client.responses.create(model=model, input=QUESTION, tools=TOOLS, extra_body=SERVERS)
    assert kinds_of(response) == ["web_search_call", "code_interpreter_call", "code_interpreter_call", "mcp_call"]
    assert response.output_text.endswith(ANSWER)
    assert response.output[-1].content[0].annotations[0].url == SOURCE
    first = next(item for item in response.output if item.type == "code_interpreter_call")
    assert (first.code, first.outputs[0].logs.strip()) == (STEPS[1].arguments["code"], "42")
    assert (response.usage.input_tokens, response.usage.output_tokens) == TOKENS
    ran_and_was_billed(node, heard)


def test_responses_streamed_and_gone_on_from(node, client, model, heard):
    with client.responses.stream(model=model, input=QUESTION, tools=TOOLS, extra_body=SERVERS) as stream:
        events = list(stream)
    response = events[-1].response
    assert [event.sequence_number for event in events] == list(range(len(events)))
    added = [event.output_index for event in events if event.type == "response.output_item.added"]
    assert added == list(range(len(response.output)))
    assert kinds_of(response) == ["web_search_call", "code_interpreter_call", "code_interpreter_call", "mcp_call"]
    ran_and_was_billed(node, heard)
    # What is kept, and what a client sends back itself, hold nothing that a provider would not know.
    said = [item.model_dump(exclude_none=True) for item in response.output]
    for more in (
        {"previous_response_id": response.id, "input": "Thanks."},
        {"input": [{"role": "user", "content": QUESTION}, *said, {"role": "user", "content": "Thanks."}]},
    ):
        assert client.responses.create(model=model, **more).output_text == ANSWER
        assert "otari" not in json.dumps(node.upstream.last.body)


def blocks_of(message):
    return [block.type for block in message.content if block.type != "text"]


CODE = ["server_tool_use", "code_execution_tool_result"] * 2


def test_messages(node, claude, model, heard):
    message = claude.messages.create(model=model, max_tokens=500, tools=TOOLS, extra_body=SERVERS, **ASKED)
    assert blocks_of(message) == CODE
    assert message.content[-1].text == ANSWER
    assert message.content[-1].citations[0].url == SOURCE
    assert message.stop_reason == "end_turn"
    assert (message.usage.input_tokens, message.usage.output_tokens) == TOKENS
    ran_and_was_billed(node, heard)


def test_messages_streamed_and_gone_on_from(node, claude, model, heard):
    with claude.messages.stream(model=model, max_tokens=500, tools=TOOLS, extra_body=SERVERS, **ASKED) as stream:
        message = stream.get_final_message()
    assert blocks_of(message) == CODE
    assert message.content[-1].text == ANSWER
    assert message.stop_reason == "end_turn"
    ran_and_was_billed(node, heard)
    claude.messages.create(model=model, max_tokens=500, messages=[
        *ASKED["messages"], {"role": "assistant", "content": message.content}, {"role": "user", "content": "Thanks."},
    ])
    assert "otari" not in json.dumps(node.upstream.last.body)
