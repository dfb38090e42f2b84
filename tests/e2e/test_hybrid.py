"""Hybrid mode: a gateway and the reference platform as processes, the official SDKs before them."""

import subprocess

import anthropic
import httpx
import openai
import pytest

from gateway import Gateway, binary, eventually, running
from load import chat
from peer import GATEWAY_TOKEN, USER_TOKEN, node, platform
from scripted import INPUT, MODELS, OUTPUT, serving

MESSAGES = [{"role": "user", "content": "hello there"}]
SECRETS = (GATEWAY_TOKEN, USER_TOKEN, "scripted-key")


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A gateway, its platform, and an upstream of four dialects whose credentials only the platform knows."""
    folder = tmp_path_factory.mktemp("hybrid")
    with serving() as upstream:
        providers = {"echo": {}}
        for name, entry in upstream.providers().items():
            providers[name] = {"provider": entry["provider_type"], **{key: entry[key] for key in ("api_key", "api_base")}}
        models = {"smart": ["echo:chat+fail=500", f"anthropic:{MODELS['anthropic']}"]}
        prices = {f"{name}:*": {"input": 1, "output": 2} for name in providers}
        with platform(folder / "peer", providers=providers, models=models, prices=prices) as peer:
            with running(node(folder / "node", peer)) as gateway:
                yield gateway, peer
                logged = gateway.log.read_text()
                for secret in SECRETS:
                    assert secret not in logged


@pytest.fixture
def gateway(pair):
    return pair[0]


@pytest.fixture
def peer(pair):
    peer = pair[1]
    peer.fail()
    return peer


@pytest.fixture
def client(gateway):
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=USER_TOKEN, max_retries=0) as client:
        yield client


@pytest.fixture
def claude(gateway):
    with anthropic.Anthropic(base_url=gateway.url, api_key=USER_TOKEN, max_retries=0) as client:
        yield client


def report_of(peer, correlation):
    def ready():
        with peer.http() as http:
            reports = http.get("/peer/reports").json()["reports"]
        return next((report for report in reports if report["correlation_id"] == correlation), None)

    return eventually(ready)


@pytest.mark.parametrize("dialect", ["openai", "anthropic", "gemini", "cohere"])
def test_the_openai_sdk_reaches_every_dialect(client, peer, dialect):
    raw = client.chat.completions.with_raw_response.create(model=f"{dialect}:{MODELS[dialect]}", messages=MESSAGES)
    answer = raw.parse()
    assert answer.choices[0].message.content
    assert answer.usage.model_extra["cost_usd"] == "0.000140"
    assert answer.usage.model_extra["pricing_source"] == "organization"
    report = report_of(peer, raw.headers["x-correlation-id"])
    assert report["status"] == "success" and report["is_final_attempt"]
    assert report["usage"]["prompt_tokens"] == INPUT
    assert report["usage"]["completion_tokens"] == OUTPUT
    assert (report["user"], report["provider"]) == ("ada", dialect)
    eventually(lambda: report in peer.lines)


def test_the_openai_sdk_streams(client, peer):
    with client.chat.completions.with_streaming_response.create(
        model="echo:chat", messages=MESSAGES, stream=True
    ) as raw:
        chunks = list(raw.parse())
        correlation = raw.headers["x-correlation-id"]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "echo: hello there"
    assert "cost_usd" in chunks[-1].usage.model_extra
    assert report_of(peer, correlation)["status"] == "success"


def test_the_openai_sdk_has_responses(client, peer):
    answer = client.responses.create(model="echo:chat", input="hello there")
    assert answer.output_text == "echo: hello there"
    assert "cost_usd" in answer.usage.model_extra
    with client.responses.stream(model="echo:chat", input="hello there") as stream:
        final = stream.get_final_response()
    assert final.output_text == "echo: hello there"
    assert "cost_usd" in final.usage.model_extra


def test_the_anthropic_sdk_works_with_its_own_header(claude, peer):
    model = f"anthropic:{MODELS['anthropic']}"
    answer = claude.messages.create(model=model, max_tokens=64, messages=MESSAGES)
    assert answer.content[0].text
    assert answer.usage.model_extra["cost_usd"] == "0.000140"
    with claude.messages.stream(model=model, max_tokens=64, messages=MESSAGES) as stream:
        final = stream.get_final_message()
    assert final.content[0].text
    assert final.stop_reason == "end_turn"
    count = claude.messages.count_tokens(model=model, messages=MESSAGES)
    assert count.input_tokens > 0


def test_attempts_are_walked_and_each_is_reported(claude, peer):
    raw = claude.messages.with_raw_response.create(model="smart", max_tokens=64, messages=MESSAGES)
    served = report_of(peer, raw.headers["x-correlation-id"])
    assert (served["status"], served["provider"]) == ("success", "anthropic")

    def failed():
        return [report for report in peer.lines
                if report["request_id"] == served["request_id"] and report["status"] == "error"]

    [report] = eventually(failed)
    assert (report["provider"], report["error_class"], report["is_final_attempt"]) == ("echo", "http_500", False)


@pytest.mark.parametrize("status, error", [
    (400, openai.BadRequestError),
    (401, openai.AuthenticationError),
    (403, openai.PermissionDeniedError),
    (404, openai.NotFoundError),
    (429, openai.RateLimitError),
    (500, openai.InternalServerError),
])
def test_the_sdks_see_the_platforms_refusals(client, claude, peer, status, error):
    peer.fail({"on": "resolve", "status": status, "detail": "the platform's words", "retry_after": "4"})
    with pytest.raises(error) as caught:
        client.chat.completions.create(model="echo:chat", messages=MESSAGES)
    shown = status if status < 500 else 502
    assert caught.value.status_code == shown
    if status < 500:
        assert "the platform's words" in caught.value.message
        assert caught.value.response.headers["retry-after"] == "4"
    with pytest.raises(anthropic.APIStatusError) as caught:
        claude.messages.create(model="echo:chat", max_tokens=9, messages=MESSAGES)
    assert caught.value.status_code == shown
    assert caught.value.body["type"] == "error"


def test_a_wrong_token_is_told_as_the_platform_tells_it(gateway, peer):
    with gateway.http("user-unknown") as http:
        answer = http.post("/v1/chat/completions", json=chat())
    assert (answer.status_code, answer.json()["detail"]) == (401, "Unknown API token")


def test_a_gateway_with_a_wrong_token_serves_nobody_but_says_why(tmp_path, peer):
    wrong = {"OTARI_AI_TOKEN": "gateway-unknown"}
    with running(node(tmp_path / "node", peer, wrong)) as gateway, gateway.http(USER_TOKEN) as http:
        answer = http.post("/v1/chat/completions", json=chat())
        assert answer.status_code == 401
        assert "OTARI_AI_TOKEN" in answer.json()["detail"]


def test_the_platform_may_come_later_and_go_away(tmp_path):
    with platform(tmp_path / "peer") as peer:
        with running(node(tmp_path / "node", peer)) as gateway, gateway.http(USER_TOKEN) as http:
            assert "which answers" in gateway.printed
            assert http.post("/v1/chat/completions", json=chat()).status_code == 200
            peer.stop()
            answer = http.post("/v1/chat/completions", json=chat())
            assert (answer.status_code, answer.json()["detail"]) == (502, "Authorization service unavailable")
            assert http.get("/health").json()["platform_reachable"] == "no"
            assert http.get("/health/readiness").status_code == 503
            peer.start()
            eventually(lambda: http.post("/v1/chat/completions", json=chat()).status_code == 200)
            assert http.get("/health/readiness").status_code == 200
            assert gateway.stop() == 0


def test_reports_of_answers_outlive_a_platform_that_fails_and_the_process_that_stops(tmp_path):
    """Answered while the platform takes no reports: they are taken at the stop."""
    with platform(tmp_path / "peer") as peer:
        environment = {"PLATFORM_USAGE_INLINE_TIMEOUT_MS": "100"}
        with running(node(tmp_path / "node", peer, environment)) as gateway, gateway.http(USER_TOKEN) as http:
            peer.fail({"on": "usage", "status": 503})
            for _ in range(5):
                answer = http.post("/v1/chat/completions", json=chat())
                assert answer.status_code == 200
                assert "cost_usd" not in answer.json()["usage"]
            assert peer.lines == []
            peer.fail()
            assert gateway.stop() == 0
            assert len(peer.reports(5)) == 5


def test_a_report_that_cannot_be_delivered_is_in_the_log(tmp_path):
    with platform(tmp_path / "peer") as peer:
        environment = {"PLATFORM_USAGE_INLINE_TIMEOUT_MS": "100"}
        with running(node(tmp_path / "node", peer, environment)) as gateway, gateway.http(USER_TOKEN) as http:
            peer.fail({"on": "usage", "status": 503})
            answer = http.post("/v1/chat/completions", json=chat())
            assert answer.status_code == 200
            assert gateway.stop() == 0
            assert answer.headers["x-correlation-id"] in gateway.log.read_text()


def test_nothing_of_a_hybrid_node_is_on_disk(gateway):
    left = sorted(path.name for path in gateway.folder.iterdir())
    assert left == ["log", "otari.yml"]


def test_hybrid_mode_without_a_token_does_not_start(tmp_path):
    gateway = Gateway(tmp_path / "node", "sqlite:///x.db", mode="hybrid")
    with pytest.raises(AssertionError, match="OTARI_AI_TOKEN"):
        gateway.start()


def test_a_peers_mistakes_are_told_together(tmp_path):
    file = tmp_path / "peer.yml"
    file.write_text("gateway_tokens: []\nproviders: {lab: {}}\nmodels: {smart: ['nowhere:m']}\n"
                    "users: {ada: {tokens: [a], workspace: nowhere}}\n")
    told = subprocess.run([binary(), "peer", "--config", str(file), "--check"], capture_output=True, text=True)
    assert told.returncode == 1
    for part in ["gateway_tokens", "providers.lab", "models.smart", "users.ada"]:
        assert part in told.stderr
    file.write_text("gateway_tokens: [a]\nuser: {}\n")
    told = subprocess.run([binary(), "peer", "--config", str(file), "--check"], capture_output=True, text=True)
    assert told.returncode == 1 and "user" in told.stderr
    file.write_text("gateway_tokens: ['${NO_SUCH_VARIABLE}']\n")
    told = subprocess.run([binary(), "peer", "--config", str(file), "--check"], capture_output=True, text=True)
    assert told.returncode == 1 and "NO_SUCH_VARIABLE" in told.stderr


def test_metrics_count_the_costs(tmp_path):
    with platform(tmp_path / "peer") as peer:
        with running(node(tmp_path / "node", peer, enable_metrics=True)) as gateway, gateway.http(USER_TOKEN) as http:
            assert http.post("/v1/chat/completions", json=chat()).status_code == 200
            metrics = httpx.get(f"{gateway.url}/metrics").text
            assert 'gateway_inline_cost_settlements_total{outcome="attached"} 1' in metrics
