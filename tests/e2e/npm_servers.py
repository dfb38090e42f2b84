"""Real MCP servers from npm, as an operator configures them."""

import shutil

from agents import npm
from llama import CACHE, run

EVERYTHING = "@modelcontextprotocol/server-everything@2026.8.31"


def everything():
    """A server of the gateway's configuration, on standard input and output."""
    folder = CACHE / "npm" / "server-everything"
    command, node = npm()
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        run(*command, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts", EVERYTHING)
        (folder / "complete").touch()
    script = folder / "node_modules/@modelcontextprotocol/server-everything/dist/index.js"
    return {"command": str(node / "node"), "args": [str(script), "stdio"]}
