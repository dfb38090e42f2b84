"""A small MCP server in this process: streamable HTTP without sessions, a tool that adds and one that fails."""

import http.server
import json
import threading
from contextlib import contextmanager

NUMBER = {"type": "number"}
TOOLS = [
    {
        "name": "add", "description": "Adds.", "annotations": {"readOnlyHint": True},
        "inputSchema": {"type": "object", "properties": {"a": NUMBER, "b": NUMBER}, "required": ["a", "b"]},
    },
    {"name": "fail", "description": "Fails.", "inputSchema": {"type": "object"}},
]


def call(name, arguments):
    if name == "fail":
        return {"isError": True, "content": [{"type": "text", "text": "it does not work"}]}
    total = arguments["a"] + arguments["b"]
    return {"content": [{"type": "text", "text": str(total)}], "structuredContent": {"result": total}}


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if "id" not in asked:
            return self.send(202, b"")
        params = asked.get("params", {})
        match asked["method"]:
            case "initialize":
                result = {
                    "protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}},
                    "serverInfo": {"name": "sums", "version": "1"},
                }
            case "tools/list":
                result = {"tools": TOOLS}
            case "tools/call":
                result = call(params["name"], params.get("arguments", {}))
            case _:
                return self.send_json({"id": asked["id"], "error": {"code": -32601, "message": "no such method"}})
        return self.send_json({"id": asked["id"], "result": result})

    def do_GET(self):
        self.send(405, b"")

    def send_json(self, body):
        self.send(200, json.dumps({"jsonrpc": "2.0", **body}).encode())

    def send(self, status, body):
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextmanager
def serving():
    """Answers its URL."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/mcp"
    finally:
        server.shutdown()
        server.server_close()
