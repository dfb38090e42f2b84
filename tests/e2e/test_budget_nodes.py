"""Several gateways on one PostgreSQL keep one limit between them, exactly."""

import asyncio
import json

import pytest

from database import assert_counters_equal_rows, nothing_waits, rows
from gateway import Gateway, eventually, priced, running
from load import Outcome, all_at_once, chat

CALLS = 1000
COVERED = 300
# 1000 tokens answered, 1 dollar a million: the answer costs 0.001 and a prompt of one token 0.000001.
# Names of one length, because a hold bounds the prompt by the bytes of the body.
MODEL = "echo:budgeted+tokens=1000+latency=1ms"
SLOW_MODEL = "echo:budgeted+tokens=1000+latency=15s"
BODY = chat(MODEL, "hi", max_tokens=1000)
COST = 0.001001


@pytest.fixture
def nodes(postgres, tmp_path):
    nodes = [Gateway(tmp_path / f"node-{n}", postgres.url, pricing=priced(MODEL, SLOW_MODEL)) for n in range(2)]
    with running(*nodes):
        yield nodes


def hold_of_one_call(node):
    """What one call reserves: the answer's declared maximum and a bound of its prompt. Found by asking."""
    low, high = 1_000_000, 1_200_000
    # Byte for byte what the load sends: the two clients space JSON differently.
    sent = json.dumps(BODY)
    key = node.new_key("probe", {"max_budget": 0})
    user = node.manage("GET", "/v1/users/probe")
    with node.http(key) as http:
        while high - low > 1:
            middle = (low + high) // 2
            spent = round(node.manage("GET", "/v1/users/probe")["spend"] * 1e9)
            limit = (spent + middle) / 1e9
            node.manage("PATCH", f"/v1/budgets/{user['budget_id']}", {"max_budget": limit})
            status = http.post("/v1/chat/completions", content=sent).status_code
            assert status in (200, 403)
            low, high = (low, middle) if status == 200 else (middle, high)
    return high


def burst(nodes, key):
    outcome = Outcome()
    asyncio.run(all_at_once([node.url for node in nodes], key, [BODY] * CALLS, outcome))
    for node in nodes:
        nothing_waits(node)
    assert outcome.broken == []
    return outcome


def test_a_request_limit_admits_exactly_as_many(postgres, nodes):
    key = nodes[0].new_key("ada", {"request_limit": COVERED})
    outcome = burst(nodes, key)
    assert len(outcome.complete) == COVERED
    assert outcome.statuses == {403: CALLS - COVERED}
    assert len(rows(postgres)) == COVERED
    assert_counters_equal_rows(postgres)


def test_a_money_limit_admits_what_fits_and_is_never_passed(postgres, nodes):
    """Calls end while others start, so what a hold had too much is free for further ones."""
    limit = COVERED * hold_of_one_call(nodes[0])
    key = nodes[0].new_key("ada", {"max_budget": limit / 1e9})
    outcome = burst(nodes, key)
    assert set(outcome.statuses) <= {403}
    [(spent,)] = postgres.query("SELECT settled_cost FROM accounts WHERE account_id = 'user:ada'")
    assert spent == round(len(outcome.complete) * COST * 1e9)
    assert spent <= limit
    assert len(outcome.complete) >= COVERED
    assert_counters_equal_rows(postgres)


def test_holds_that_overlap_admit_exactly_those_that_fit(postgres, nodes):
    """No call ends before all were asked, so each hold stays whole: as many as fit, on both nodes together."""
    limit = COVERED * hold_of_one_call(nodes[0])
    key = nodes[1].new_key("ada", {"max_budget": limit / 1e9})
    outcome = Outcome()
    bodies = [{**BODY, "model": SLOW_MODEL}] * CALLS
    asyncio.run(all_at_once([node.url for node in nodes], key, bodies, outcome))
    for node in nodes:
        nothing_waits(node)
    assert outcome.broken == []
    assert len(outcome.complete) == COVERED
    assert outcome.statuses == {403: CALLS - COVERED}
    assert_counters_equal_rows(postgres)


def test_what_a_dead_node_had_leased_is_not_spent_twice(postgres, nodes):
    key = nodes[0].new_key("ada", {"request_limit": COVERED})
    first = Outcome()
    asyncio.run(all_at_once([nodes[1].url], key, [BODY] * 50, first))
    nodes[1].kill()
    second = Outcome()
    asyncio.run(all_at_once([nodes[0].url], key, [BODY] * CALLS, second))
    # Its lease is not reclaimed yet: at most the limit, and what it left is not lost when it comes back.
    assert len(first.complete) + len(second.complete) <= COVERED
    nodes[1].start()
    third = Outcome()
    asyncio.run(all_at_once([node.url for node in nodes], key, [BODY] * CALLS, third))
    for node in nodes:
        nothing_waits(node)
    assert len(first.complete) + len(second.complete) + len(third.complete) == COVERED
    assert len(rows(postgres)) == COVERED
    assert_counters_equal_rows(postgres)


def test_a_change_on_one_node_is_known_on_the_other(nodes):
    key = nodes[0].new_key("ada", {"request_limit": 0})
    with nodes[1].http(key) as http:
        def status():
            return http.post("/v1/chat/completions", json=BODY).status_code

        assert status() == 403
        [budget] = nodes[0].manage("GET", "/v1/budgets")
        nodes[0].manage("PATCH", f"/v1/budgets/{budget['budget_id']}", {"request_limit": None})
        reaches(status, 200)
        [info] = [key for key in nodes[0].manage("GET", "/v1/keys") if key["user_id"] == "ada"]
        nodes[0].manage("PATCH", f"/v1/keys/{info['id']}", {"is_active": False})
        reaches(status, 401)


def reaches(status, wanted):
    eventually(lambda: status() == wanted, seconds=10)
