"""Many calls at once, each with an id of its own, and what became of them."""

import asyncio
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field

import aiohttp

DONE = b"data: [DONE]"


@dataclass
class Outcome:
    """Ids by fate. `complete`: the last byte arrived."""

    complete: list = field(default_factory=list)
    refused: dict = field(default_factory=dict)
    broken: list = field(default_factory=list)

    @property
    def statuses(self):
        return Counter(self.refused.values())


def chat(model="echo:chat", text="hello", **members):
    return {"model": model, "messages": [{"role": "user", "content": text}], **members}


async def call(session, url, body, outcome):
    """One call. A connection that breaks is not an error here: that is what some tests are about."""
    request_id = uuid.uuid4().hex
    try:
        async with session.post(
            f"{url}/v1/chat/completions", json=body, headers={"x-request-id": request_id}
        ) as answer:
            content = await answer.read()
    except (aiohttp.ClientError, TimeoutError, ConnectionError):
        outcome.broken.append(request_id)
        return
    if answer.status != 200:
        outcome.refused[request_id] = answer.status
    elif body.get("stream") and DONE not in content:
        outcome.broken.append(request_id)
    else:
        outcome.complete.append(request_id)


def session(key, workers):
    return aiohttp.ClientSession(
        headers={"Authorization": f"Bearer {key}"},
        connector=aiohttp.TCPConnector(limit=workers),
        timeout=aiohttp.ClientTimeout(total=120),
    )


async def keep_busy(urls, key, body, workers, outcome, until, calls_max=200_000):
    """Keeps `workers` calls in flight, spread over `urls`, until `until()`; `body(n)` makes the n-th."""
    urls = [urls] if isinstance(urls, str) else urls
    started = 0

    async def worker(http):
        nonlocal started
        while not until() and started < calls_max:
            started += 1
            broken = len(outcome.broken)
            await call(http, urls[started % len(urls)], body(started), outcome)
            if len(outcome.broken) > broken:
                # A refused connection fails at once: do not spin on it.
                await asyncio.sleep(0.01)

    async with session(key, workers) as http:
        await asyncio.gather(*(worker(http) for _ in range(workers)))


def after(seconds):
    """An `until` for so many seconds from now."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


async def all_at_once(urls, key, bodies, outcome):
    """Every body as one call, all in flight together, spread over `urls`."""
    async with session(key, len(bodies)) as http:
        await asyncio.gather(
            *(call(http, urls[n % len(urls)], body, outcome) for n, body in enumerate(bodies))
        )
