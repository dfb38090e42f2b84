//! MCP against servers built with the official SDK, and against ones that misbehave.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use otari_tools::mcp::{
    McpClient, McpCommand, McpEndpoint, McpFault, McpLimits, McpResult, McpServer, McpTools,
};
use otari_tools::{HttpError, Reason};
use otari_translate::{Block, Source};
use otari_types::Secret;
use parking_lot::Mutex;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ListToolsResult,
    PaginatedRequestParams, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use crate::guarded_client::local_client;
use crate::site::{Site, page, status};

/// Every kind of tool and result.
#[derive(Clone, Debug)]
struct Everything {
    tools: &'static [&'static str],
    called: Arc<Mutex<Vec<(String, Value)>>>,
}

const ALL: &[&str] = &[
    "echo",
    "fail",
    "refuse",
    "never",
    "flood",
    "mixed",
    "structured",
    "nothing",
];

impl ServerHandler for Everything {
    fn get_info(&self) -> ServerConfig {
        serde_json::from_value(
            json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
            "serverInfo": {"name": "everything", "version": "1"}}),
        )
        .expect("a configuration")
    }

    /// Two tools a page.
    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let cursor = request.and_then(|request| request.cursor);
        let from: usize = cursor.map_or(0, |cursor| cursor.parse().expect("our own cursor"));
        let names = self.tools.iter().skip(from).take(2);
        let tools: Vec<Value> = names
            .map(|name| {
                json!({"name": name, "description": format!("Does {name}."),
                "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}}})
            })
            .collect();
        let next = (from + 2 < self.tools.len()).then(|| (from + 2).to_string());
        let mut page = json!({"tools": tools});
        if let Some(next) = next {
            page["nextCursor"] = json!(next);
        }
        Ok(serde_json::from_value(page).expect("a page"))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        self.called
            .lock()
            .push((request.name.to_string(), arguments.clone()));
        let text = |text: &str| json!({"type": "text", "text": text});
        let result = match &*request.name {
            "fail" => json!({"content": [text("it did not work")], "isError": true}),
            "refuse" => {
                return Err(ErrorData::invalid_params("the text is too rude", None));
            }
            "never" => std::future::pending().await,
            "flood" => json!({"content": [text("é"), text(&"x".repeat(500_000)), text("after")]}),
            "mixed" => {
                json!({"content": [text("look:"), {"type": "image", "data": "aGk=", "mimeType": "image/png"},
                {"type": "audio", "data": "aGk=", "mimeType": "audio/wav"},
                {"type": "resource", "resource": {"uri": "note://1", "mimeType": "text/plain", "text": "a note"}},
                {"type": "resource", "resource": {"uri": "blob://1", "blob": "aGk="}},
                {"type": "resource_link", "uri": "file:///x", "name": "x"}]})
            }
            "structured" => json!({"content": [], "structuredContent": {"sum": 3}}),
            "nothing" => json!({"content": []}),
            name => json!({"content": [text(&format!("{name}: {}", arguments["text"]))]}),
        };
        let result: CallToolResult = serde_json::from_value(result).expect("a result");
        Ok(result.into())
    }
}

struct Server {
    address: SocketAddr,
    called: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Server {
    async fn start(tools: &'static [&'static str], config: StreamableHttpServerConfig) -> Self {
        let called = Arc::new(Mutex::new(Vec::new()));
        let everything = Everything {
            tools,
            called: Arc::clone(&called),
        };
        let service = StreamableHttpService::new(
            move || Ok(everything.clone()),
            Arc::new(LocalSessionManager::default()),
            config,
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = TowerToHyperService::new(service.clone());
                tokio::spawn(async move {
                    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, called }
    }

    fn named(&self, name: &str) -> McpServer {
        http(name, format!("http://{}/mcp", self.address))
    }
}

fn http(name: &str, url: String) -> McpServer {
    McpServer {
        name: name.to_owned(),
        endpoint: McpEndpoint::Http { url, token: None },
        purpose_hint: None,
        allowed_tools: Vec::new(),
    }
}

fn client(limits: McpLimits) -> McpClient {
    McpClient::new(local_client(), limits)
}

async fn open(servers: &[McpServer]) -> McpTools {
    let opened = client(McpLimits::default())
        .open(servers, &HashSet::new())
        .await;
    opened.expect("the servers are there")
}

fn names(tools: &McpTools) -> Vec<&str> {
    tools
        .tools()
        .iter()
        .map(|tool| tool.function.name.as_str())
        .collect()
}

fn arguments(text: &str) -> Map<String, Value> {
    json!({"text": text})
        .as_object()
        .expect("an object")
        .clone()
}

fn text(result: &McpResult) -> String {
    let texts = result.content.iter().filter_map(|part| match &part.block {
        Block::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("|")
}

fn ways() -> [StreamableHttpServerConfig; 3] {
    let sessions = StreamableHttpServerConfig::default;
    let mut stateless = sessions();
    stateless.legacy_session_mode = false;
    let mut json = stateless.clone();
    json.json_response = true;
    [sessions(), stateless, json]
}

#[tokio::test]
async fn tools_are_listed_and_called_however_the_server_answers() {
    for config in ways() {
        let server = Server::start(ALL, config).await;
        let tools = open(&[server.named("all")]).await;
        assert_eq!(names(&tools), ALL);
        let echo = &tools.tools()[0];
        assert_eq!(echo.function.description.as_deref(), Some("Does echo."));
        let schema = echo.function.schema.as_ref().expect("a schema").value();
        assert_eq!(schema["properties"]["text"]["type"], "string");
        let (a, b) = tokio::join!(
            tools.call("echo", arguments("a")),
            tools.call("echo", arguments("b"))
        );
        assert_eq!(
            (text(&a), text(&b)),
            ("echo: \"a\"".to_owned(), "echo: \"b\"".to_owned())
        );
        assert!(!a.is_error);
        tools.close().await;
    }
}

/// Servers of 2026-07-28 need not know the old handshake.
#[tokio::test]
async fn a_server_that_only_knows_the_newest_protocol_is_understood() {
    let site = Site::start(|asked| {
        let request = asked.json();
        let id = request["id"].clone();
        let answer = match request["method"].as_str() {
            Some("server/discover") => json!({"result": {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}},
                "serverInfo": {"name": "new", "version": "1"}, "resultType": "complete", "ttlMs": 0, "cacheScope": "private"}}),
            Some("tools/list") => json!({"result": {"tools": [{"name": "echo", "inputSchema": {"type": "object"}}],
                "resultType": "complete", "ttlMs": 0, "cacheScope": "private"}}),
            Some("tools/call") => json!({"result": {"content": [{"type": "text", "text": "heard"}], "resultType": "complete"}}),
            _ => json!({"error": {"code": -32601, "message": "unknown method"}}),
        };
        let mut message = answer;
        message["jsonrpc"] = json!("2.0");
        message["id"] = id;
        page("application/json", message.to_string())
    })
    .await;
    let tools = open(&[http("new", site.url("/mcp"))]).await;
    assert_eq!(names(&tools), ["echo"]);
    assert_eq!(text(&tools.call("echo", arguments("x")).await), "heard");
    assert_eq!(
        site.last().header("mcp-protocol-version"),
        Some("2026-07-28")
    );
}

#[tokio::test]
async fn results_keep_what_a_model_can_read() {
    let server = Server::start(ALL, StreamableHttpServerConfig::default()).await;
    let tools = open(&[server.named("all")]).await;
    let call = |name: &'static str| tools.call(name, Map::new());

    let failed = call("fail").await;
    assert!(failed.is_error);
    assert_eq!(text(&failed), "it did not work");

    let refused = call("refuse").await;
    assert!(refused.is_error);
    assert_eq!(text(&refused), "MCP server all: the text is too rude");

    let mixed = call("mixed").await;
    assert_eq!(
        text(&mixed),
        "look:|[audio audio/wav, 4 bytes of base64]|[resource note://1]\na note|[resource blob://1, 4 bytes of base64]|[link x: file:///x]"
    );
    let Block::Media(image) = &mixed.content[1].block else {
        panic!("not an image: {mixed:?}");
    };
    assert_eq!(image.source, Source::Data("aGk=".to_owned()));
    assert_eq!(image.mime.as_deref(), Some("image/png"));

    assert_eq!(text(&call("structured").await), "{\"sum\":3}");
    assert_eq!(call("nothing").await.content, []);

    let unknown = call("unheard-of").await;
    assert!(unknown.is_error);
    assert_eq!(text(&unknown), "there is no tool named unheard-of");
    assert!(
        server
            .called
            .lock()
            .iter()
            .all(|(name, _)| name != "unheard-of")
    );
}

#[tokio::test]
async fn a_long_result_is_cut_and_says_so() {
    let server = Server::start(ALL, StreamableHttpServerConfig::default()).await;
    let limits = McpLimits {
        result_chars: 1000,
        ..McpLimits::default()
    };
    let tools = client(limits)
        .open(&[server.named("all")], &HashSet::new())
        .await
        .expect("open");
    let flood = tools.call("flood", Map::new()).await;
    let expected = format!(
        "é|{}\n[the rest of the result is left out: too long]",
        "x".repeat(999)
    );
    assert_eq!(text(&flood), expected);
}

#[tokio::test]
async fn an_answer_beyond_the_wire_limit_is_a_failure_and_the_session_lives_on() {
    let server = Server::start(ALL, ways()[2].clone()).await;
    let limits = McpLimits {
        answer_bytes: 20_000,
        ..McpLimits::default()
    };
    let tools = client(limits)
        .open(&[server.named("all")], &HashSet::new())
        .await
        .expect("open");
    let flood = tools.call("flood", Map::new()).await;
    assert!(flood.is_error);
    assert_eq!(
        text(&flood),
        "MCP server all: the answer is larger than 20000 bytes"
    );
    assert_eq!(
        text(&tools.call("echo", arguments("x")).await),
        "echo: \"x\""
    );
}

#[tokio::test]
async fn a_call_that_never_ends_is_given_up() {
    for config in ways() {
        let server = Server::start(ALL, config).await;
        let limits = McpLimits {
            call: Duration::from_millis(200),
            ..McpLimits::default()
        };
        let tools = client(limits)
            .open(&[server.named("all")], &HashSet::new())
            .await
            .expect("open");
        let never = tools.call("never", Map::new()).await;
        assert!(never.is_error);
        let said = text(&never);
        assert!(said.ends_with("did not answer in time"), "{said}");
        assert_eq!(
            text(&tools.call("echo", arguments("x")).await),
            "echo: \"x\""
        );
    }
}

#[tokio::test]
async fn only_allowed_tools_are_shown_and_called() {
    let server = Server::start(ALL, StreamableHttpServerConfig::default()).await;
    let mut named = server.named("all");
    named.allowed_tools = vec!["mixed".to_owned(), "echo".to_owned(), "absent".to_owned()];
    named.purpose_hint = Some("for everything".to_owned());
    let tools = open(&[named]).await;
    assert_eq!(names(&tools), ["echo", "mixed"]);
    assert!(tools.owns("echo") && !tools.owns("fail"));
    assert!(tools.call("fail", Map::new()).await.is_error);
    assert_eq!(server.called.lock().len(), 0);
    assert_eq!(
        tools.hints(),
        [("all".to_owned(), "for everything".to_owned())]
    );
}

#[tokio::test]
async fn names_that_collide_or_that_providers_refuse_are_mapped_both_ways() {
    const SHORTENED: &str = "a_name_that_is_far_too_long_for_any_provider_to_accept_as_a_func";
    const LONG: &str = "a_name_that_is_far_too_long_for_any_provider_to_accept_as_a_function_name";
    let one = Server::start(
        &["search", "fetch", "dotted.name/x"],
        StreamableHttpServerConfig::default(),
    )
    .await;
    let two = Server::start(
        &["search", "fetch", LONG],
        StreamableHttpServerConfig::default(),
    )
    .await;
    let taken = HashSet::from(["fetch".to_owned(), "second__search".to_owned()]);
    let opened = client(McpLimits::default())
        .open(&[one.named("first"), two.named("second")], &taken)
        .await;
    let tools = opened.expect("open");
    assert_eq!(
        names(&tools),
        [
            "search",
            "first__fetch",
            "dotted_name_x",
            "second__search_2",
            "second__fetch",
            SHORTENED
        ]
    );
    for (name, server, original) in [
        ("search", &one, "search"),
        ("first__fetch", &one, "fetch"),
        ("dotted_name_x", &one, "dotted.name/x"),
        ("second__search_2", &two, "search"),
        ("second__fetch", &two, "fetch"),
        (SHORTENED, &two, LONG),
    ] {
        server.called.lock().clear();
        tools.call(name, arguments(name)).await;
        assert_eq!(
            *server.called.lock(),
            [(original.to_owned(), json!({"text": name}))]
        );
    }
    assert!(!tools.owns("fetch"), "that name is somebody else's");
}

#[tokio::test]
async fn too_many_tools_are_left_out() {
    let server = Server::start(ALL, StreamableHttpServerConfig::default()).await;
    let limits = McpLimits {
        tools: 3,
        ..McpLimits::default()
    };
    let tools = client(limits)
        .open(&[server.named("all")], &HashSet::new())
        .await
        .expect("open");
    assert_eq!(names(&tools), ["echo", "fail", "refuse"]);
}

async fn fault(server: McpServer) -> McpFault {
    let opened = client(McpLimits::default())
        .open(&[server], &HashSet::new())
        .await;
    let error = opened.expect_err("it cannot be opened");
    assert_eq!(error.server, "it");
    error.fault
}

#[tokio::test]
async fn addresses_are_guarded() {
    let with_token = |url: &str| McpServer {
        endpoint: McpEndpoint::Http {
            url: url.to_owned(),
            token: Some(Secret::new("t")),
        },
        ..http("it", String::new())
    };
    for (server, expected) in [
        (
            http("it", "http://169.254.169.254/mcp".to_owned()),
            Reason::Metadata,
        ),
        (
            http("it", "http://10.0.0.1/mcp".to_owned()),
            Reason::Private,
        ),
        (http("it", "file:///etc/passwd".to_owned()), Reason::Scheme),
        (
            http("it", "http://2130706433/mcp".to_owned()),
            Reason::Disguised,
        ),
        (with_token("http://127.0.0.1:9/mcp"), Reason::Port),
        (with_token("http://127.0.0.1:9999/mcp"), Reason::Insecure),
        (with_token("http://8.8.8.8/mcp"), Reason::Insecure),
    ] {
        match fault(server).await {
            McpFault::Http(HttpError::Refused(refusal)) => assert_eq!(refusal.reason, expected),
            other => panic!("expected {expected:?}, got {other:?}"),
        }
    }
}

#[tokio::test]
async fn servers_that_are_none_say_so() {
    let at = |site: &Site| http("it", site.url("/mcp"));
    let html = Site::start(|_| page("text/html", "<html>hello</html>")).await;
    assert_eq!(fault(at(&html)).await, McpFault::Protocol);
    let closed = Site::start(|_| status(401, "who are you")).await;
    assert_eq!(fault(at(&closed)).await, McpFault::Unauthorized(401));
    let broken = Site::start(|_| status(503, "later")).await;
    assert_eq!(fault(at(&broken)).await, McpFault::Status(503));
    let rude = Site::start(|asked| {
        let id = asked.json()["id"].clone();
        page(
            "application/json",
            json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32000, "message": "not today"}})
                .to_string(),
        )
    })
    .await;
    assert_eq!(
        fault(at(&rude)).await,
        McpFault::Refused("not today".to_owned())
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound socket");
    drop(listener);
    let gone = fault(http("it", format!("http://{address}/mcp"))).await;
    assert!(
        matches!(gone, McpFault::Http(HttpError::Unreachable { .. })),
        "{gone:?}"
    );
}

#[tokio::test]
async fn a_redirect_leads_to_no_place_that_is_refused() {
    let site = Site::start(|_| crate::site::redirect(307, "http://169.254.169.254/mcp")).await;
    let found = fault(http("it", site.url("/mcp"))).await;
    let McpFault::Http(HttpError::Refused(refusal)) = found else {
        panic!("it was followed: {found:?}");
    };
    assert_eq!(refusal.reason, Reason::Metadata);
}

/// Answers as a program would: one line of JSON for one line of JSON.
const SCRIPT: &str = r#"
while read -r line; do
  id=$(printf '%s' "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
  case "$line" in
    *'"initialize"'*) printf '{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"sh","version":"1"}}}\n' "$id" ;;
    *'"tools/list"'*) printf '{"jsonrpc":"2.0","id":%s,"result":{"tools":[{"name":"env","inputSchema":{"type":"object"}}]}}\n' "$id" ;;
    *'"tools/call"'*) printf '{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"%s,%s,%s"}]}}\n' "$id" "$1" "$TOKEN" "$CARGO_MANIFEST_DIR" ;;
  esac
done
"#;

#[tokio::test]
async fn a_program_is_spoken_to_and_sees_nothing_of_our_environment() {
    assert!(
        std::env::var_os("CARGO_MANIFEST_DIR").is_some(),
        "set by cargo"
    );
    let command = McpCommand {
        program: "sh".to_owned(),
        args: ["-c", SCRIPT, "sh", "given"].map(str::to_owned).to_vec(),
        env: vec![("TOKEN".to_owned(), Secret::new("secret"))],
    };
    let server = McpServer {
        endpoint: McpEndpoint::Stdio(command),
        ..http("program", String::new())
    };
    assert!(!format!("{server:?}").contains("secret"));
    let tools = open(&[server]).await;
    assert_eq!(names(&tools), ["env"]);
    assert_eq!(text(&tools.call("env", Map::new()).await), "given,secret,");
    tools.close().await;
}

#[tokio::test]
async fn a_program_that_is_not_there_is_told() {
    let command = McpCommand {
        program: "/nonexistent/mcp".to_owned(),
        args: Vec::new(),
        env: Vec::new(),
    };
    let server = McpServer {
        endpoint: McpEndpoint::Stdio(command),
        ..http("it", String::new())
    };
    assert_eq!(fault(server).await, McpFault::NotStarted);
}
