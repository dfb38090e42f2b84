"""Programs of models beside Python ones: a shell and an editor in the same folder, and figures that come back as files."""

import subprocess
from pathlib import Path

import anthropic
import httpx
import openai
import pytest

from gateway import Gateway, binary, priced, running
from mcp_client import asked
from scripted import MODELS, serving
from scripted.model import Call, Text

MODEL = f"openai:{MODELS['openai']}"
EDITOR = [
    Call("text_editor_code_execution", {"command": "create", "path": "a.txt", "file_text": "one\ntwo\n"}),
    Call("text_editor_code_execution", {"command": "str_replace", "path": "a.txt", "old_str": "two", "new_str": "2"}),
    Call("text_editor_code_execution", {"command": "view", "path": "a.txt"}),
    Call("code_execution", {"code": "open('a.txt').read()"}),
    Call("text_editor_code_execution", {"command": "view", "path": "../../etc/passwd"}),
]
SHELL = [Call("bash_code_execution", {"command": "wc -l < a.txt; echo oh >&2; exit 3"})]
ASKED = {"messages": [{"role": "user", "content": "Go on."}]}
SUCCEEDED = 4
"""Of these steps; what failed is free."""
PRICE = 2000
"""Dollars per million programs of any kind."""


def has_namespaces():
    unshare = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc", "true"]
    return subprocess.run(unshare, capture_output=True).returncode == 0


def gateway(folder, upstream, **config):
    prices = {"otari:code_execution": {"input_price_per_million": PRICE, "output_price_per_million": 0}}
    return Gateway(
        folder, f"sqlite:///{folder}/otari.db", providers=upstream.providers(), model_discovery=False,
        pricing={**priced(MODEL), **prices}, **config,
    )


@pytest.fixture(scope="module", params=["wasm", "native"])
def node(request, tmp_path_factory):
    if request.param == "native" and not has_namespaces():
        pytest.skip("the kernel allows no namespaces here")
    with serving() as upstream:
        node = gateway(tmp_path_factory.mktemp("programs"), upstream, sandbox_backend=request.param)
        node.backend = request.param
        with running(node):
            node.upstream, node.key = upstream, node.new_key("ada")
            yield node


@pytest.fixture
def steps(node):
    return EDITOR + (SHELL if node.backend == "native" else [])


def told_to(node, steps):
    """The model takes these steps, one in each turn. Answers the list of what it was told they came to."""
    node.upstream.forget()
    heard = []

    def script(ask):
        heard.extend(result.text for result in ask.results[-1:])
        if len(heard) >= len(steps):
            return [Text("Done.")]
        step = steps[len(heard)]
        return [Call(step.name, dict(step.arguments))]

    node.upstream.script = script
    return heard


def say_what_was_done(heard):
    created, replaced, seen, read, refused, *shell = heard
    assert "created a.txt" in created
    assert "changed a.txt" in replaced
    assert "1\tone" in seen and "2\t2" in seen
    assert "one\\n2\\n" in read
    assert "outside the workspace" in refused
    if shell:
        assert "stdout:\n2" in shell[0] and "oh" in shell[0] and "return_code: 3" in shell[0]


def as_was_to_be(node, heard):
    say_what_was_done(heard)
    row = node.manage("GET", "/v1/usage", limit=1)[0]
    tokens = row["prompt_tokens"] + row["completion_tokens"]
    assert row["cost"] == pytest.approx(tokens / 1e6 + SUCCEEDED * PRICE / 1e6, abs=1e-9)


TOOLS = [{"type": "otari_code_execution", "kinds": "all"}]


def test_messages(node, steps):
    heard = told_to(node, steps)
    with anthropic.Anthropic(base_url=node.url, api_key=node.key, max_retries=0) as client:
        with client.messages.stream(model=MODEL, max_tokens=500, tools=TOOLS, **ASKED) as stream:
            message = stream.get_final_message()
    as_was_to_be(node, heard)
    results = [block.content for block in message.content if block.type.endswith("_tool_result")]
    kind = "text_editor_code_execution"
    assert [content.type for content in results[:5]] == [
        f"{kind}_create_result", f"{kind}_str_replace_result", f"{kind}_view_result", "code_execution_result",
        f"{kind}_tool_result_error",
    ]
    assert results[0].is_file_update is False
    assert "1\tone" in results[2].content
    assert "outside" in results[4].error_message
    calls = [block for block in message.content if block.type == "server_tool_use"]
    assert calls[0].name == kind and calls[0].input["file_text"] == "one\ntwo\n"
    if node.backend == "native":
        assert results[5].type == "bash_code_execution_result"
        assert (results[5].stdout, results[5].stderr, results[5].return_code) == ("2\n", "oh\n", 3)


def test_responses(node, steps):
    heard = told_to(node, steps)
    with openai.OpenAI(base_url=f"{node.url}/v1", api_key=node.key, max_retries=0) as client:
        response = client.responses.create(model=MODEL, input="Go on.", tools=TOOLS)
        as_was_to_be(node, heard)
        items = [item for item in response.output if item.type != "message"]
        shell = ["shell_call", "shell_call_output"] if node.backend == "native" else []
        assert [item.type for item in items] == [*["mcp_call"] * 3, "code_interpreter_call", "mcp_call", *shell]
        assert (items[0].name, items[4].status) == ("text_editor_code_execution", "failed")
        if shell:
            call, result = items[-2:]
            assert call.action.commands == [SHELL[0].arguments["command"]]
            assert call.call_id == result.call_id
            assert (result.output[0].stdout, result.output[0].outcome.exit_code) == ("2\n", 3)
        # No provider is asked about items that are the gateway's.
        told_to(node, [])
        said = [item.model_dump(exclude_none=True) for item in response.output]
        again = client.responses.create(model=MODEL, input=[*said, {"role": "user", "content": "Thanks."}])
        assert again.output_text == "Done."


def test_chat_shows_the_answer_alone(node, steps):
    heard = told_to(node, steps)
    with openai.OpenAI(base_url=f"{node.url}/v1", api_key=node.key, max_retries=0) as client:
        answer = client.chat.completions.create(model=MODEL, tools=TOOLS, **ASKED)
    as_was_to_be(node, heard)
    assert (answer.choices[0].message.content, answer.choices[0].message.tool_calls) == ("Done.", None)


def test_the_same_programs_through_mcp(node, steps):
    async def act(client):
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        return tools, [await client.call_tool(step.name, dict(step.arguments)) for step in steps]

    tools, results = asked(node, act)
    kinds = {"code_execution", "text_editor_code_execution", "bash_code_execution"} & set(tools)
    assert kinds == {step.name for step in steps}
    assert "old_str" in tools["text_editor_code_execution"].input_schema["properties"]
    say_what_was_done([result.content[0].text for result in results])
    assert [result.is_error for result in results] == [False] * SUCCEEDED + [True] * (len(steps) - SUCCEEDED)
    rows = node.manage("GET", "/v1/usage", limit=len(steps))
    assert {(row["endpoint"], row["provider"]) for row in rows} == {("/mcp", "otari")}
    assert sum(row["cost"] or 0 for row in rows) == pytest.approx(SUCCEEDED * PRICE / 1e6, abs=1e-9)


def test_a_kind_with_a_price_of_its_own_costs_that_through_mcp_too(node):
    price = {"model_key": "otari:text_editor_code_execution", "input_price_per_million": 500, "output_price_per_million": 0}
    node.manage("POST", "/v1/pricing", price)
    try:
        create = {"command": "create", "path": "priced.txt", "file_text": "one"}
        result = asked(node, lambda client: client.call_tool("text_editor_code_execution", create))
        assert not result.is_error
        row = node.manage("GET", "/v1/usage", limit=1)[0]
        assert (row["model"], row["cost"]) == ("text_editor_code_execution", 0.0005)
    finally:
        node.manage("DELETE", f"/v1/pricing/{price['model_key']}")


def test_kinds_that_are_not_there_are_refused(node):
    def refusal(kinds):
        body = {"model": MODEL, "tools": [{"type": "otari_code_execution", "kinds": kinds}], **ASKED}
        answer = httpx.post(f"{node.url}/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {node.key}"})
        return answer.status_code, answer.text

    told_to(node, [])
    status, text = refusal(["perl"])
    assert status == 422 and "python, bash and text_editor" in text
    status, text = refusal(["python", "bash"])
    assert status == (200 if node.backend == "native" else 422), text
    assert node.backend == "native" or "has no bash" in text


def test_without_kinds_there_is_python_alone(node):
    told_to(node, [])
    with openai.OpenAI(base_url=f"{node.url}/v1", api_key=node.key, max_retries=0) as client:
        client.chat.completions.create(model=MODEL, tools=[{"type": "otari_code_execution"}], **ASKED)
    assert [tool["function"]["name"] for tool in node.upstream.last.body["tools"]] == ["code_execution"]


def test_a_figure_comes_back_as_a_file(tmp_path):
    """With the packages that the tests of the sandbox installed."""
    installed = Path(binary()).parents[1] / "tmp/sandbox"
    if not (installed / "science").is_dir():
        pytest.skip("the packages are not installed below the target directory; `cargo xtask test` does that")
    data = tmp_path / "node/data"
    data.mkdir(parents=True)
    for folder in ("science", "cache"):
        (data / folder).symlink_to(installed / folder)
    code = "import pandas as pd, matplotlib.pyplot as plt\npd.Series([1, 4, 9]).plot()\nplt.show()"
    with serving() as upstream:
        node = gateway(tmp_path / "node", upstream, sandbox_backend="science", files_enabled=True)
        with running(node):
            node.upstream, node.key = upstream, node.new_key("ada")
            heard = told_to(node, [Call("code_execution", {"code": code})])
            with anthropic.Anthropic(base_url=node.url, api_key=node.key, max_retries=0) as client:
                message = client.messages.create(
                    model=MODEL, max_tokens=500, tools=[{"type": "otari_code_execution"}], **ASKED
                )
            [result] = [block.content for block in message.content if block.type == "code_execution_tool_result"]
            assert (result.return_code, result.stdout) == (0, "[saved figure-1.png]\n"), result.stderr
            assert "figure-1.png" in heard[0]
            address = f"{node.url}/v1/files/{result.content[0].file_id}/content"
            picture = httpx.get(address, headers={"Authorization": f"Bearer {node.key}"})
            assert picture.content.startswith(b"\x89PNG\r\n"), picture.text
            assert "numpy" in upstream.last.body["tools"][0]["function"]["description"]
