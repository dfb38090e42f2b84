"""The Python half of the native backend: reads cells from its input and marks where their output ends."""

import asyncio
import os
import sys

from cells import Cells

WORKSPACE = "/workspace"


async def _finish(awaitable):
    return await awaitable


def _run_awaitable(awaitable):
    return asyncio.run(_finish(awaitable))


def _private_ends():
    """Copies of our streams that cells do not stumble over; theirs are theirs to close and redirect."""
    commands = os.fdopen(os.dup(0), "rb")
    ends = [os.dup(1), os.dup(2)]
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return commands, ends


def _bury():
    """Children of earlier cells, which were ended with their cells."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _serve(token):
    process = os.getpid()
    commands, ends = _private_ends()
    cells = Cells(_run_awaitable)
    for stream in (sys.stdout, sys.stderr):
        # Line by line: what a program that is stopped had printed is not lost with it.
        stream.reconfigure(line_buffering=True, errors="replace")
    sys.path.insert(0, WORKSPACE)
    sys.argv = [""]
    while header := commands.readline():
        number, size = header.split()
        _bury()
        code = commands.read(int(size)).decode()
        status = cells.run(code)
        if os.getpid() != process:
            # A cell that forked and came back in the child: there is one interpreter in a session.
            os._exit(status)
        mark = b"\x1e%s %s %d\x1e" % (token, number, status)
        for end in ends:
            os.write(end, mark)


_serve(sys.argv[1].encode())
