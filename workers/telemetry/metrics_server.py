"""The HTTP server of `GET /metrics`, which connections from elsewhere cannot exhaust.

Connections and their time are bounded, as at the listener of the bot.
"""

import socket
import threading
from contextlib import suppress
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

MOST_CONNECTIONS = 16
"""Connections at a time; one more replaces the oldest."""


class _SilentRequest(WSGIRequestHandler):
    """A request that is not logged."""

    def log_message(self, *words: Any) -> None:
        """Log nothing."""


class MetricsServer(ThreadingWSGIServer):
    """Serves a registry on all interfaces, with a thread for each connection."""

    daemon_threads = True
    request_queue_size = 128
    seconds = 5.0
    """The time from the acceptance of a connection to its end, whatever it sends."""

    def __init__(self, port: int, registry: CollectorRegistry) -> None:
        self._lock = threading.Lock()
        self._open: dict[socket.socket, threading.Timer] = {}
        super().__init__(("0.0.0.0", port), _SilentRequest)  # noqa: S104 - Prometheus scrapes the address of the pod
        self.set_app(make_wsgi_app(registry))

    def start(self) -> None:
        """Serve from a thread until the process ends."""
        threading.Thread(target=self.serve_forever, name="metrics", daemon=True).start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection. At the limit, the oldest one is ended."""
        end = threading.Timer(self.seconds, _break_off, (request,))
        end.daemon = True
        with self._lock:
            surplus = list(self._open)[: len(self._open) + 1 - MOST_CONNECTIONS]
            for oldest in surplus:
                self._open.pop(oldest).cancel()
            self._open[request] = end
        for oldest in surplus:
            _break_off(oldest)
        end.start()
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """End a connection, whose place is free then."""
        with self._lock:
            end = self._open.pop(request, None)
        if end is not None:
            end.cancel()
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing: a connection that breaks off is no error of this process."""


def _break_off(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
