"""Asks every recorded request again, in order, of gateways set up as the recorded one was."""

import json
import socket
from contextlib import closing

import httpx

from gateway import MASTER_KEY, Gateway, eventually, running

from . import shape
from .upstream import serving

PRICED = (
    "openai:mock", "openai:mock-embed", "openai:mock-toolcall", "openai:mock-badjson", "openai:mock-hang",
    "openai:mock-trunc", *(f"openai:mock-e{status}" for status in (400, 401, 403, 404, 429, 500, 529)),
    "anthropic:mock", "anthropic:mock-toolcall", "lab:mock", "dead:mock",
)
TOOLS = ("otari:web_search", "otari:code_execution")
HELLO = [{"role": "user", "content": "Say hello."}]
RATE_LIMITED = "rate-limit"


def closed_port():
    """An address where nothing listens: bound and given back, so that nobody else is there by chance."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % probe.getsockname()[1]


def configuration(upstream, closed):
    base = f"{upstream}/v1"
    return {
        "enable_metrics": True, "bootstrap_api_key": True,
        "sandbox_url": upstream, "guardrails_url": upstream, "web_search_url": upstream, "web_search_extract": False,
        "pricing": {},
        "providers": {
            "openai": {"api_key": "sk-mock-upstream", "api_base": base, "client_args": {"timeout": 2, "max_retries": 0}},
            "anthropic": {"api_key": "sk-ant-mock", "api_base": upstream},
            "lab": {"provider_type": "openai-compatible", "api_key": "sk-lab", "api_base": base},
            "dead": {"provider_type": "openai", "api_key": "sk-dead", "api_base": f"http://{closed}/v1",
                     "client_args": {"max_retries": 0}},
        },
        "aliases": {"house": "openai:mock"},
        "routing": {"policies": {"resilient": {"select": [{"default": "openai:mock-e500"}], "on_failure": ["lab:mock"]}}},
    }


class Replay:
    def __init__(self, gateway, upstream, closed):
        self.gateway, self.upstream = gateway, upstream
        self.names = {"{closed}": closed}
        self.keys = {"operator": MASTER_KEY, "nobody": "gw-not-a-key"}

    def put(self, text):
        for name, value in self.names.items():
            text = text.replace(name, value)
        return text

    def ask(self, case):
        """The comparable part of the answer, and of what was asked of others meanwhile."""
        self.prepare(case["name"])
        headers = {**case["headers"], **self.credential(case["credential"])}
        body = case["body"]
        if body is not None:
            headers["content-type"] = "application/json"
            body = body if isinstance(body, str) else self.put(json.dumps(body))
        self.upstream.take()
        with httpx.Client(base_url=self.gateway.url, timeout=30) as http:
            got = http.request(case["method"], self.put(case["path"]), headers=headers, content=body)
        # A session is closed when the answer has gone out.
        eventually(self.upstream.sessions_closed)
        asked = self.upstream.take()
        self.learn(case, got)
        return {
            **shape.answer(got.status_code, got.headers, got.text),
            **{whose: [shape.request(*call) for call in calls] for whose, calls in asked.items()},
        }

    def credential(self, by):
        if by is None:
            return {}
        key = self.keys.get(by["key"], by["key"])
        return {by["header"]: f"{by['scheme']} {key}".strip()}

    def learn(self, case, got):
        """A key that a case makes is used by later ones."""
        if got.status_code != 200 or not case["name"].startswith("key-") or "key" not in (made := got.json()):
            return
        label = {"key-create": "alice.first", "key-rotate": "alice", "key-create-to-delete": "deleted"}.get(
            case["name"], made["user_id"] if case["name"] == "key-create-budgeted" else case["name"])
        self.keys[label] = made["key"]
        self.names[f"{{key.{label.split('.')[0]}}}"] = made["id"]

    def prepare(self, name):
        """What the recorded gateway was told between the recordings, before the case that shows it."""
        manage = self.gateway.manage
        if name == "budget-list":
            made = manage("POST", "/v1/budgets", {"name": "small", "max_budget": 0.001, "budget_duration_sec": 86400})
            self.names["{budget}"] = made["budget_id"]
        elif name == "key-get":
            manage("PATCH", "/v1/users/alice", {"alias": "Alice B."})
        elif name == "pricing-list":
            for model in PRICED:
                if model != "openai:mock":
                    manage("POST", "/v1/pricing", {
                        "model_key": model, "input_price_per_million": 2.5, "output_price_per_million": 10.0})
            for tool in TOOLS:
                manage("POST", "/v1/pricing", {
                    "model_key": tool, "input_price_per_million": 10_000, "output_price_per_million": 0})
        elif name == "chat-blocked-user":
            self.keys["mallory"] = manage("POST", "/v1/keys", {"user_id": "mallory"})["key"]
        elif name == "chat-budget2-too-large":
            self.keys["poor2"] = self.gateway.new_key("poor2", {"name": "small2", "max_budget": 0.0004})
        elif name == "messages-budget2-spent":
            self.post("/v1/chat/completions", "poor2", {"model": "openai:mock", "messages": HELLO, "max_tokens": 10})
        elif name == "messages-budget-spent":
            manage("PATCH", f"/v1/budgets/{self.names['{budget}']}", {"max_budget": 0.0003})
        elif name == "usage-list":
            self.post("/v1/messages", "alice", {
                "model": "anthropic:mock-toolcall", "max_tokens": 50, "messages": HELLO,
                "tools": [{"type": "otari_code_execution"}]})
        elif name == "rate-limit-2":
            self.gateway.stop()
            self.gateway.config["rate_limit_rpm"] = 3
            self.gateway.start()
            self.post("/v1/chat/completions", "alice", {"model": "openai:mock", "messages": HELLO})

    def post(self, path, key, body):
        """A call between the recordings, that succeeded."""
        with self.gateway.http(self.keys[key]) as http:
            answer = http.post(path, json=body)
        assert answer.status_code == 200, answer.text
        eventually(self.upstream.sessions_closed)


def replay(cases, database, folder):
    """Case number to what this gateway answered."""
    closed = closed_port()
    with serving() as upstream:
        gateway = Gateway(folder / "node", database.url, **configuration(upstream.url, closed))
        with running(gateway):
            asked = Replay(gateway, upstream, closed)
            return {case["case"]: asked.ask(case) for case in cases}
