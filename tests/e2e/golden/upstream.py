"""The upstream and the tools' services that the recordings were made against: the words of a model's name are its script.

`mock-e429` answers 429, `mock-hang` never, `mock-trunc` breaks off, `mock-badjson` breaks a piece, `mock-toolcall` calls
the first tool it is offered, once. A stream has three pieces of text.
"""

import asyncio
import base64
import json
import struct
import threading
from contextlib import contextmanager
from urllib.parse import parse_qs

from aiohttp import web

TEXT = "The scripted model says hello, at some length."
PIECES = 3
TYPES = {
    400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
    429: "rate_limit_error", 529: "overloaded_error",
}


class Upstream:
    """`asked` is what came since it was last emptied, the providers' share under `upstream`, the tools' under `backends`."""

    def __init__(self):
        self.asked = {"upstream": [], "backends": []}
        self.url = None
        self.leaving = asyncio.Event()

    def take(self):
        taken, self.asked = self.asked, {"upstream": [], "backends": []}
        return taken

    def sessions_closed(self):
        """Whether every session of the sandbox that was opened since then is closed."""
        calls = [(method, path) for method, path, _ in self.asked["backends"]]
        return calls.count(("POST", "/sessions")) == sum(method == "DELETE" for method, _ in calls)

    def application(self):
        app = web.Application()
        app.router.add_get("/v1/models", self.models)
        app.router.add_post("/v1/messages/count_tokens", self.model)
        for surface in SURFACES:
            app.router.add_post(f"/v1/{surface}", self.model)
        app.router.add_route("*", "/{path:.*}", self.backend)
        return app

    async def models(self, request):
        one = {"object": "model", "created": 1_700_000_000, "owned_by": "mock"}
        return web.json_response({"object": "list", "data": [{"id": "mock", **one}, {"id": "mock-embed", **one}]})

    async def model(self, request):
        body = await request.json()
        self.asked["upstream"].append(("POST", request.path, body))
        surface = request.path.removeprefix("/v1/")
        if surface.endswith("count_tokens"):
            return web.json_response({"input_tokens": 9})
        script = body["model"].split("-")
        status = next((int(word[1:]) for word in script if word[0] == "e" and word[1:].isdecimal()), None)
        if status:
            return refusal(surface, status)
        if "hang" in script:
            await self.leaving.wait()
        call = offered(body) if "toolcall" in script else None
        speak = SURFACES[surface]
        if not body.get("stream"):
            text = json.dumps(speak.whole(body, call))
            return await broken(request, text[:len(text) // 2]) if "trunc" in script else web.Response(
                text=text, content_type="application/json")
        return await stream(request, speak.stream(body, call), script)

    async def backend(self, request):
        text = await request.text()
        body = json.loads(text) if text else None
        self.asked["backends"].append((request.method, request.path_qs, body))
        match request.path.strip("/").split("/"):
            case ["search"]:
                return web.json_response({"query": parse_qs(request.query_string)["q"][0], "results": [
                    {"url": f"https://example.com/{n}", "title": n, "content": f"About {n}.", "engine": "x", "score": 1.0}
                    for n in ("a", "b")
                ]})
            case ["validate"]:
                bad = "attack" in body["input_text"]
                result = {"valid": not bad, "explanation": "flagged" if bad else "clean", "score": 0.99 if bad else 0.01}
                return web.json_response({"profile": body["profile"], "result": result})
            case ["sessions"]:
                return web.json_response({"session_id": "s-1", "idle_timeout_seconds": 60}, status=201)
            case ["sessions", _, "exec"]:
                done = {"type": "code_execution_result", "stdout": "4\n", "stderr": "", "return_code": 0, "content": []}
                block = {"type": "code_execution_tool_result", "tool_use_id": "srvtoolu_1", "content": done}
                return web.json_response({"tool_use_id": "srvtoolu_1", "execution_time_ms": 5, "result_block": block})
            case ["sessions", _]:
                return web.Response(status=204)
        return web.json_response({"detail": "no such path"}, status=404)


def refusal(surface, status):
    error = {"type": TYPES.get(status, "api_error"), "message": f"mock error {status}"}
    if surface != "messages":
        error |= {"param": None, "code": f"mock_{status}"}
    headers = {"retry-after": "7"} if status in (429, 529) else {}
    return web.json_response({"type": "error", "error": error}, status=status, headers=headers)


async def broken(request, text):
    """Declares more than it sends."""
    response = web.StreamResponse(headers={"content-type": "application/json", "content-length": str(len(text) + 100)})
    await response.prepare(request)
    await response.write(text.encode())
    request.transport.close()
    return response


async def stream(request, pieces, script):
    response = web.StreamResponse(headers={"content-type": "text/event-stream; charset=utf-8"})
    await response.prepare(request)
    for number, piece in enumerate(pieces):
        if "trunc" in script:
            request.transport.close()
            break
        if "badjson" in script and number == 2:
            piece = 'data: {"choices": [{"delta": {"content\n\n'
        await response.write(piece.encode())
    return response


def offered(body):
    """The call of the first tool, unless one was answered already."""
    turns = body.get("messages") or body.get("input")
    for turn in turns if isinstance(turns, list) else []:
        blocks = turn.get("content") if isinstance(turn.get("content"), list) else []
        if turn.get("role") == "tool" or turn.get("type") == "function_call_output":
            return None
        if any(block.get("type") == "tool_result" for block in blocks):
            return None
    tool = (body.get("tools") or [None])[0]
    if tool is None:
        return None
    function = tool.get("function") or tool
    schema = function.get("parameters") or function.get("input_schema") or {}
    words = {name: "print(2 + 2)" if name == "code" else "rust gateway" for name in schema.get("required", [])}
    return function["name"], words


def event(body, name=None):
    return (f"event: {name}\n" if name else "") + f"data: {json.dumps(body)}\n\n"


class Chat:
    @staticmethod
    def head(body, kind):
        return {"id": "chatcmpl-mock", "object": kind, "created": 1_700_000_000, "model": body["model"]}

    @classmethod
    def whole(cls, body, call):
        message = {"role": "assistant", "content": TEXT, "refusal": None}
        if call:
            function = {"name": call[0], "arguments": json.dumps(call[1])}
            message = {"role": "assistant", "content": None,
                       "tool_calls": [{"id": "call_mock", "type": "function", "function": function}]}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "tool_calls" if call else "stop"}
        tokens = 7 if call else 29
        usage = {"prompt_tokens": 11, "completion_tokens": tokens, "total_tokens": 11 + tokens}
        if call:
            del choice["logprobs"]
        else:
            usage["prompt_tokens_details"] = {"cached_tokens": 0}
        fingerprint = {} if call else {"system_fingerprint": "fp_mock"}
        return {**cls.head(body, "chat.completion"), **fingerprint, "choices": [choice], "usage": usage}

    @classmethod
    def stream(cls, body, call):
        head = cls.head(body, "chat.completion.chunk")

        def chunk(delta, finish=None):
            return event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

        if call:
            function = {"name": call[0], "arguments": ""}
            opening = {"index": 0, "id": "call_mock", "type": "function", "function": function}
            yield chunk({"role": "assistant", "content": None, "tool_calls": [opening]})
            yield chunk({"tool_calls": [{"index": 0, "function": {"arguments": json.dumps(call[1])}}]})
        else:
            yield chunk({"role": "assistant", "content": ""})
            for number in range(PIECES):
                yield chunk({"content": f"{number:05} "})
        yield chunk({}, "tool_calls" if call else "stop")
        if call or (body.get("stream_options") or {}).get("include_usage"):
            tokens = 7 if call else PIECES
            usage = {"prompt_tokens": 11, "completion_tokens": tokens, "total_tokens": 11 + tokens}
            yield event({**head, "choices": [], "usage": usage})
        yield "data: [DONE]\n\n"


class Messages:
    HEAD = {"id": "msg_mock", "type": "message", "role": "assistant"}

    @classmethod
    def whole(cls, body, call):
        block = {"type": "text", "text": TEXT}
        usage = {"input_tokens": 11, "output_tokens": 29, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
        if call:
            block = {"type": "tool_use", "id": "toolu_mock", "name": call[0], "input": call[1]}
            usage = {"input_tokens": 11, "output_tokens": 7}
        stop = "tool_use" if call else "end_turn"
        return {**cls.HEAD, "model": body["model"], "content": [block], "stop_reason": stop, "stop_sequence": None,
                "usage": usage}

    @classmethod
    def stream(cls, body, call):
        def typed(kind, **members):
            return event({"type": kind, **members}, kind)

        message = {**cls.HEAD, "model": body["model"], "content": [], "stop_reason": None, "stop_sequence": None,
                   "usage": {"input_tokens": 11, "output_tokens": 1}}
        yield (
            typed("message_start", message=message)
            + typed("content_block_start", index=0, content_block={"type": "text", "text": ""})
            + typed("ping")
        )
        for number in range(PIECES):
            yield typed("content_block_delta", index=0, delta={"type": "text_delta", "text": f"{number:05} "})
        yield typed("content_block_stop", index=0)
        end = {"stop_reason": "end_turn", "stop_sequence": None}
        yield typed("message_delta", delta=end, usage={"output_tokens": PIECES})
        yield typed("message_stop")


class Responses:
    @staticmethod
    def response(body, status, output, tokens=None):
        usage = tokens and {
            "input_tokens": 11, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": tokens,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 11 + tokens,
        }
        return {"id": "resp_mock", "object": "response", "created_at": 1_700_000_000, "status": status,
                "model": body["model"], "output": output, "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
                "error": None, "incomplete_details": None, "instructions": None, "metadata": {}, "temperature": 1.0,
                "top_p": 1.0, "usage": usage}

    @staticmethod
    def message(text, status="completed"):
        part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        return {"id": "msg_mock", "type": "message", "status": status, "role": "assistant", "content": [part]}

    @classmethod
    def whole(cls, body, call):
        if call:
            item = {"type": "function_call", "id": "fc_mock", "call_id": "call_mock", "name": call[0],
                    "arguments": json.dumps(call[1]), "status": "completed"}
            return cls.response(body, "completed", [item], 7)
        return cls.response(body, "completed", [cls.message(TEXT)], 29)

    @classmethod
    def stream(cls, body, _call):
        at = {"item_id": "msg_mock", "output_index": 0, "content_index": 0}

        def typed(kind, number, **members):
            return event({"type": kind, "sequence_number": number, **members}, kind)

        item = cls.message("", "in_progress") | {"content": []}
        part = {"type": "output_text", "text": "", "annotations": []}
        yield (
            typed("response.created", 0, response=cls.response(body, "in_progress", []))
            + typed("response.output_item.added", 1, output_index=0, item=item)
            + typed("response.content_part.added", 2, **at, part=part)
        )
        for number in range(PIECES):
            yield typed("response.output_text.delta", 3 + number, **at, logprobs=[], delta=f"{number:05} ")
        yield typed("response.output_text.done", 3 + PIECES, **at, logprobs=[], text="streamed")
        done = cls.response(body, "completed", [cls.message("streamed")], PIECES)
        yield typed("response.completed", 4 + PIECES, response=done)


class Embeddings:
    @staticmethod
    def whole(body, _call):
        many = body["input"] if isinstance(body["input"], list) else [body["input"]]
        vector = [n / 8 for n in range(1, 9)]
        if body.get("encoding_format") == "base64":
            vector = base64.b64encode(struct.pack("<8f", *vector)).decode()
        data = [{"object": "embedding", "index": n, "embedding": vector} for n in range(len(many))]
        usage = {"prompt_tokens": 5 * len(many), "total_tokens": 5 * len(many)}
        return {"object": "list", "data": data, "model": body["model"], "usage": usage}


SURFACES = {"chat/completions": Chat, "messages": Messages, "responses": Responses, "embeddings": Embeddings}


@contextmanager
def serving():
    loop = asyncio.new_event_loop()
    upstream = Upstream()
    runner = web.AppRunner(upstream.application(), access_log=None, shutdown_timeout=0.1)

    async def start():
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        upstream.url = f"http://127.0.0.1:{runner.addresses[0][1]}"

    async def stop():
        upstream.leaving.set()
        await runner.cleanup()

    loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield upstream
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
