"""The base of the loopback servers: a thread per connection, TLS, a complete shutdown."""

import socket
import ssl
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock
from typing import Any


class LoopbackServer(ThreadingHTTPServer):
    """Tracks its connections, so that `stop` also closes those that clients keep alive."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *arguments: Any) -> None:
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        super().__init__(*arguments)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect, as some tests do."""

    def opened(self, connection: socket.socket) -> None:
        """Add a connection."""
        with self._lock:
            self._open.add(connection)

    def closed(self, connection: socket.socket) -> None:
        """Close and remove a connection."""
        with self._lock:
            self._open.discard(connection)
        connection.close()

    def stop(self) -> None:
        """Stop listening and close the open connections. Requires a running `serve_forever`."""
        self.shutdown()
        self.server_close()
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            with suppress(OSError):  # the client has already closed it
                connection.shutdown(socket.SHUT_RDWR)


class LoopbackHandler(BaseHTTPRequestHandler):
    """A keep-alive connection that can be upgraded to TLS."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: LoopbackServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
        """Log nothing."""

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def secure(self, context: ssl.SSLContext) -> None:
        """Upgrade the connection to TLS. Raises OSError if the handshake fails."""
        plain = self.connection
        plain.settimeout(10)
        self.connection = context.wrap_socket(plain, server_side=True)
        self.connection.settimeout(None)
        self.server.closed(plain)  # the TLS socket now owns its descriptor
        self.server.opened(self.connection)

    def open_files(self) -> None:
        """Open the files for reading and writing on the current connection."""
        self.rfile = self.connection.makefile("rb", -1)
        self.wfile = self.connection.makefile("wb", 64 * 1024)

    def drip(self, seconds: float, stopped: Event) -> None:
        """Answer 200 with a body of which a byte arrives each time after so many seconds."""
        self.close_connection = True
        with suppress(OSError):  # the client has gone
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "1000")
            self.end_headers()
            while not stopped.wait(seconds):
                self.wfile.write(b" ")
                self.wfile.flush()

    def finish(self) -> None:
        with suppress(OSError):  # the client may have closed the connection
            super().finish()
        self.server.closed(self.connection)
