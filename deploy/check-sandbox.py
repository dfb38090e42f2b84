#!/usr/bin/env python3
"""Checks a server of the code-execution protocol, version 1: every operation, error status and envelope.

    check-sandbox.py http://127.0.0.1:8010 --token "$OTARI_SANDBOX_TOKEN"

Python's standard library only. Prints a line for each check; exits with 1 where one fails.
"""

import argparse
import json
import sys
import urllib.error
import urllib.request

TOOL = "code_execution"


class Backend:
    def __init__(self, url, token):
        self.url = url.rstrip("/")
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def ask(self, method, path, body=None, headers=None):
        """Status and JSON, or the text where it is none."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        kind = {"Content-Type": "application/json"} if data else {}
        request = urllib.request.Request(
            self.url + path, data, {**kind, **self.headers, **(headers or {})}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, read(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, read(error.read())

    def put(self, session, name, content, path=None):
        fields = f'--b\r\nContent-Disposition: form-data; name="path"\r\n\r\n{path}\r\n' if path else ""
        fields += f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n{content}\r\n--b--\r\n'
        form = {"Content-Type": "multipart/form-data; boundary=b"}
        return self.ask("POST", f"/sessions/{session}/files", fields.encode(), form)

    def run(self, session, code, **more):
        return self.ask("POST", f"/sessions/{session}/exec", {"tool": TOOL, "input": {"code": code}, **more})


def read(raw):
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode(errors="replace")


def checks(backend):
    """Yields what was checked, what came, and what was to come."""
    limits = {"idle_timeout_seconds": 60, "max_lifetime_seconds": 120}
    status, handle = backend.ask("POST", "/sessions", limits)
    yield "create: status", status, 201
    if status != 201:
        return
    yield "create: limits", {name: handle.get(name) for name in limits}, limits
    session = handle["session_id"]
    times = [isinstance(handle.get(name), (int, float)) for name in ("created_at", "last_activity_at")]
    yield "create: times", times, [True, True]

    status, answer = backend.run(session, "x = 6\nprint(x * 7)", tool_use_id="srvtoolu_1")
    yield "run: status", status, 200
    yield "run: the call's id", answer.get("tool_use_id"), "srvtoolu_1"
    block = answer.get("result_block", {})
    kinds = (block.get("type"), block.get("content", {}).get("type"))
    yield "run: envelope", kinds, ("code_execution_tool_result", "code_execution_result")
    told = {name: block.get("content", {}).get(name) for name in ("stdout", "stderr", "return_code")}
    yield "run: outcome", told, {"stdout": "42\n", "stderr": "", "return_code": 0}
    _, answer = backend.run(session, "print(x)")
    yield "run: state is kept", answer["result_block"]["content"]["stdout"], "6\n"
    status, answer = backend.run(session, "1/0")
    yield "run: a program that fails is an answer", (status, answer["result_block"]["content"]["return_code"]), (200, 1)

    yield "put: named", backend.put(session, "x", "content", "d/e.txt"), (201, {"path": "d/e.txt", "size_bytes": 7})
    status, stored = backend.put(session, "own.txt", "y")
    yield "put: by its own name", (status, stored.get("path")), (201, "own.txt")
    yield "get", backend.ask("GET", f"/sessions/{session}/files?path=d/e.txt"), (200, "content")
    status, listed = backend.ask("GET", f"/sessions/{session}/files/list?path=.")
    paths = [entry["path"] for entry in listed["files"]]
    yield "list", (status, "d/e.txt" in paths, "own.txt" in paths), (200, True, True)
    _, answer = backend.run(session, "print(open('d/e.txt').read())")
    yield "files reach programs", answer["result_block"]["content"]["stdout"], "content\n"

    for path in ("../x", "/etc/passwd", "..%2F..%2Fetc%2Fpasswd"):
        yield f"get {path}: outside", backend.ask("GET", f"/sessions/{session}/files?path={path}")[0], 403
    yield "put: outside", backend.put(session, "x", "y", "../x")[0], 403
    yield "get: unknown file", backend.ask("GET", f"/sessions/{session}/files?path=nothing")[0], 404
    yield "run: unknown session", backend.run("unknown", "1")[0], 404
    for what, body in {
        "no input": {"tool": TOOL},
        "no code": {"tool": TOOL, "input": {}},
        "an unknown tool": {"tool": "unknown_execution", "input": {"code": "1"}},
        "no time": {"tool": TOOL, "input": {"code": "1"}, "timeout_seconds": 0},
    }.items():
        status, answer = backend.ask("POST", f"/sessions/{session}/exec", body)
        says_why = isinstance(answer, dict) and bool(answer.get("detail"))
        yield f"run with {what}: refused, and why", (status, says_why), (422, True)
    if backend.headers:
        stranger = Backend(backend.url, "not-the-token")
        yield "create: wrong token", stranger.ask("POST", "/sessions")[0], 401
        yield "run: wrong token", stranger.run(session, "1")[0], 401
    yield "end", backend.ask("DELETE", f"/sessions/{session}")[0], 204
    yield "end: again", backend.ask("DELETE", f"/sessions/{session}")[0], 204
    yield "run: after the end", backend.run(session, "1")[0], 404


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--token", default="")
    arguments = parser.parse_args()
    failed = 0
    for what, came, wanted in checks(Backend(arguments.url, arguments.token)):
        passed = came == wanted
        failed += not passed
        print(f"{'ok  ' if passed else 'FAIL'} {what}" + ("" if passed else f": {came!r}, not {wanted!r}"))
    print(f"{failed} failed" if failed else "the backend keeps the protocol")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
