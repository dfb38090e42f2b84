"""The Python inside the sandbox with packages: the same cells, in an interpreter that was built by others.

The host makes `SOURCES` of the driver's files, loads this one, and calls `run` for each cell.
"""

import importlib.abc
import importlib.util
import os
import sys


class _Driver(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the driver's other files, when they are wanted."""

    def find_spec(self, name, _path, _target=None):
        return importlib.util.spec_from_loader(name, self) if name in SOURCES else None

    def exec_module(self, module):
        name = module.__name__
        exec(compile(SOURCES[name], f"{name}.py", "exec"), module.__dict__)


sys.meta_path.append(_Driver())
# Not in the workspace: what matplotlib keeps there would be taken for a program's result.
os.environ.update(MPLBACKEND="module://plots", MPLCONFIGDIR="/tmp/matplotlib")

import event_loop
import platform_limits
from cells import Cells

NO_PACKAGE = "{name} is not in this sandbox, and packages cannot be installed. Rewrite the code without it."


def explain(error):
    """A line to add to the traceback, or nothing."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return NO_PACKAGE.format(name=error.name.partition(".")[0])
    return None


platform_limits.apply()
CELLS = Cells(event_loop.run, explain)


def run(code):
    """Runs a cell and leaves with its status, which is how the host is told of it."""
    raise SystemExit(CELLS.run(code))


def preload():
    """Imports what most programs import, while nobody waits. Where there is no room for it, they do it themselves."""
    try:
        import matplotlib.pyplot
        import numpy
        import pandas
    except Exception:
        pass
