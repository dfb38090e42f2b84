"""asyncio without sockets: an event loop whose selector only waits for time to pass."""

import asyncio
import selectors
import time
import warnings


class _Clockwork(selectors._BaseSelectorImpl):
    """A selector with nothing to select from."""

    def select(self, timeout=None):
        if timeout is None:
            raise RuntimeError("every task waits, and nothing in this sandbox can wake one")
        if timeout > 0:
            time.sleep(timeout)
        return []


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self):
        super().__init__(_Clockwork())

    def _make_self_pipe(self):
        """There are no threads or signals to be woken by."""

    def _close_self_pipe(self):
        pass

    def _write_to_self(self):
        pass


def run(awaitable):
    """Runs a cell that awaits at its top level."""
    return asyncio.run(_finish(awaitable))


async def _finish(awaitable):
    return await awaitable


def install():
    """Makes `asyncio.run` and `asyncio.new_event_loop` give this loop."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)

        class Policy(asyncio.DefaultEventLoopPolicy):
            _loop_factory = _Loop

        asyncio.set_event_loop_policy(Policy())
