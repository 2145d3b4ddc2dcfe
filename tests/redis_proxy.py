"""Connections to Redis that a test breaks at a chosen command, as a failing node would."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self

from tests.redis_server import find_free_port


class RedisProxy:
    """Forwards connections to a Redis server.

    `break_at` breaks the next connections on which a command contains a word, before Redis receives it.
    """

    def __init__(self, target: int) -> None:
        self.port = find_free_port()
        self.broken = 0
        """The number of connections broken so far."""
        self._target = target
        self._word: bytes | None = None
        self._left = 0
        self._hides_cluster_mode = False
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", self.port))

    @property
    def url(self) -> str:
        """The value for REDIS_URL."""
        return f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def break_at(self, word: bytes, times: int = 1) -> None:
        """Break so many connections when a command with this word is sent."""
        with self._lock:
            self._word, self._left = word, times

    def hide_cluster_mode(self) -> None:
        """Answer as one address with several hash slots, like the clustering policy Enterprise.

        Behind it, one server in cluster mode has all slots; INFO then says that it is not in cluster mode.
        """
        self._hides_cluster_mode = True

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()
                continue
            threading.Thread(target=self._forward, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._forward, args=(server, client, False), daemon=True).start()

    def _forward(self, source: socket.socket, destination: socket.socket, commands: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if commands and self._breaks(data):
                    break
                if not commands and self._hides_cluster_mode:
                    data = data.replace(b"cluster_enabled:1", b"cluster_enabled:0")
                destination.sendall(data)
        for each in (source, destination):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _breaks(self, data: bytes) -> bool:
        with self._lock:
            if self._word is None or self._left == 0 or self._word not in data:
                return False
            self._left -= 1
            self.broken += 1
            return True
