"""A TCP proxy that can be cut: to the gateway, a database that went away."""

import socket
import threading
from contextlib import contextmanager

PIECE = 65536


class Proxy:
    def __init__(self, target):
        self.target = target
        self.listener = None
        self.port = 0
        self.pairs = set()
        self.lock = threading.Lock()
        self.connected = 0
        """Connections carried so far."""

    def open(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(128)
        self.port = listener.getsockname()[1]
        self.listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self):
        """Breaks every connection; further ones are refused."""
        # Wakes the thread in accept(), which close() alone does not.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            pairs, self.pairs = self.pairs, set()
        for pair in pairs:
            close(pair)

    def _accept(self, listener):
        while True:
            try:
                inner, _ = listener.accept()
            except OSError:
                return
            try:
                outer = socket.create_connection(self.target)
            except OSError:
                inner.close()
                continue
            pair = (inner, outer)
            with self.lock:
                self.pairs.add(pair)
                self.connected += 1
            for source, sink in (pair, pair[::-1]):
                threading.Thread(target=self._copy, args=(source, sink, pair), daemon=True).start()

    def _copy(self, source, sink, pair):
        try:
            while piece := source.recv(PIECE):
                sink.sendall(piece)
        except OSError:
            pass
        with self.lock:
            self.pairs.discard(pair)
        close(pair)


def close(pair):
    for end in pair:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        end.close()


@contextmanager
def proxy_to(target):
    proxy = Proxy(target)
    proxy.open()
    try:
        yield proxy
    finally:
        if proxy.listener.fileno() != -1:
            proxy.cut()
