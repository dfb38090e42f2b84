"""A gateway process: started from the built binary, with a folder and a clean environment of its own."""

import json
import os
import re
import select
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
MASTER_KEY = "master-canary-7b1f0c55d2e94a3e8f"
LONG = os.environ.get("OTARI_E2E_LONG") == "1"
"""The long forms of the tests of endurance: 60 seconds, 50 kills."""

START_MAX = 30
STOP_MAX = 60


def priced(*models):
    """A `pricing` block: a dollar a million tokens, in and out."""
    return {model: {"input_price_per_million": 1, "output_price_per_million": 1} for model in models}


def binary():
    named = os.environ.get("OTARI_BIN")
    path = Path(named) if named else ROOT / "target" / "debug" / "otari"
    if not path.exists():
        raise FileNotFoundError(f"{path}: build it with `cargo build -p otari`, or set OTARI_BIN")
    return str(path)


class Gateway:
    """One `otari serve`. Usable again after `kill` or `stop`, on another port and the same data."""

    def __init__(self, folder, database_url, environment=None, **config):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.database_url = database_url
        self.environment = environment or {}
        self.config = {
            "host": "127.0.0.1",
            "port": 0,
            "database_url": database_url,
            "data_dir": str(self.folder / "data"),
            "master_key": MASTER_KEY,
            "bootstrap_api_key": False,
            "models_dev_metadata": False,
            "pricing": priced("echo:chat", "echo:embedding"),
            **config,
        }
        self.log = self.folder / "log"
        self.process = None
        self.url = None
        self.printed = ""

    def start(self):
        file = self.folder / "otari.yml"
        # JSON is YAML.
        file.write_text(json.dumps(self.config))
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "RUST_BACKTRACE": "1", **self.environment}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [binary(), "serve", "--config", str(file)],
                cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=log,
            )
        self.printed = self._until_announced()
        self.url = re.search(r"Otari is at (https?://\S+?)\. ", self.printed)[1]
        return self

    def _until_announced(self):
        """What it prints up to the example call. It accepts connections by then: the port is bound before."""
        end = time.monotonic() + START_MAX
        printed = b""
        pipe = self.process.stdout
        while not re.search(rb"Otari is at .*\n.*-{72}\n", printed, re.DOTALL):
            ready, _, _ = select.select([pipe], [], [], max(0, end - time.monotonic()))
            piece = os.read(pipe.fileno(), 65536) if ready else b""
            if not piece:
                self.kill()
                raise AssertionError(f"otari did not start:\n{printed.decode()}\n{self.log.read_text()}")
            printed += piece
        return printed.decode()

    def kill(self):
        """As a crash does: no signal handler, no flush."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self):
        """The exit code."""
        code = self.process.wait(STOP_MAX)
        self.process.stdout.close()
        return code

    def stop(self):
        self.terminate()
        return self.wait()

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def http(self, key=MASTER_KEY, **options):
        """A client with that key; the operator's unless told otherwise."""
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, **options)

    def manage(self, method, path, body=None, **query):
        """A management call that must succeed; its JSON."""
        with self.http() as http:
            answer = http.request(method, path, json=body, params=query or None)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def new_key(self, user, budget=None):
        """A virtual key of a new user; with `budget`, the members of a budget of its own. Answers the secret."""
        if budget is not None:
            budget = self.manage("POST", "/v1/budgets", budget)["budget_id"]
        self.manage("POST", "/v1/users", {"user_id": user, "budget_id": budget})
        return self.manage("POST", "/v1/keys", {"user_id": user})["key"]


@contextmanager
def running(*gateways):
    """Starts them, and sees to it that none outlives the test."""
    try:
        for gateway in gateways:
            gateway.start()
        yield gateways[0] if len(gateways) == 1 else gateways
    finally:
        for gateway in gateways:
            if gateway.running:
                gateway.kill()


def eventually(check, seconds=30):
    """Calls `check` until what it answers is true, and answers that; fails at the deadline."""
    end = time.monotonic() + seconds
    while not (answer := check()):
        assert time.monotonic() < end, f"not within {seconds} s: last answer {answer!r}"
        time.sleep(0.05)
    return answer
