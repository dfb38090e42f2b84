"""Hundreds of calls in flight for a while, on both engines: every one answered, every one in the books."""

import asyncio

from database import assert_counters_equal_rows, nothing_waits, rows
from gateway import LONG, Gateway, eventually, priced, running
from load import Outcome, after, chat, keep_busy, session

IN_FLIGHT = 300
SECONDS = 60 if LONG else 10


# A second of answer, whole or streamed: 300 a second, and always 300 at once.
MODELS = ["echo:chat+latency=1s", "echo:chat+ttft=500ms+gap=50ms+tokens=10"]
LONG_ANSWER = "echo:chat+gap=200ms+tokens=100"


def body(n):
    return chat(MODELS[n % 2], f"call {n}", stream=n % 2 == 1, max_tokens=10)


def test_three_hundred_calls_in_flight(database, tmp_path):
    outcome = Outcome()
    with running(Gateway(tmp_path / "node", database.url, pricing=priced(*MODELS))) as gateway:
        key = gateway.new_key("ada", {"max_budget": 1_000_000})
        asyncio.run(keep_busy(gateway.url, key, body, IN_FLIGHT, outcome, until=after(SECONDS)))
        assert outcome.refused == {}, outcome.statuses
        assert outcome.broken == []
        assert len(outcome.complete) >= IN_FLIGHT
        nothing_waits(gateway)
        written = rows(database)
        assert set(written) == set(outcome.complete)
        assert set(written.values()) == {1}
        assert_counters_equal_rows(database)
        [budget] = gateway.manage("GET", "/v1/budgets")
        assert budget["total_reserved"] == 0


def test_clients_that_go_away_leave_nothing_held(database, tmp_path):
    """Cancelled in the middle of a stream: what was produced is charged once, and no room stays taken."""
    async def vanish(gateway, key):
        async with session(key, 50) as http:
            async def one(n):
                slow = chat(LONG_ANSWER, f"call {n}", stream=True, max_tokens=100)
                async with http.post(f"{gateway.url}/v1/chat/completions", json=slow) as answer:
                    await answer.content.readuntil(b'"content":"echo"')
                    answer.close()

            await asyncio.gather(*(one(n) for n in range(50)))

    with running(Gateway(tmp_path / "node", database.url, pricing=priced(LONG_ANSWER))) as gateway:
        key = gateway.new_key("ada", {"max_budget": 1})
        asyncio.run(vanish(gateway, key))
        eventually(lambda: database.query("SELECT COUNT(*) FROM usage_logs") == [(50,)])
        [budget] = gateway.manage("GET", "/v1/budgets")
        assert budget["total_reserved"] == 0
        assert 0 < budget["total_spend"] < 50 * 100 / 1e6
