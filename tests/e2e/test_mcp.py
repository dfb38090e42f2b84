"""`/mcp` with the reference servers behind it, and the reference SDK before it."""

import uuid

import pytest
from mcp.client import Client

import mcp_servers
from gateway import Gateway, running
from llama import Unavailable
from mcp_client import asked


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mcp")
    (folder / "shared").mkdir()
    (folder / "shared" / "note.txt").write_text("the kettle is on")
    try:
        command, *arguments = mcp_servers.installed(mcp_servers.FILESYSTEM)
        mcp_servers.installed(mcp_servers.EVERYTHING)
    except Unavailable as reason:
        pytest.skip(str(reason))
    files = {"command": command, "args": [*arguments, str(folder / "shared")]}
    node = Gateway(
        folder / "node", f"sqlite:///{folder}/otari.db", mcp_servers={"files": files}, require_pricing=False,
        pricing={"otari:echo": {"input_price_per_million": 1000, "output_price_per_million": 0}},
    )
    with mcp_servers.everything() as url, running(node):
        node.key = node.new_key("ada")
        workspace = node.manage("GET", "/v1/keys")[0]["workspace_id"]
        node.servers = f"/v1/workspaces/{workspace}/mcp-servers"
        node.every = node.manage("POST", node.servers, {"name": "every", "url": url})["id"]
        yield node


@pytest.fixture(params=["auto", "legacy"])
def ask(node, request):
    """Runs what it is given with a client of the SDK, of either generation of the protocol."""
    return lambda act: asked(node, act, request.param)


def test_every_tool_is_listed_with_its_schema(ask):
    tools = {tool.name: tool for tool in ask(Client.list_tools).tools}
    assert "web_fetch" in tools
    assert "message" in tools["every__echo"].input_schema["properties"]
    assert {"every__get-sum", "files__read_text_file"} <= set(tools)


def test_a_server_over_http_is_called_and_billed(node, ask):
    answer = ask(lambda client: client.call_tool("every__echo", {"message": "hello"}))
    assert not answer.is_error and "hello" in answer.content[0].text
    row = node.manage("GET", "/v1/usage", model="echo")[0]
    assert (row["endpoint"], row["status"], row["cost"]) == ("/mcp", "success", 0.001)
    assert row["billing_meters"]["tools"]["echo"]["billed"] == 1


def test_pictures_stay_pictures(ask):
    answer = ask(lambda client: client.call_tool("every__get-tiny-image", {}))
    assert "image" in [block.type for block in answer.content]


def test_a_program_of_the_operator_reads_what_it_was_given_and_nothing_else(node, ask):
    shared = node.folder.parent / "shared"
    note = {"path": str(shared / "note.txt")}
    answer = ask(lambda client: client.call_tool("files__read_text_file", note))
    assert "the kettle is on" in answer.content[0].text
    outside = {"path": "/etc/passwd"}
    answer = ask(lambda client: client.call_tool("files__read_text_file", outside))
    assert answer.is_error and "root:" not in answer.content[0].text


def test_what_a_server_refuses_is_an_answer_and_costs_nothing(node, ask):
    answer = ask(lambda client: client.call_tool("every__echo", {}))
    assert answer.is_error
    row = node.manage("GET", "/v1/usage", model="echo")[0]
    assert (row["status"], row["cost"] or 0) == ("error", 0)


def listed(node):
    """The stored server's tools by name, and its revision."""
    with node.http(node.key) as http:
        answer = http.get(f"/v1/mcp/servers/{node.every}/tools")
    assert answer.status_code == 200, answer.text
    return {tool["name"]: tool for tool in answer.json()["tools"]}, answer.json()["server_revision"]


def executed(node, tool, arguments, **members):
    """One call that the application's user has permitted."""
    body = {
        "mcp_server_id": node.every, "server_revision": listed(node)[1], "tool_name": tool, "arguments": arguments,
        "client_execution_id": str(uuid.uuid4()), **members,
    }
    with node.http(node.key) as http:
        return http.post("/v1/mcp/execute", json=body)


def test_an_application_reads_a_stored_server_s_tools_in_its_own_words(node):
    tools, revision = listed(node)
    assert "message" in tools["echo"]["input_schema"]["properties"]
    assert revision and tools["get-sum"]["description"]


def test_an_application_calls_a_tool_once_and_it_is_billed(node):
    answer = executed(node, "echo", {"message": "by an application"})
    assert answer.status_code == 200, answer.text
    result = answer.json()
    assert "by an application" in result["content"][0]["text"] and not result.get("isError")
    row = node.manage("GET", "/v1/usage", model="echo")[0]
    assert (row["endpoint"], row["status"], row["cost"]) == ("/v1/mcp/execute", "success", 0.001)
    picture = executed(node, "get-tiny-image", {}).json()
    assert "image" in [block["type"] for block in picture["content"]]


def test_what_the_server_refuses_is_its_answer(node):
    answer = executed(node, "echo", {"message": 7})
    assert answer.status_code == 200, answer.text
    assert answer.json()["isError"] is True
    row = node.manage("GET", "/v1/usage", model="echo")[0]
    assert (row["status"], row["cost"] or 0) == ("error", 0)


def test_what_was_not_permitted_does_not_run(node):
    def refusal(answer):
        return answer.status_code, answer.json()["code"], answer.json()["execution_state"]

    assert refusal(executed(node, "no-such-tool", {})) == (404, "tool_not_found", "not_started")
    _, before = listed(node)
    node.manage("PATCH", f"{node.servers}/{node.every}", {"name": "every", "allowed_tools": ["echo", "get-sum"]})
    try:
        changed = executed(node, "echo", {"message": "hi"}, server_revision=before)
        assert refusal(changed) == (409, "server_revision_changed", "not_started")
        assert set(listed(node)[0]) == {"echo", "get-sum"}
        assert refusal(executed(node, "get-tiny-image", {}))[0] == 404
    finally:
        node.manage("PATCH", f"{node.servers}/{node.every}", {"allowed_tools": None})
