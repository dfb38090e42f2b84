"""PostgreSQL goes away under load and comes back: known keys are served, and nothing is lost."""

import asyncio
import time

import pytest

from database import assert_counters_equal_rows, listened_to, nothing_waits, rows
from gateway import LONG, Gateway, eventually, priced, running
from load import Outcome, after, chat, keep_busy
from proxy import proxy_to

AWAY = 60 if LONG else 10
WORKERS = 16
# Paced, so that the count of calls stays bounded.
MODEL = "echo:chat+latency=10ms"


def body(n):
    return chat(MODEL, f"call {n}", stream=n % 2 == 0, max_tokens=20)


async def load_while_away(gateway, key, proxy, outcome):
    """Load before, during and after an absence of the database; how many calls ended in each part."""
    parts = []

    async def absence():
        for act, seconds in [(lambda: None, 2), (proxy.cut, AWAY), (proxy.open, 3)]:
            act()
            before = len(outcome.complete)
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                await asyncio.sleep(0.05)
            parts.append(len(outcome.complete) - before)

    task = asyncio.create_task(absence())
    await keep_busy(gateway.url, key, body, WORKERS, outcome, until=task.done)
    await task
    return parts


@pytest.mark.parametrize("budget", [None, {"max_budget": 1_000_000}], ids=["no budget", "a wide budget"])
def test_known_keys_are_served_while_the_database_is_away(postgres, tmp_path, budget):
    outcome = Outcome()
    with proxy_to(postgres.address) as proxy:
        url = postgres.url_through("127.0.0.1", proxy.port)
        with running(Gateway(tmp_path / "node", url, db_pool_timeout=2, pricing=priced(MODEL))) as gateway:
            key = gateway.new_key("ada", budget)
            parts = asyncio.run(load_while_away(gateway, key, proxy, outcome))
            assert all(parts), parts
            assert outcome.broken == []
            assert outcome.refused == {}, outcome.statuses
            nothing_waits(gateway)
            eventually(lambda: len(rows(postgres)) == len(outcome.complete))
            written = rows(postgres)
            assert set(written) == set(outcome.complete)
            assert set(written.values()) == {1}
            assert_counters_equal_rows(postgres)


def test_what_needs_the_database_says_so_and_recovers(postgres, tmp_path):
    with proxy_to(postgres.address) as proxy:
        url = postgres.url_through("127.0.0.1", proxy.port)
        with running(Gateway(tmp_path / "node", url, db_pool_timeout=1)) as gateway:
            eventually(lambda: listened_to(postgres))
            unknown = gateway.new_key("bo")
            key = gateway.new_key("ada")
            # The node hears of its own changes too; what it learns after them stays.
            nothing_waits(gateway)
            with gateway.http(key) as http:
                assert http.post("/v1/chat/completions", json=chat()).status_code == 200
            proxy.cut()
            with gateway.http() as http:
                assert http.get("/health/liveness").status_code == 200
                assert http.get("/health/readiness").status_code == 503
                answer = http.get("/v1/users")
                assert answer.status_code == 503
                assert "retry" in answer.json()["detail"]
            with gateway.http(unknown) as http:
                # Not "wrong key": that would make clients give up.
                assert http.post("/v1/chat/completions", json=chat()).status_code == 503
            with gateway.http(key) as http:
                assert http.post("/v1/chat/completions", json=chat()).status_code == 200
            proxy.open()
            with gateway.http() as http:
                eventually(lambda: http.get("/health/readiness").status_code == 200)
            with gateway.http(unknown) as http:
                eventually(lambda: http.post("/v1/chat/completions", json=chat()).status_code == 200)
            eventually(lambda: len(rows(postgres)) == 3)


def test_a_crash_while_the_database_is_away_loses_nothing(postgres, tmp_path):
    outcome = Outcome()
    with proxy_to(postgres.address) as proxy:
        url = postgres.url_through("127.0.0.1", proxy.port)
        node = Gateway(tmp_path / "node", url, db_pool_timeout=1, pricing=priced(MODEL))
        with running(node) as gateway:
            key = gateway.new_key("ada", {"max_budget": 1_000_000})
            asyncio.run(keep_busy(gateway.url, key, body, WORKERS, outcome, until=after(1)))
            proxy.cut()
            asyncio.run(keep_busy(gateway.url, key, body, WORKERS, outcome, until=after(2)))
            gateway.kill()
            proxy.open()
            gateway.start()
            nothing_waits(gateway)
            assert set(rows(postgres)) == set(outcome.complete)
            assert_counters_equal_rows(postgres)
