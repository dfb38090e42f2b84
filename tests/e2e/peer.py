"""A platform for gateways in hybrid mode: `otari peer` as a process, from the built binary."""

import json
import os
import re
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

import httpx

from gateway import STOP_MAX, Gateway, binary, eventually

GATEWAY_TOKEN = "gateway-canary-51b7a2e0c4d94f6f"
USER_TOKEN = "user-canary-0d3f7c2b9e814a55"


class Peer:
    """One `otari peer`. Usable again after `stop`, on the same port."""

    def __init__(self, folder, **config):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config = {
            "gateway_tokens": [GATEWAY_TOKEN],
            "users": {"ada": {"tokens": [USER_TOKEN]}},
            "providers": {"echo": {}},
            "prices": {"echo:*": {"input": 1, "output": 1}},
            **config,
        }
        self.address = "127.0.0.1:0"
        self.process = None
        self.lines = []

    def start(self):
        file = self.folder / "peer.yml"
        # JSON is YAML.
        file.write_text(json.dumps(self.config))
        self.process = subprocess.Popen(
            [binary(), "peer", "--config", str(file), "--listen", self.address],
            env={"PATH": os.environ["PATH"]}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        said = self.process.stderr.readline()
        self.address = re.search(r"http://(\S+)\. ", said)[1]
        threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True).start()
        threading.Thread(target=self.process.stderr.read, daemon=True).start()
        return self

    def _read(self, pipe):
        """What it prints: a report a line."""
        self.lines.extend(json.loads(line) for line in pipe)

    def stop(self):
        self.process.terminate()
        return self.process.wait(STOP_MAX)

    @property
    def base(self):
        return f"http://{self.address}/api/v1"

    def http(self):
        return httpx.Client(base_url=f"http://{self.address}", headers={"X-Gateway-Token": GATEWAY_TOKEN}, timeout=30)

    def fail(self, *faults):
        with self.http() as http:
            assert http.put("/peer/faults", json={"faults": faults}).status_code == 204

    def reports(self, count):
        """Once there are so many."""
        def ready():
            with self.http() as http:
                reports = http.get("/peer/reports").json()["reports"]
            return reports if len(reports) >= count else None

        found = eventually(ready)
        assert len(found) == count, found
        return found


def node(folder, peer, environment=None, **config):
    """A gateway that knows nothing but its platform."""
    environment = {"OTARI_AI_TOKEN": GATEWAY_TOKEN, "PLATFORM_BASE_URL": peer.base, **(environment or {})}
    return Gateway(folder, "sqlite:///never-opened.db", environment, master_key=None, pricing={}, **config)


@contextmanager
def platform(folder, **config):
    peer = Peer(folder, **config).start()
    try:
        yield peer
    finally:
        if peer.process.poll() is None:
            peer.process.kill()
