"""The server: one thread, each dialect under a path of its own."""

import asyncio
import threading
from contextlib import contextmanager
from dataclasses import dataclass

from aiohttp import web

from . import chat, cohere, gemini, messages, vectors
from .memory import Memory
from .model import Ask, Call, Failure, Malformed, Reasoning, need, obliging

DIALECTS = ("openai", "anthropic", "gemini", "cohere")
READERS = {"openai": chat, "anthropic": messages, "gemini": gemini, "cohere": cohere}
KEY = "scripted-key"
INPUT, OUTPUT, THOUGHT = 100, 20, 5
"""Tokens of every answer. Of the output, so many are thought where the model thinks."""
COUNTED = 4321
"""Tokens of every prompt that is only counted."""
MODELS = {
    "openai": "gpt-scripted", "anthropic": "claude-sonnet-4-5", "gemini": "gemini-3-pro", "cohere": "command-a-reasoning",
}


@dataclass
class Reply:
    ask: Ask
    blocks: list
    number: int
    input: int = INPUT
    output: int = OUTPUT

    @property
    def ends_with(self):
        return "calls" if any(isinstance(block, Call) for block in self.blocks) else "text"

    @property
    def thought(self):
        return THOUGHT if any(isinstance(block, Reasoning) for block in self.blocks) else 0


class Upstream:
    """`asks` are the requests so far; `malformed` says what was wrong with those that no provider would have taken."""

    def __init__(self):
        self.script = obliging
        self.memory = Memory()
        self.asks = []
        self.searches = []
        self.malformed = []
        self.url = None

    def forget(self):
        self.script = obliging
        self.asks.clear()
        self.searches.clear()
        self.malformed.clear()

    @property
    def last(self):
        return self.asks[-1]

    def providers(self):
        """The gateway's `providers` block, an instance for each dialect."""
        def instance(kind, path):
            return {"provider_type": kind, "api_base": f"{self.url}{path}", "api_key": KEY}

        return {
            "openai": instance("openai-compatible", "/openai/v1"),
            "anthropic": instance("anthropic", "/anthropic"),
            "gemini": instance("gemini", "/gemini/v1beta"),
            "cohere": instance("cohere", "/cohere"),
        }

    def application(self):
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/openai/v1/chat/completions", self.at("openai", self.answer))
        app.router.add_post("/anthropic/v1/messages", self.at("anthropic", self.answer))
        app.router.add_post("/anthropic/v1/messages/count_tokens", self.at("anthropic", self.count))
        app.router.add_post("/cohere/v2/chat", self.at("cohere", self.answer))
        app.router.add_post("/gemini/v1beta/models/{model}:generateContent", self.at("gemini", self.answer))
        app.router.add_post("/gemini/v1beta/models/{model}:streamGenerateContent", self.at("gemini", self.answer))
        app.router.add_post("/gemini/v1beta/models/{model}:countTokens", self.at("gemini", self.count))
        app.router.add_post("/openai/v1/embeddings", self.at("openai", self.embed))
        app.router.add_post("/gemini/v1beta/models/{model}:batchEmbedContents", self.at("gemini", self.embed))
        app.router.add_post("/cohere/v2/embed", self.at("cohere", self.embed))
        app.router.add_get("/search", self.search)
        return app

    def at(self, dialect, handle):
        """The handler, with a provider's refusals around it."""
        speaks = READERS[dialect]

        async def handler(request):
            try:
                check_key(dialect, request.headers)
                return await handle(dialect, request, await request.json())
            except Failure as failure:
                headers = {"retry-after": failure.retry_after} if failure.retry_after else {}
                body = speaks.error(failure.status, str(failure), failure.details)
                return web.json_response(body, status=failure.status, headers=headers)
            except (Malformed, LookupError, TypeError, ValueError) as error:
                message = f"{dialect}: {type(error).__name__}: {error}"
                self.malformed.append(f"{message}\n{(await request.text())[:4000]}")
                return web.json_response(speaks.error(400, message), status=400)

        return handler

    async def answer(self, dialect, request, body):
        speaks = READERS[dialect]
        ask = speaks.read(body, self.memory)
        ask.model = ask.model or request.match_info["model"]
        ask.body, ask.headers, ask.path = body, dict(request.headers), request.path
        self.asks.append(ask)
        blocks = self.memory.complete(dialect, self.script(ask))
        reply = Reply(ask, blocks, self.memory.number())
        streamed = body.get("stream") or request.path.endswith(":streamGenerateContent")
        if not streamed:
            return web.json_response(speaks.whole(reply))
        need(dialect != "gemini" or request.query.get("alt") == "sse", "alt=sse")
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for event in speaks.stream(reply):
            await response.write(event.encode())
        return response

    async def search(self, request):
        self.searches.append(request.query["q"])
        return web.json_response({"results": found(request.query["q"])})

    async def count(self, dialect, request, body):
        need("max_tokens" not in body, "max_tokens is not counted")
        name = "input_tokens" if dialect == "anthropic" else "totalTokens"
        return web.json_response({name: COUNTED})

    async def embed(self, dialect, request, body):
        return web.json_response(getattr(vectors, dialect)(body))


def found(query):
    """What a search finds, in SearXNG's format."""
    return [
        {"url": f"https://example.com/{query}", "title": f"About {query}", "content": f"All of {query}."},
        {"url": f"https://example.org/{query}", "title": f"More on {query}", "content": "The rest."},
    ]


def check_key(dialect, headers):
    name, value = {
        "anthropic": ("x-api-key", KEY), "gemini": ("x-goog-api-key", KEY),
    }.get(dialect, ("authorization", f"Bearer {KEY}"))
    need(headers.get(name) == value, f"{name} is not the provider's key")
    need(dialect != "anthropic" or headers.get("anthropic-version"), "anthropic-version")


@contextmanager
def serving():
    """A running upstream. At the end, nothing it was sent may have been malformed."""
    upstream = Upstream()
    with listening(upstream.application()) as upstream.url:
        yield upstream


@contextmanager
def listening(application):
    """The address at which the application answers, on a thread of its own."""
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)

    async def start():
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    url = loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield url
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
