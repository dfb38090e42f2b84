"""Imports while building, so that the modules are in the frozen interpreter."""

import importlib


def preload(names):
    """Imports each name. One that this build of CPython lacks fails the build: the list says what there is."""
    missing = []
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError as error:
            missing.append(f"{name}: {error}")
    if missing:
        raise ImportError("not in this CPython: " + "; ".join(missing))
