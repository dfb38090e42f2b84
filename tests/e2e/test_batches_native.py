"""Batches at a provider's own are held and paid for while they are there."""

from batch_upstream import REFUSAL
from database import assert_counters_equal_rows, nothing_waits
from gateway import eventually
from native_batches import (  # noqa: F401 (fixtures)
    LINES, answered, create, database, ended, node, provider, results, setting, upstream)


def test_what_a_batch_may_cost_is_held_until_it_is_paid_for(node, upstream, provider, database):
    key = node.new_key("ada", {"max_budget": 100})
    batch = create(node, key, provider)

    def held():
        [budget] = node.manage("GET", "/v1/budgets")
        return budget["total_reserved"]

    def refused_for_want_of_room():
        call = {"model": f"{provider}:m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 60}
        with node.http(key) as http:
            answer = http.post("/v1/chat/completions", json=call)
        return answer.status_code == 403 and "budget" in answer.text

    eventually(lambda: database.query("SELECT native_id FROM batches") != [(None,)])
    first = held()
    assert 10 * LINES < first < 100
    assert refused_for_want_of_room()
    node.kill()
    node.start()
    # The next process holds it again.
    eventually(lambda: held() == first)
    assert refused_for_want_of_room()
    upstream.done.set()
    answered(node, key, batch, database)


def test_lines_that_find_no_room_are_not_handed_over(node, upstream, provider, database):
    key = node.new_key("ada", {"max_budget": 50})
    upstream.done.set()
    batch = ended(node, key, create(node, key, provider, lines=10))
    counts = batch["request_counts"]
    assert 1 <= counts["completed"] <= 4 and counts["completed"] + counts["failed"] == 10
    [made] = upstream.batches
    assert len(made["lines"]) == counts["completed"]
    nothing_waits(node)
    assert node.manage("GET", "/v1/users/ada")["spend"] == 5 * counts["completed"]


def test_a_line_that_the_provider_refuses_is_told_and_costs_nothing(node, upstream, provider, database):
    key = node.new_key("ada", {"max_budget": 1000})
    upstream.refuse_last_line = True
    upstream.done.set()
    batch = create(node, key, provider)
    counts = ended(node, key, batch)["request_counts"]
    assert (counts["completed"], counts["failed"]) == (LINES - 1, 1)
    *answered, refused = results(node, key, batch)
    assert all(result["result"]["choices"][0]["message"]["content"] == "done" for result in answered)
    assert REFUSAL in refused["error"]["message"]
    nothing_waits(node)
    [budget] = node.manage("GET", "/v1/budgets")
    assert (budget["total_reserved"], node.manage("GET", "/v1/users/ada")["spend"]) == (0, 5 * (LINES - 1))


def test_what_was_answered_before_a_cancellation_is_kept_and_paid_for(node, upstream, provider, database):
    key = node.new_key("ada", {"max_budget": 1000})
    batch = create(node, key, provider)
    eventually(lambda: database.query("SELECT native_id FROM batches") != [(None,)])
    with node.http(key) as http:
        assert http.post(f"/v1/batches/{batch}/cancel").json()["status"] == "cancelling"
    batch = ended(node, key, batch)
    assert (batch["status"], batch["request_counts"]) == (
        "cancelled", {"total": LINES, "completed": 1, "failed": LINES - 1})
    codes = [(result.get("error") or {}).get("code") for result in results(node, key, batch["id"])]
    assert codes == [None] + ["batch_cancelled"] * (LINES - 1)
    nothing_waits(node)
    assert_counters_equal_rows(database)
    [budget] = node.manage("GET", "/v1/budgets")
    assert (budget["total_reserved"], node.manage("GET", "/v1/users/ada")["spend"]) == (0, 5)
