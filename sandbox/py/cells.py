"""Running cells as a person at a prompt would see them."""

import ast
import inspect
import linecache
import sys
import traceback
import types


class Cells:
    """One namespace, kept between cells."""

    def __init__(self, run_awaitable, explain=None):
        """`run_awaitable` finishes a cell that awaits; `explain` may add a line to an error."""
        self.run_awaitable = run_awaitable
        self.explain = explain
        # A real module, so that pickle, dataclasses and typing find what is defined in cells.
        self.main = types.ModuleType("__main__")
        self.main.__dict__["__builtins__"] = __builtins__
        self.count = 0

    def run(self, code):
        """Runs a cell and answers its exit status. Never raises."""
        sys.modules["__main__"] = self.main
        # An empty cell starts the session before anyone has written one.
        self.count += bool(code)
        name = f"<cell {self.count}>"
        linecache.cache[name] = (len(code), None, code.splitlines(True), name)
        try:
            self._execute(code, name)
            return 0
        except SystemExit as leaving:
            return exit_status(leaving)
        except BaseException as error:
            self._report(error)
            return 1
        finally:
            flush()

    def _execute(self, code, name):
        tree = ast.parse(code, name)
        last = None
        if tree.body and isinstance(tree.body[-1], ast.Expr):
            last = ast.Expression(tree.body.pop().value)
        self._evaluate(tree, name, "exec")
        if last is not None:
            value = self._evaluate(last, name, "eval")
            if value is not None:
                self.main.__dict__["_"] = value
                print(repr(value))

    def _evaluate(self, tree, name, mode):
        program = compile(tree, name, mode, flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        value = eval(program, self.main.__dict__)
        if program.co_flags & inspect.CO_COROUTINE:
            value = self.run_awaitable(value)
        return value

    def _report(self, error):
        """The traceback, from the cell's own frame on."""
        try:
            hint = self.explain and self.explain(error)
            if hint:
                error.add_note(hint)
            frames = error.__traceback__
            while frames is not None and not frames.tb_frame.f_code.co_filename.startswith("<cell "):
                frames = frames.tb_next
            traceback.print_exception(type(error), error, frames)
        except BaseException:
            # An exception whose own text cannot be made, or no memory left to make it.
            sys.stderr.write(f"{type(error).__name__}\n")


def exit_status(leaving):
    """The status of `sys.exit(…)`, as a process would give it."""
    if leaving.code is None:
        return 0
    if isinstance(leaving.code, int):
        return leaving.code & 0xFF
    print(leaving.code, file=sys.stderr)
    return 1


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:
            # Closed or replaced by the cell; the next cell gets the real one back.
            pass
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
