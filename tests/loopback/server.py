"""What the loopback servers share: threads, TLS inside the connection's own thread, and an end that leaves nothing open."""

import socket
import ssl
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any


class LoopbackServer(ThreadingHTTPServer):
    """Keeps account of its connections, so that stopping it ends those that clients keep alive."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *arguments: Any) -> None:
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        super().__init__(*arguments)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away in the middle are what some tests are about."""

    def opened(self, connection: socket.socket) -> None:
        """Notes a connection."""
        with self._lock:
            self._open.add(connection)

    def closed(self, connection: socket.socket) -> None:
        """Closes a connection for good."""
        with self._lock:
            self._open.discard(connection)
        connection.close()

    def stop(self) -> None:
        """No new connections, and an end to those that are open. Needs a running `serve_forever`."""
        self.shutdown()
        self.server_close()
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            with suppress(OSError):  # its client was faster
                connection.shutdown(socket.SHUT_RDWR)


class LoopbackHandler(BaseHTTPRequestHandler):
    """A connection that is kept alive and may become TLS."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: LoopbackServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
        """Quiet."""

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def secure(self, context: ssl.SSLContext) -> None:
        """Makes the connection TLS. Raises OSError when the client does not agree."""
        plain = self.connection
        plain.settimeout(10)
        self.connection = context.wrap_socket(plain, server_side=True)
        self.connection.settimeout(None)
        self.server.closed(plain)  # its descriptor belongs to the TLS one now
        self.server.opened(self.connection)

    def open_files(self) -> None:
        """Reads and writes through the connection as it is now."""
        self.rfile = self.connection.makefile("rb", -1)
        self.wfile = self.connection.makefile("wb", 64 * 1024)

    def finish(self) -> None:
        with suppress(OSError):  # the client may be gone before the last byte
            super().finish()
        self.server.closed(self.connection)
