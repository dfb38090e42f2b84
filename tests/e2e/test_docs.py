"""Commands and configurations of the documentation, as a reader would run them."""

import os
import re
import subprocess

import pytest

from gateway import MASTER_KEY, ROOT, binary

DOCS = ROOT / "docs"
SHELL = ["quickstart.md", "models.md", "modes.md"]
"""Pages whose every `sh` block is run, in order and in one shell. What is only shown is marked `text`."""
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page, language):
    found = [text for kind, text in BLOCK.findall((DOCS / page).read_text()) if kind == language]
    assert found, f"{page} has no {language}"
    return found


@pytest.mark.parametrize("page", SHELL)
def test_its_commands_work(page, gateway):
    # A refused request is an answer to curl, but not to a reader.
    script = 'curl() { command curl --fail-with-body "$@"; echo; }\n' + "\n".join(blocks(page, "sh"))
    environment = {
        "PATH": os.environ["PATH"], "OTARI": gateway.url, "MASTER_KEY": MASTER_KEY, "OTARI_KEY": gateway.new_key("ada"),
    }
    ran = subprocess.run(["bash", "-euo", "pipefail", "-c", script], env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("page", ["guides/from-litellm.md"])
def test_its_configurations_are_good(page, tmp_path, monkeypatch):
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, "a key")
    for text in blocks(page, "yaml"):
        file = tmp_path / "config.yml"
        file.write_text(text)
        checked = subprocess.run([binary(), "check-config", "-c", file], capture_output=True, text=True, cwd=tmp_path)
        assert checked.returncode == 0, checked.stdout
        assert "warning" not in checked.stdout, checked.stdout
