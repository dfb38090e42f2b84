"""The reference MCP servers, as npm has them. Installed once and kept in a cache."""

import os
import shutil
import socket
import subprocess
from contextlib import contextmanager

from agents import npm
from gateway import eventually
from llama import CACHE, Unavailable, run

EVERYTHING = "@modelcontextprotocol/server-everything@2026.8.31"
FILESYSTEM = "@modelcontextprotocol/server-filesystem@2026.8.31"


def installed(package):
    """The command that runs a package's server: node, and the program."""
    name = package.rpartition("@")[0]
    folder = CACHE / "npm" / package.strip("@").replace("/", "-")
    command, node = npm()
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        options = ["--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts"]
        run(*command, "install", *options, package, PATH=f"{node}:{os.environ['PATH']}")
        (folder / "complete").touch()
    program = folder / "node_modules" / name / "dist" / "index.js"
    if not program.is_file():
        raise Unavailable(f"{package} has no program")
    return [str(node / "node"), str(program)]


def everything_by_program():
    """The same as a program of the gateway's configuration, on standard input and output."""
    command, program = installed(EVERYTHING)
    return {"command": command, "args": [program, "stdio"]}


@contextmanager
def everything():
    """The server with every feature of the protocol, over streamable HTTP; answers its URL."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    process = subprocess.Popen(
        [*installed(EVERYTHING), "streamableHttp"], env={**os.environ, "PORT": str(port)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )

    def answers():
        assert process.poll() is None, "the server ended"
        with socket.socket() as connection:
            return connection.connect_ex(("127.0.0.1", port)) == 0

    try:
        eventually(answers)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        process.wait()
