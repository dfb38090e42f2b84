"""`kill -9` under load: what a client has seen to the end is in the books, once."""

import asyncio
import random

from database import assert_counters_equal_rows, nothing_waits, rows
from gateway import LONG, Gateway, priced, running
from load import Outcome, chat, keep_busy

KILLS = 50 if LONG else 10
WORKERS = 16
MODELS = ["echo:chat", "echo:chat+gap=1ms+tokens=20", "echo:chat+latency=20ms"]
# The same moments in every run; what they hit differs.
MOMENTS = random.Random(20260101)


def body(n):
    return chat(MODELS[n % len(MODELS)], f"call {n}", stream=n % 2 == 0, max_tokens=50)


async def until_killed(gateway, key, outcome, kill_after):
    """Load until the gateway was killed, somewhere in the middle of its calls."""
    goal = len(outcome.complete) + kill_after
    loop = asyncio.get_running_loop()

    async def killer():
        async with asyncio.timeout(60):
            while len(outcome.complete) < goal:
                await asyncio.sleep(0.001)
        await loop.run_in_executor(None, gateway.kill)

    kill = asyncio.create_task(killer())
    await keep_busy(gateway.url, key, body, WORKERS, outcome, until=kill.done)
    await kill


def test_every_call_seen_to_its_end_has_one_row_after_kills(database, tmp_path):
    outcome = Outcome()
    gateway = Gateway(tmp_path / "node", database.url, pricing=priced(*MODELS))
    with running(gateway):
        key = gateway.new_key("ada", {"max_budget": 1000})
        for _ in range(KILLS):
            asyncio.run(until_killed(gateway, key, outcome, MOMENTS.randint(1, 150)))
            gateway.start()
        nothing_waits(gateway)
        written = rows(database)
        lost = [request_id for request_id in outcome.complete if request_id not in written]
        assert lost == [], f"{len(lost)} of {len(outcome.complete)} calls have no row"
        assert [request_id for request_id, count in written.items() if count > 1] == []
        # A call whose answer broke off may be charged, for what was produced; one never made cannot be.
        assert written.keys() <= {*outcome.complete, *outcome.broken}
        assert outcome.refused == {}
        assert_counters_equal_rows(database)
        [budget] = gateway.manage("GET", "/v1/budgets")
        assert budget["total_reserved"] == 0
        assert gateway.stop() == 0
    # Nothing that a dead process held stays held.
    assert database.query("SELECT leased_cost, leased_tokens, leased_requests FROM accounts") == [(0, 0, 0)]
    assert len(outcome.complete) >= KILLS
