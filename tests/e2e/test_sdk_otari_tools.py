"""The tools' control plane through the published `otari` SDK, which parses answers into strict types."""

import http.server
import json
import threading
import uuid

import pytest
from otari import _client as sdk
from otari._client.api import (
    mcp_api, mcp_servers_api, search_api, search_tools_api, tool_settings_api, tools_api, web_search_api,
    workspace_code_execution_policy_api, workspace_web_search_api,
)

from gateway import MASTER_KEY, Gateway, priced, running
from mcp_inline import serving

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


def flat(price):
    """So many dollars a million calls."""
    return {"input_price_per_million": price, "output_price_per_million": 0}


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tools")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Searching)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    searching = f"http://127.0.0.1:{server.server_port}"
    node = Gateway(
        folder, f"sqlite:///{folder}/otari.db", environment={"OTARI_SECRET_KEY": SECRET_KEY},
        web_search_url=searching, web_search_extract=False, mcp_allow_loopback=True,
        pricing={**priced("echo:chat"), "otari:web_search": flat(5000), "otari:add": flat(1000), "otari:fail": flat(1)},
        guardrail_profiles={"house-rules": {"provider": "regex", "deny": ["lead pipe"]}},
    )
    node.search = searching
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


def test_a_stored_server_for_applications_that_ask_their_users(node):
    servers = mcp_servers_api.McpServersApi(client(node))
    with serving() as url:
        stored = servers.mcp_servers_create_workspace_mcp_server(
            node.workspace, sdk.WorkspaceMcpServerCreate(name="sums", url=url))
        api = mcp_api.McpApi(client(node, node.key))
        listed = api.mcp_list_mcp_tools(stored.id)
        assert [tool.name for tool in listed.tools] == ["add", "fail"] and not listed.warnings
        assert listed.tools[0].input_schema["properties"].keys() == {"a", "b"}
        assert listed.tools[0].annotations["readOnlyHint"] is True

        def execute(tool, revision=listed.server_revision, **arguments):
            return api.mcp_execute_mcp_tool(sdk.McpExecuteRequest(
                mcp_server_id=stored.id, server_revision=revision, tool_name=tool, arguments=arguments,
                client_execution_id=uuid.uuid4()))

        added = execute("add", a=2, b=40)
        assert added.structured_content == {"result": 42} and not added.is_error
        assert execute("fail").is_error
        rows = node.manage("GET", "/v1/usage", limit=2)
        assert [(row["status"], row["cost"]) for row in rows] == [("error", 0), ("success", 0.001)]
        for tool, revision, status, code in [
            ("nothing", listed.server_revision, 404, "tool_not_found"),
            ("add", "another", 409, "server_revision_changed"),
        ]:
            with pytest.raises(sdk.ApiException) as caught:
                execute(tool, revision)
            told = json.loads(caught.value.body)
            assert (caught.value.status, told["code"], told["execution_state"]) == (status, code, "not_started")
            assert told["request_id"]
        # A server that is set up anew is not called by who has seen it as it was.
        servers.mcp_servers_update_workspace_mcp_server(
            node.workspace, stored.id, sdk.WorkspaceMcpServerUpdate(allowed_tools=["add"]))
        with pytest.raises(sdk.ApiException) as caught:
            execute("add", a=1, b=1)
        assert caught.value.status == 409
        assert api.mcp_list_mcp_tools(stored.id).server_revision != listed.server_revision
        servers.mcp_servers_delete_workspace_mcp_server(node.workspace, stored.id)
        with pytest.raises(sdk.ApiException) as caught:
            api.mcp_list_mcp_tools(stored.id)
        assert caught.value.status == 404


def test_web_search_as_a_search_service(node):
    api = web_search_api.WebSearchApi(client(node, node.key))
    found = api.web_search_web_search("a", max_results=3)
    assert [(page.url, page.title, page.content) for page in found.results] == [("https://a.test/", "A", "about a")]
    row = node.manage("GET", "/v1/usage", limit=1)[0]
    assert (row["endpoint"], row["cost"]) == ("/v1/web-search/search", 0.005)
    with node.http(node.key) as http:
        assert http.get("/v1/web-search/search").status_code == 422
        assert http.get("/v1/web-search/search", params={"q": "a", "max_results": 21}).status_code == 422


def test_guardrails_to_choose_from(node):
    api = tool_settings_api.ToolSettingsApi(client(node))
    listed = api.tool_settings_list_guardrail_profiles()
    assert listed.available
    profiles = {profile.profile: profile.guardrail for profile in listed.profiles}
    assert profiles == {
        "house-rules": "regex", "otari:prompt-injection": "prompt-injection", "otari:pii": "pii",
        "otari:secrets": "secrets",
    }
    catalog = tool_settings_api.ToolSettingsApi(client(node, node.key)).tool_settings_list_builtin_guardrails()
    names = {spec.guardrail_name for spec in catalog.guardrails}
    assert names == {"prompt-injection", "pii", "secrets", "regex", "moderation", "llm-judge"}
