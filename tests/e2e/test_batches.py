"""`/v1/batches` with the official clients, unchanged, and through crashes."""

import json
import os
import random
import time

import openai
import otari
import pytest
from otari.errors import BatchNotCompleteError, OtariError

from database import assert_counters_equal_rows, nothing_waits
from gateway import LONG, Gateway, eventually, priced, running

FULL = LONG or os.environ.get("OTARI_E2E_BATCH") == "full"
LINES, KILLS = (10_000, 10) if FULL else (2_000, 3)
MOMENTS = random.Random(20260102)
DONE = {"completed", "failed", "expired", "cancelled"}


def line(custom_id, content="hi", model="echo:chat", url="/v1/chat/completions", **body):
    body = {"model": model, "messages": [{"role": "user", "content": content}], **body}
    return {"custom_id": custom_id, "method": "POST", "url": url, "body": body}


def jsonl(lines):
    return "\n".join(json.dumps(entry) for entry in lines).encode()


@pytest.fixture
def key(gateway):
    return gateway.new_key("ada")


@pytest.fixture
def client(gateway, key):
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0) as client:
        yield client


def create(client, lines, **options):
    file = client.files.create(file=("lines.jsonl", jsonl(lines)), purpose="batch")
    return client.batches.create(
        input_file_id=file.id, completion_window="24h", **{"endpoint": "/v1/chat/completions", **options},
    )


def ended(client, batch, seconds=60):
    def look():
        now = client.batches.retrieve(batch.id)
        return now if now.status in DONE else None

    return eventually(look, seconds)


def read(client, file_id):
    return [json.loads(text) for text in client.files.content(file_id).read().splitlines()] if file_id else []


def test_openais_client_runs_a_batch_of_a_file(gateway, client):
    batch = create(client, [line(f"c{n}", f"call {n}") for n in range(30)], metadata={"job": "nightly"})
    assert batch.status in ("validating", "in_progress")
    batch = ended(client, batch)
    assert (batch.status, batch.metadata) == ("completed", {"job": "nightly"})
    counts = batch.request_counts
    assert (counts.total, counts.completed, counts.failed) == (30, 30, 0)
    assert batch.created_at <= batch.in_progress_at <= batch.finalizing_at <= batch.completed_at < batch.expires_at
    assert batch.error_file_id is None
    results = read(client, batch.output_file_id)
    assert [result["custom_id"] for result in results] == [f"c{n}" for n in range(30)]
    assert results[7]["response"]["status_code"] == 200
    assert results[7]["response"]["body"]["choices"][0]["message"]["content"] == "echo: call 7"
    rows = gateway.manage("GET", "/v1/usage")
    assert len(rows) == 30
    assert {row["request_id"] for row in rows} == {result["response"]["request_id"] for result in results}
    spend = sum(result["response"]["body"]["usage"]["total_tokens"] for result in results) / 1e6
    assert gateway.manage("GET", "/v1/users/ada")["spend"] == pytest.approx(spend, abs=1e-12)
    assert [listed.id for listed in client.batches.list(limit=1)] == [batch.id]


def test_lines_that_fail_are_in_the_error_file(client):
    lines = [
        line("good"), line("unpriced", model="openai:gpt-unpriced"), line("streamed", stream=True),
        line("unknown", model="nowhere"), {**line("empty"), "body": {"model": "echo:chat"}},
    ]
    batch = ended(client, create(client, lines))
    assert batch.status == "completed"
    assert (batch.request_counts.completed, batch.request_counts.failed) == (1, 4)
    assert [result["custom_id"] for result in read(client, batch.output_file_id)] == ["good"]
    failed = {result["custom_id"]: result["response"] for result in read(client, batch.error_file_id)}
    statuses = {custom_id: response["status_code"] for custom_id, response in failed.items()}
    assert statuses == {"unpriced": 402, "streamed": 400, "unknown": 402, "empty": 422}
    assert failed["unpriced"]["body"]["error"]["code"] == "model_not_priced"


@pytest.mark.parametrize(("url", "body", "look"), [
    ("/v1/embeddings", {"model": "echo:embedding", "input": "a"}, lambda body: body["data"][0]["embedding"]),
    ("/v1/responses", {"model": "echo:chat", "input": "a"}, lambda body: body["output"]),
    ("/v1/completions", {"model": "echo:chat", "prompt": "a"}, lambda body: body["choices"]),
    ("/v1/messages", {"model": "echo:chat", "max_tokens": 9, "messages": [{"role": "user", "content": "a"}]},
     lambda body: body["content"]),
])
def test_every_endpoint_can_be_batched(client, url, body, look):
    lines = [{"custom_id": f"c{n}", "method": "POST", "url": url, "body": body} for n in range(3)]
    batch = ended(client, create(client, lines, endpoint=url))
    assert batch.request_counts.completed == 3, read(client, batch.error_file_id)
    assert all(look(result["response"]["body"]) for result in read(client, batch.output_file_id))


def test_a_file_with_mistakes_fails_and_names_its_lines(client):
    lines = [
        b'{"custom_id": "a", "body": {}}', b"no json", b'{"custom_id": "a", "body": {}}', b'{"body": {}}',
        b'{"custom_id": "b", "url": "/v1/embeddings", "body": {}}', b'{"custom_id": "c", "method": "GET", "body": {}}',
        b'{"custom_id": "d"}',
    ]
    file = client.files.create(file=("a.jsonl", b"\n".join(lines)), purpose="batch")
    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h",
    )
    batch = ended(client, batch)
    assert batch.status == "failed"
    assert [(error.line, error.code) for error in batch.errors.data] == [
        (2, "invalid_json_line"), (3, "duplicate_custom_id"), (4, "missing_custom_id"), (5, "mismatched_endpoint"),
        (6, "invalid_method"), (7, "missing_body"),
    ]


def test_what_is_no_batch_is_refused_with_a_reason(gateway, client, key):
    other = client.files.create(file=("a.jsonl", b"{}"), purpose="user_data")
    with gateway.http(key) as http:
        for body, status, told in [
            ({}, 422, "input_file_id"),
            ({"input_file_id": other.id, "endpoint": "/v1/chat/completions"}, 400, "purpose 'batch'"),
            ({"input_file_id": "file-0", "endpoint": "/v1/chat/completions"}, 404, "file-0"),
            ({"input_file_id": other.id}, 422, "endpoint"),
            ({"input_file_id": other.id, "endpoint": "/v1/videos"}, 422, "/v1/embeddings"),
            ({"model": "echo:chat", "requests": []}, 422, "1 to 50000"),
            ({"model": "echo:chat", "requests": [{"custom_id": "a"}]}, 422, "body"),
            ({"model": "echo:chat", "requests": [{"custom_id": "a", "body": {}}] * 2}, 422, "requests.1.custom_id"),
            ({"model": "nowhere", "requests": [{"custom_id": "a", "body": {}}]}, 400, "nowhere"),
            ({"model": "echo:chat", "requests": [{"custom_id": "a", "body": {}}], "completion_window": "1y"}, 422, "24h"),
            ({"model": "echo:chat", "requests": [{"custom_id": "a", "body": {}}], "metadata": {"a": 1}}, 422, "metadata"),
        ]:
            answer = http.post("/v1/batches", json=body)
            assert answer.status_code == status, answer.text
            assert told in answer.json()["error"]["message"]


def test_otaris_client_runs_a_batch_with_its_requests_in_it(gateway, key):
    with otari.OtariClient(api_base=gateway.url, api_key=key) as client:
        requests = [{"custom_id": f"c{n}", "body": {"messages": [{"role": "user", "content": f"{n}"}]}} for n in range(5)]
        requests.append({"custom_id": "bad", "body": {}})
        batch = client.create_batch({"model": "echo:chat", "requests": requests, "metadata": {"a": "b"}})
        assert (batch["provider"], batch["model"], batch["metadata"]) == ("echo", "echo:chat", {"a": "b"})
        eventually(lambda: client.retrieve_batch(batch["id"], "echo")["status"] == "completed")
        results = client.retrieve_batch_results(batch["id"], "echo").results
        assert [result.custom_id for result in results] == [*(f"c{n}" for n in range(5)), "bad"]
        assert results[3].result["choices"][0]["message"]["content"] == "echo: 3"
        assert results[5].result is None and results[5].error["message"]
        assert [listed["id"] for listed in client.list_batches("echo")] == [batch["id"]]
        assert client.list_batches("another") == []


def test_a_running_batch_shows_its_progress_and_can_be_cancelled(sqlite, tmp_path):
    slow = "echo:chat+latency=300ms"
    with running(Gateway(tmp_path / "node", sqlite.url, pricing=priced(slow), batch_concurrency=2)) as gateway:
        key = gateway.new_key("ada")
        with otari.OtariClient(api_base=gateway.url, api_key=key) as client:
            requests = [{"custom_id": f"c{n}", "body": line("")["body"]} for n in range(200)]
            batch = client.create_batch({"model": slow, "requests": requests})
            with pytest.raises(BatchNotCompleteError) as caught:
                client.retrieve_batch_results(batch["id"], "echo")
            assert (caught.value.batch_id, caught.value.batch_status) == (batch["id"], "in_progress")
            eventually(lambda: client.retrieve_batch(batch["id"], "echo")["request_counts"]["completed"] > 3)
            assert client.cancel_batch(batch["id"], "echo")["status"] == "cancelling"
            eventually(lambda: client.retrieve_batch(batch["id"], "echo")["status"] == "cancelled")
            batch = client.retrieve_batch(batch["id"], "echo")
            counts = batch["request_counts"]
            assert counts["total"] == counts["completed"] + counts["failed"] == 200
            results = client.retrieve_batch_results(batch["id"], "echo").results
            assert sum(result.result is not None for result in results) == counts["completed"]
            assert results[-1].error["code"] == "batch_cancelled"
            nothing_waits(gateway)
            assert len(sqlite.query("SELECT id FROM usage_logs WHERE status = 'success'")) == counts["completed"]
            with pytest.raises(OtariError, match="cannot be cancelled"):
                client.cancel_batch(batch["id"], "echo")


def test_a_batch_belongs_to_its_user(gateway, client):
    batch = create(client, [line("a")])
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.new_key("bob"), max_retries=0) as bob:
        with pytest.raises(openai.NotFoundError):
            bob.batches.retrieve(batch.id)
        with pytest.raises(openai.NotFoundError):
            bob.batches.cancel(batch.id)
        assert bob.batches.list().data == []
    assert gateway.manage("GET", f"/v1/batches/{batch.id}")["id"] == batch.id
    ended(client, batch)


def test_each_line_needs_room_in_the_budget(gateway):
    # A line holds a hundred tokens and a prompt, and costs four.
    key = gateway.new_key("poor", {"max_budget": 0.0006})
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0) as client:
        batch = ended(client, create(client, [line(f"c{n}", max_tokens=100) for n in range(300)]), 120)
        counts = batch.request_counts
        assert counts.completed > 50 and counts.failed > 0
        assert counts.completed + counts.failed == 300
        refused = read(client, batch.error_file_id)
        assert {result["response"]["body"]["error"]["code"] for result in refused} == {"insufficient_quota"}
    user = gateway.manage("GET", "/v1/users/poor")
    assert user["spend"] <= 0.0006
    assert len(gateway.manage("GET", "/v1/usage", user_id="poor", status="success", limit=1000)) == counts.completed


def test_a_busy_provider_is_asked_again(sqlite, tmp_path):
    busy = "echo:chat+fail=429+retry_after=1"
    with running(Gateway(tmp_path / "node", sqlite.url, pricing=priced(busy), batch_line_attempts=2)) as gateway:
        with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.new_key("ada"), max_retries=0) as client:
            batch = ended(client, create(client, [line("a", model=busy)]))
            [failed] = read(client, batch.error_file_id)
            assert failed["response"]["status_code"] == 429
        rows = gateway.manage("GET", "/v1/usage")
        assert [row["status_code"] for row in rows] == [429, 429]
        assert len({row["id"] for row in rows}) == 2


def test_outside_its_hours_a_node_runs_nothing(sqlite, tmp_path):
    now = time.gmtime()
    hours = f"{(now.tm_hour + 2) % 24:02}:00-{(now.tm_hour + 3) % 24:02}:00"
    with running(Gateway(tmp_path / "node", sqlite.url, batch_hours=hours)) as gateway:
        key = gateway.new_key("ada")
        with gateway.http(key) as http:
            body = {"model": "echo:chat", "requests": [{"custom_id": "a", "body": line("")["body"]}]}
            batch = http.post("/v1/batches", json=body).json()
            # The node has taken it.
            eventually(lambda: sqlite.query("SELECT node_id FROM batches")[0][0])
            assert http.get(f"/v1/batches/{batch['id']}").json()["request_counts"]["completed"] == 0
            http.post(f"/v1/batches/{batch['id']}/cancel")
            eventually(lambda: http.get(f"/v1/batches/{batch['id']}").json()["status"] == "cancelled")


def answered_once(client, batch, count):
    results = read(client, batch.output_file_id)
    assert [result["custom_id"] for result in results] == [f"c{n}" for n in range(count)]
    for n, result in enumerate(results):
        assert result["response"]["body"]["choices"][0]["message"]["content"] == f"echo: call {n}"
    return sum(result["response"]["body"]["usage"]["total_tokens"] for result in results)


def test_a_batch_outlives_crashes_with_each_line_once_and_exact_spend(database, tmp_path):
    model = "echo:chat+latency=2ms"
    gateway = Gateway(tmp_path / "node", database.url, pricing=priced(model))
    with running(gateway):
        key = gateway.new_key("ada", {"max_budget": 1000})
        options = {"api_key": key, "max_retries": 3}
        with openai.OpenAI(base_url=f"{gateway.url}/v1", **options) as client:
            batch = create(client, [line(f"c{n}", f"call {n}", model) for n in range(LINES)])
        answered = "SELECT COUNT(*) FROM batch_lines WHERE status IS NOT NULL"
        for kill in range(KILLS):
            goal = LINES * kill // (KILLS + 1) + MOMENTS.randint(0, LINES // (2 * KILLS))
            eventually(lambda: database.query(answered)[0][0] >= goal, 120)
            gateway.kill()
            gateway.start()
        with openai.OpenAI(base_url=f"{gateway.url}/v1", **options) as client:
            batch = ended(client, batch, 300)
            assert (batch.status, batch.request_counts.completed) == ("completed", LINES)
            tokens = answered_once(client, batch, LINES)
            # What a crash left of the output is gone.
            assert len(client.files.list(purpose="batch_output").data) == 1
        nothing_waits(gateway)
        [(rows, cost, total)] = database.query(
            "SELECT COUNT(*), SUM(cost), SUM(total_tokens) FROM usage_logs WHERE status = 'success'"
        )
        assert (rows, int(cost), int(total)) == (LINES, tokens * 1000, tokens)
        assert_counters_equal_rows(database)
        assert gateway.stop() == 0
    assert database.query("SELECT leased_cost, leased_tokens, leased_requests FROM accounts") == [(0, 0, 0)]


def test_another_node_goes_on_with_what_a_dead_one_left(postgres, tmp_path):
    model = "echo:chat+latency=20ms"
    shared = str(tmp_path / "files")
    nodes = [
        Gateway(tmp_path / f"node-{n}", postgres.url, pricing=priced(model), files_local_dir=shared, batch_concurrency=4)
        for n in range(2)
    ]
    with running(*nodes) as (one, two):
        key = one.new_key("ada")
        with openai.OpenAI(base_url=f"{one.url}/v1", api_key=key, max_retries=0) as client:
            batches = [create(client, [line(f"c{n}", f"call {n}", model) for n in range(300)]) for _ in range(4)]
        eventually(lambda: postgres.query("SELECT SUM(completed) FROM batches")[0][0] > 50)
        one.kill()
        with openai.OpenAI(base_url=f"{two.url}/v1", api_key=key, max_retries=0) as client:
            for batch in batches:
                batch = ended(client, batch, 120)
                assert (batch.status, batch.request_counts.completed) == ("completed", 300)
                answered_once(client, batch, 300)
        # What the dead node settled and could not write is in its journal.
        one.start()
        nothing_waits(one)
        nothing_waits(two)
        [(rows, ids)] = postgres.query(
            "SELECT COUNT(*), COUNT(DISTINCT request_id) FROM usage_logs WHERE status = 'success'"
        )
        assert (rows, ids) == (1200, 1200)
        assert_counters_equal_rows(postgres)
