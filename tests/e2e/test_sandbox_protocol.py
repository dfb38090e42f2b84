"""`otari sandbox serve` keeps the code-execution protocol, as the published check of it sees it."""

import os
import re
import subprocess
import sys
from pathlib import Path

from gateway import STOP_MAX, binary

CHECK = Path(__file__).parents[2] / "deploy" / "check-sandbox.py"


def test_the_served_sandbox_keeps_the_protocol(tmp_path):
    token = "sandbox-canary-7c19"
    command = [binary(), "sandbox", "serve", "--port", "0"]
    served = subprocess.Popen(
        command,
        env={"PATH": os.environ["PATH"], "OTARI_SANDBOX_TOKEN": token},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=tmp_path,
    )
    try:
        said = served.stdout.readline()
        url = re.search(r"http://[\d.]+:\d+", said)[0]
        passed = check(url, token)
        assert passed.returncode == 0, passed.stdout
        assert "FAIL" not in passed.stdout
        # It can fail.
        refused = check(url, "another")
        assert refused.returncode == 1 and "FAIL create: status: 401" in refused.stdout, refused.stdout
    finally:
        served.terminate()
        served.wait(STOP_MAX)


def check(url, token):
    return subprocess.run([sys.executable, str(CHECK), url, "--token", token], capture_output=True, text=True, timeout=120)
