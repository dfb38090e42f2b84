"""A node whose provider runs batches itself, for each provider that does; and what the tests of that ask."""

import pytest

from batch_upstream import serving
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
        model_discovery=False, batch_poll_seconds=1,
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
