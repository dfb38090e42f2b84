"""At the start of a session: what differs from one to the next, and what WebAssembly lacks said in plain words."""

import os
import random
import socket
import sys

import event_loop

WORKSPACE = "/workspace"


def apply():
    random.seed()
    os.chdir(WORKSPACE)
    os.environ.update(HOME=WORKSPACE, TMPDIR="/tmp", PWD=WORKSPACE)
    sys.path.insert(0, WORKSPACE)
    sys.argv = [""]
    for name in ("stdout", "stderr"):
        # Line by line: what a program that is stopped had printed is not lost with it.
        stream = open(1 if name == "stdout" else 2, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    event_loop.install()
    _no_network()


def _no_network():
    # The host links no sockets, and a call to one ends the session. This is only the polite refusal ahead of it.
    def refuse_name(*_args, **_kwargs):
        raise socket.gaierror(socket.EAI_FAIL, "there is no network in this sandbox")

    def refuse_socket(*_args, **_kwargs):
        raise PermissionError("there is no network in this sandbox")

    socket.getaddrinfo = socket.gethostbyname = socket.gethostbyname_ex = refuse_name
    socket.socket.__init__ = refuse_socket
