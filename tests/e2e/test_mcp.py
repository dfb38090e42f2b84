"""`/mcp` with the reference servers behind it, and the reference SDK before it."""

import asyncio

import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

import mcp_servers
from gateway import Gateway, running
from llama import Unavailable


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
        node.manage("POST", f"/v1/workspaces/{workspace}/mcp-servers", {"name": "every", "url": url})
        yield node


@pytest.fixture(params=["auto", "legacy"])
def ask(node, request):
    """Runs what it is given with a client of the SDK, of either generation of the protocol."""

    async def run(act):
        headers = {"Authorization": f"Bearer {node.key}"}
        async with httpx2.AsyncClient(headers=headers, timeout=30) as http:
            transport = streamable_http_client(f"{node.url}/mcp", http_client=http)
            async with Client(transport, mode=request.param) as client:
                return await act(client)

    return lambda act: asyncio.run(run(act))


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
