"""`/mcp` with the reference servers behind it, and the reference SDK before it."""

import asyncio

import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client

import mcp_servers
from gateway import MASTER_KEY, Gateway, running
from llama import Unavailable


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mcp")
    (folder / "shared").mkdir()
    (folder / "shared" / "note.txt").write_text("the kettle is on")
    try:
        command, *arguments = mcp_servers.installed(mcp_servers.FILESYSTEM)
        everything = mcp_servers.everything()
        url = everything.__enter__()
    except Unavailable as reason:
        pytest.skip(str(reason))
    files = {"command": command, "args": [*arguments, str(folder / "shared")]}
    node = Gateway(
        folder / "node", f"sqlite:///{folder}/otari.db", mcp_servers={"files": files}, require_pricing=False,
        pricing={"otari:echo": {"input_price_per_million": 1000, "output_price_per_million": 0}},
    )
    try:
        with running(node):
            node.key = node.new_key("ada")
            with node.http(MASTER_KEY) as http:
                workspace = http.get("/v1/keys").json()[0]["workspace_id"]
                path = f"/v1/workspaces/{workspace}/mcp-servers"
                assert http.post(path, json={"name": "every", "url": url}).status_code == 201
            yield node
    finally:
        everything.__exit__(None, None, None)


def ask(node, act):
    """Runs `act` with a session of the SDK."""

    async def run():
        headers = {"Authorization": f"Bearer {node.key}"}
        async with streamablehttp_client(f"{node.url}/mcp", headers=headers) as (read, write, _):
            async with ClientSession(read, write) as session:
                hello = await session.initialize()
                assert hello.serverInfo.name == "otari"
                return await act(session)

    return asyncio.run(run())


def test_every_tool_is_listed_with_its_schema(node):
    tools = {tool.name: tool for tool in ask(node, ClientSession.list_tools).tools}
    assert "web_fetch" in tools
    assert "message" in tools["every__echo"].inputSchema["properties"]
    assert {"every__get-sum", "files__read_text_file"} <= set(tools)


def test_a_server_over_http_is_called_and_billed(node):
    answer = ask(node, lambda session: session.call_tool("every__echo", {"message": "hello"}))
    assert not answer.isError and "hello" in answer.content[0].text
    with node.http(MASTER_KEY) as http:
        row = http.get("/v1/usage", params={"model": "echo"}).json()[0]
    assert (row["endpoint"], row["status"], row["cost"]) == ("/mcp", "success", 0.001)
    assert row["billing_meters"]["tools"]["echo"]["billed"] == 1


def test_pictures_stay_pictures(node):
    answer = ask(node, lambda session: session.call_tool("every__get-tiny-image", {}))
    assert "image" in [block.type for block in answer.content]


def test_a_program_of_the_operator_reads_what_it_was_given_and_nothing_else(node):
    shared = node.folder.parent / "shared"
    note = {"path": str(shared / "note.txt")}
    answer = ask(node, lambda session: session.call_tool("files__read_text_file", note))
    assert "the kettle is on" in answer.content[0].text
    outside = {"path": "/etc/passwd"}
    answer = ask(node, lambda session: session.call_tool("files__read_text_file", outside))
    assert answer.isError and "root:" not in answer.content[0].text


def test_what_a_server_refuses_is_an_answer_and_costs_nothing(node):
    answer = ask(node, lambda session: session.call_tool("every__echo", {}))
    assert answer.isError
    with node.http(MASTER_KEY) as http:
        row = http.get("/v1/usage", params={"model": "echo"}).json()[0]
    assert (row["status"], row["cost"] or 0) == ("error", 0)
