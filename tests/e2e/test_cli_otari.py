"""The published `otari-cli`, unchanged, as a program of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import media_upstream
from gateway import MASTER_KEY, Gateway, eventually, running

COMMAND = Path(sys.executable).with_name("otari")
MODEL = "echo:chat"


@pytest.fixture
def otari(gateway, tmp_path):
    return command(gateway, tmp_path)


@pytest.fixture
def with_media(sqlite, tmp_path):
    """Before a gateway that has a provider of more than text."""
    with media_upstream.serving() as providers:
        node = Gateway(tmp_path / "media", sqlite.url, providers=providers, require_pricing=False, model_discovery=False)
        with running(node):
            yield command(node, tmp_path)


def command(gateway, folder):
    """Runs a command; answers what it printed, parsed unless `plain`."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "COLUMNS": "400",
        "GATEWAY_API_BASE": gateway.url,
        "GATEWAY_API_KEY": gateway.new_key("ada"),
        "GATEWAY_ADMIN_KEY": MASTER_KEY,
    }

    def run(*arguments, plain=False, code=0):
        form = [] if plain else ["--json"]
        ended = subprocess.run(
            [COMMAND, *form, *arguments], env=environment, capture_output=True, text=True, timeout=60
        )
        assert ended.returncode == code, f"{arguments}: {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        if code:
            return ended.stderr
        return ended.stdout if plain else json.loads(ended.stdout)

    return run


def test_completion(otari):
    assert otari("completion", "hello there", "-m", MODEL, plain=True).strip() == "echo: hello there"
    answer = otari("completion", "hello there", "-m", MODEL, "-s", "be brief", "--max-tokens", "2")
    assert answer["choices"][0]["finish_reason"] == "length"


def test_stream(otari):
    printed = otari("completion", "hello there", "-m", MODEL, "--stream", plain=True)
    assert printed.strip() == "echo: hello there"


def test_models_and_health(otari):
    assert MODEL in [model["id"] for model in otari("models")]
    assert MODEL in otari("models", plain=True)
    assert otari("health")["ok"]


def test_keys(otari):
    made = otari("keys", "create", "--name", "ci", "--user", "ada", "--metadata", '{"team": "x"}')
    assert made["key"].startswith("gw-")
    assert otari("keys", "get", made["id"])["metadata"] == {"team": "x"}
    assert made["id"] in [key["id"] for key in otari("keys", "list")]
    assert not otari("keys", "update", made["id"], "--inactive")["is_active"]
    otari("keys", "delete", made["id"], "--yes", plain=True)
    assert "not found" in otari("keys", "get", made["id"], code=3)


def test_users_and_budgets(otari):
    budget = otari("budgets", "create", "--max-budget", "10", "--duration-sec", "86400")
    budget_id = budget["budget_id"]
    otari("users", "create", "bo", "--alias", "Bo", "--budget", budget_id)
    assert otari("users", "get", "bo")["budget_id"] == budget_id
    assert {"ada", "bo"} <= {user["user_id"] for user in otari("users", "list")}
    assert otari("users", "update", "bo", "--blocked")["blocked"]
    assert otari("users", "usage", "bo") == []
    assert otari("budgets", "update", budget_id, "--max-budget", "20")["max_budget"] == 20
    assert otari("budgets", "get", budget_id)["budget_duration_sec"] == 86400
    assert [budget["budget_id"] for budget in otari("budgets", "list")] == [budget_id]
    otari("users", "delete", "bo", "--yes", plain=True)
    otari("budgets", "delete", budget_id, "--yes", plain=True)
    assert "not found" in otari("budgets", "get", budget_id, code=3)


def test_pricing(otari):
    set_price = ("pricing", "set", "echo:dear", "--input-price", "3", "--output-price", "6")
    assert otari(*set_price)["input_price_per_million"] == 3
    assert otari("pricing", "get", "echo:dear")["output_price_per_million"] == 6
    assert "echo:dear" in [price["model_key"] for price in otari("pricing", "list")]
    assert len(otari("pricing", "history", "echo:dear")) == 1
    otari("pricing", "delete", "echo:dear", "--yes", plain=True)
    otari("pricing", "get", "echo:dear", code=3)


def test_usage(otari):
    otari("completion", "hello there", "-m", MODEL)
    [row] = otari("usage", "list", "--user", "ada")
    assert row["total_tokens"] == 8
    assert otari("users", "usage", "ada")[0]["id"] == row["id"]
    assert otari("usage", "list", "--end", "2020-01-01") == []


def test_failures_have_their_exit_codes(otari):
    otari("--api-key", "gw-wrong", "completion", "x", "-m", MODEL, code=2)
    otari("completion", "x", "-m", "echo:chat+fail=429", code=4)
    otari("completion", "x", "-m", "openai:gpt-unpriced", code=5)
    otari("completion", "x", "-m", "echo:chat+fail=500", code=6)


def test_the_other_surfaces(with_media):
    otari = with_media
    assert "echo: hello there" in otari("response", "hello there", "-m", MODEL, plain=True)
    # Its plain form looks for the text in the wrapper that its client puts around each block, and prints nothing.
    assert "echo: hello there" in json.dumps(otari("message", "hello there", "-m", MODEL))
    assert otari("message", "hello there", "-m", MODEL, "--stream", plain=True).strip() == "echo: hello there"
    assert len(otari("embedding", "a", "b", "-m", "echo:embedding")["data"]) == 2
    moderated = otari("moderation", "hello", "an attack", "-m", "media:m")
    assert [result["flagged"] for result in moderated] == [False, True]
    ranked = otari("rerank", "coffee", "a cup of tea", "-q", "tea", "-m", "media:r")
    assert ranked[0]["index"] == 1


def test_batches(otari, tmp_path):
    lines = tmp_path / "lines.jsonl"
    body = {"messages": [{"role": "user", "content": "hello there"}]}
    lines.write_text("".join(json.dumps({"custom_id": name, "body": body}) + "\n" for name in "ab"))
    made = otari("batches", "create", "-i", str(lines), "-m", MODEL)
    at = (made["id"], "--provider", "echo")
    eventually(lambda: otari("batches", "retrieve", *at)["status"] == "completed")
    assert made["id"] in [batch["id"] for batch in otari("batches", "list", "--provider", "echo")]
    results = otari("batches", "results", *at)
    assert sorted(result["custom_id"] for result in results["results"]) == ["a", "b"]
    otari("batches", "retrieve", "nothing", "--provider", "echo", code=3)
