"""Batches at a provider's own: handed over once through crashes, and paid for while they are there."""

import pytest

from batch_upstream import REFUSAL, serving
from database import assert_counters_equal_rows, fresh, nothing_waits
from gateway import Gateway, eventually, running

LINES = 3
DONE = {"completed", "failed", "expired", "cancelled"}


@pytest.fixture
def upstream():
    with serving() as upstream:
        yield upstream


# What the engines do otherwise is the same for every provider.
PROVIDERS = (
    "openai", "azureopenai", "together", "mistral", "anthropic", "gemini", "vertexai", "vertexaianthropic", "bedrock")
SETTINGS = [("openai", "postgres")] + [(provider, "sqlite") for provider in PROVIDERS]


@pytest.fixture(params=SETTINGS, ids="-".join)
def setting(request):
    return request.param


@pytest.fixture
def provider(setting):
    return setting[0]


@pytest.fixture
def database(setting, tmp_path):
    with fresh(setting[1], tmp_path) as database:
        yield database


@pytest.fixture
def node(database, upstream, provider, tmp_path):
    upstream.kind = provider
    base = upstream.address + {"anthropic": "", "azureopenai": "", "bedrock": "", "gemini": "/v1beta"}.get(provider, "/v1")
    bucket = {"batch_bucket_endpoint": upstream.address}
    google = {"api_key": "ya29.token", "project": "p", "location": "us-central1", "batch_bucket": "gs://bucket", **bucket}
    entry = {"api_base": base} | {
        "vertexai": google,
        "vertexaianthropic": google,
        "bedrock": {"region": "us-east-1", "aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "s",
                    "batch_bucket": "s3://bucket/path", "batch_role_arn": "arn:aws:iam::123456789012:role/batches",
                    "batch_min_lines": 1, **bucket},
    }.get(provider, {"api_key": "k"})
    # A dollar a token.
    price = {f"{provider}:m": {"input_price_per_million": 1_000_000, "output_price_per_million": 1_000_000}}
    node = Gateway(
        tmp_path / "node", database.url, providers={provider: entry}, pricing=price,
        model_discovery=False,
    )
    with running(node):
        yield node


def create(node, key, provider, lines=LINES):
    message = [{"role": "user", "content": "hi"}]
    requests = [{"custom_id": f"c{n}", "body": {"messages": message, "max_tokens": 10}} for n in range(lines)]
    with node.http(key) as http:
        answer = http.post(f"/v1/batches?provider={provider}", json={"model": f"{provider}:m", "requests": requests})
    assert answer.status_code == 200, answer.text
    assert answer.json()["native"] is True
    return answer.json()["id"]


def results(node, key, batch):
    with node.http(key) as http:
        return http.get(f"/v1/batches/{batch}/results").json()["results"]


def look(node, key, batch):
    with node.http(key) as http:
        return http.get(f"/v1/batches/{batch}").json()


def ended(node, key, batch):
    def now():
        now = look(node, key, batch)
        return now if now["status"] in DONE else None

    return eventually(now, 90)


def answered(node, key, batch, database, lines=LINES):
    """It came to a good end, and each line is paid for once."""
    batch = ended(node, key, batch)
    assert (batch["status"], batch["request_counts"]["completed"]) == ("completed", lines), batch
    nothing_waits(node)
    assert database.query("SELECT COUNT(*) FROM usage_logs WHERE status = 'success'") == [(lines,)]
    assert_counters_equal_rows(database)
    [budget] = node.manage("GET", "/v1/budgets")
    assert (budget["total_reserved"], node.manage("GET", "/v1/users/ada")["spend"]) == (0, 5 * lines)


def test_a_batch_whose_answer_a_kill_took_along_is_found_again(node, upstream, provider, database):
    key = node.new_key("ada", {"max_budget": 1000})
    upstream.made_by_others(3, LINES, provider)
    upstream.lose_answer = True
    batch = create(node, key, provider)
    assert upstream.lost.wait(30)
    upstream.made_by_others(2, LINES, provider)
    node.kill()
    upstream.go_on.set()
    node.start()
    if provider == "anthropic":
        # Nothing tells whose a batch is while it is run.
        assert upstream.seen.wait(60)
        assert look(node, key, batch)["status"] == "in_progress"
    upstream.done.set()
    answered(node, key, batch, database)
    # None was made a second time.
    assert len([made for made in upstream.batches if made["id"].startswith("made")]) == 1


def test_a_batch_that_the_provider_never_took_is_handed_over_again(node, upstream, provider, database):
    key = node.new_key("ada", {"max_budget": 1000})
    upstream.made_by_others(3, LINES, provider)
    upstream.made_by_others(1, LINES + 1, provider)
    upstream.refuse = True
    batch = create(node, key, provider)
    assert upstream.lost.wait(30)
    assert len(upstream.batches) == 4
    node.kill()
    upstream.go_on.set()
    upstream.done.set()
    node.start()
    answered(node, key, batch, database)
    assert len(upstream.batches) == 5


def test_an_answer_that_is_lost_on_the_way_hands_nothing_over_twice(node, upstream, provider, database):
    """Without any crash: the connection breaks after the provider took the batch."""
    key = node.new_key("ada", {"max_budget": 1000})
    upstream.lose_answer = True
    upstream.go_on.set()
    upstream.done.set()
    batch = create(node, key, provider)
    answered(node, key, batch, database)
    assert len(upstream.batches) == 1


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
