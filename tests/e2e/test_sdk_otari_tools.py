"""The tools' control plane through the published `otari` SDK, which parses answers into strict types."""

import http.server
import json
import threading

import pytest
from otari import _client as sdk
from otari._client.api import (
    mcp_servers_api, search_api, search_tools_api, tool_settings_api, tools_api, workspace_code_execution_policy_api,
    workspace_web_search_api,
)

from gateway import MASTER_KEY, Gateway, running

SECRET_KEY = "c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c="


class Searching(http.server.BaseHTTPRequestHandler):
    """A server of SearXNG's JSON format."""

    def do_GET(self):
        body = json.dumps({"results": [{"url": "https://a.test/", "title": "A", "content": "about a"}]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tools")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Searching)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    node = Gateway(folder, f"sqlite:///{folder}/otari.db", environment={"OTARI_SECRET_KEY": SECRET_KEY})
    node.search = f"http://127.0.0.1:{server.server_port}"
    with running(node):
        node.key = node.new_key("ada")
        node.workspace = node.manage("GET", "/v1/keys")[0]["workspace_id"]
        yield node
    server.shutdown()


def client(node, key=MASTER_KEY):
    made = sdk.ApiClient(sdk.Configuration(host=node.url))
    made.set_default_header("Authorization", f"Bearer {key}")
    return made


def test_tools(node):
    tools = tools_api.ToolsApi(client(node, node.key)).tools_list_tools().data
    assert [tool.id for tool in tools] == ["otari_web_search", "otari_code_execution", "otari_web_fetch"]


def test_search_tools_and_search(node):
    api = search_tools_api.SearchToolsApi(client(node))
    made = api.search_tools_create_search_tool(
        sdk.CreateSearchToolRequest(name="house", provider="searxng", api_base=node.search, api_key="key-0123456789")
    )
    assert (made.last4, made.decryptable) == ("6789", True)
    found = search_api.SearchApi(client(node, node.key)).search_create_search(sdk.SearchRequest(query="a"))
    assert (found.search_tool, found.results[0].url, found.results[0].snippet) == ("house", "https://a.test/", "about a")
    changed = api.search_tools_update_search_tool("house", sdk.UpdateSearchToolRequest(timeout=2.5))
    assert (changed.timeout, changed.last4) == (2.5, "6789")
    assert "exa" in [provider.id for provider in api.search_tools_list_search_providers()]
    assert api.search_tools_reencrypt_stored_search_tool_keys().reencrypted == 1
    assert [tool.name for tool in api.search_tools_list_all_search_tools().stored] == ["house"]
    api.search_tools_delete_stored_search_tool("house")


def test_mcp_servers(node):
    api = mcp_servers_api.McpServersApi(client(node))
    made = api.mcp_servers_create_workspace_mcp_server(
        node.workspace, sdk.WorkspaceMcpServerCreate(name="docs", url="https://127.0.0.1:8099/", authorization_token="t")
    )
    assert made.has_token and made.enabled
    change = sdk.WorkspaceMcpServerUpdate(enabled=False)
    changed = api.mcp_servers_update_workspace_mcp_server(node.workspace, made.id, change)
    assert (changed.enabled, changed.has_token) == (False, True)
    assert api.mcp_servers_list_workspace_mcp_servers(node.workspace).count == 1
    api.mcp_servers_delete_workspace_mcp_server(node.workspace, made.id)


def test_policies(node):
    api = workspace_code_execution_policy_api.WorkspaceCodeExecutionPolicyApi(client(node))
    policy = sdk.WorkspaceCodeExecutionPolicyUpdate(enabled=True, max_iterations=3)
    stored = api.workspace_code_execution_policy_set_workspace_code_execution_policy(node.workspace, policy)
    assert (stored.configured, stored.max_iterations) == (True, 3)
    cleared = api.workspace_code_execution_policy_clear_workspace_code_execution_policy(node.workspace)
    assert not cleared.configured
    api = workspace_web_search_api.WorkspaceWebSearchApi(client(node))
    policy = sdk.WorkspaceWebSearchConfigUpdate(enabled=True, max_results=3, allowed_domains=["a.test"])
    stored = api.workspace_web_search_set_workspace_web_search_config(node.workspace, policy)
    assert stored.allowed_domains == ["a.test"]
    assert not api.workspace_web_search_clear_workspace_web_search_config(node.workspace).configured


def test_settings(node):
    api = tool_settings_api.ToolSettingsApi(client(node))
    patched = api.tool_settings_update_tool_settings(sdk.UpdateToolSettingsRequest(web_search_url=node.search))
    values = {field.key: field.value and field.value.actual_instance for field in patched.fields}
    assert values["web_search_url"] == node.search
    tested = api.tool_settings_test_service("web_search", sdk.TestServiceRequest(url=node.search))
    assert tested.ok
