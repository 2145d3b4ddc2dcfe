"""An HTTP server with limits of size, number and time, on its own thread.

Every connection is used for one request, so that a proxy in front never reuses a connection that is about to be closed.
[Decision 9](../../docs/decisions/0009-an-http-server-with-limits.md) says why Tornado does this.
"""

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

MEBIBYTE = 1024 * 1024

_DRAIN_SECONDS = 5.0
"""Seconds for which a stopping server finishes the requests that it has begun."""


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """The limits of one server.

    They are bytes of headers and of a body, seconds for each of both, and open connections.
    """

    header_bytes: int = 16 * 1024
    body_bytes: int = MEBIBYTE
    seconds: float = 10.0
    connections: int = 500


class BoundedServer:
    """Serves an application on its own thread, so that no other server can delay it.

    It listens from the beginning; port 0 chooses a free one. Raises OSError if the port is taken.
    """

    def __init__(self, application: Application, bind: str, port: int, limits: ServerLimits, name: str) -> None:
        self._application = application
        self._limits = limits
        self._sockets: list[socket.socket] = bind_sockets(port, bind)
        self.port: int = self._sockets[0].getsockname()[1]
        """The port that it listens on."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name=name, daemon=True)

    def start(self) -> None:
        """Answer requests from here on."""
        self._thread.start()
        self._started.wait()

    def stop(self) -> None:
        """Accept no further connection, and finish what has begun within five seconds."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(_DRAIN_SECONDS + 1)

    async def _serve(self) -> None:
        server = _LimitedServer(
            self._application,
            no_keep_alive=True,
            idle_connection_timeout=self._limits.seconds,
            body_timeout=self._limits.seconds,
            max_header_size=self._limits.header_bytes,
            max_body_size=self._limits.body_bytes,
            max_buffer_size=self._limits.body_bytes + self._limits.header_bytes,
        )
        server.limit, server.idle = self._limits.connections, asyncio.Event()
        server.waiting = self._application.settings["waiting"]
        server.idle.set()
        server.add_sockets(self._sockets)
        self._loop = asyncio.get_running_loop()
        self._started.set()
        await self._stopping.wait()
        server.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                await server.idle.wait()
        await server.close_all_connections()


class _LimitedServer(HTTPServer):
    """At the limit, a new connection replaces the oldest without an accepted request.

    Connections that send nothing cannot block Slack's requests.
    """

    limit = 0
    open = 0
    waiting: dict[IOStream, None]
    """The connections without an accepted request, the oldest first."""
    idle: asyncio.Event
    """Set while no connection is open."""

    def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        if self.open >= self.limit:
            oldest = next(iter(self.waiting), stream)
            self.waiting.pop(oldest, None)
            oldest.close()
            if oldest is stream:
                return
        self.open += 1
        self.idle.clear()
        self.waiting[stream] = None
        super().handle_stream(stream, address)

    def on_close(self, server_conn: Any) -> None:
        self.open -= 1
        self.waiting.pop(server_conn.stream, None)
        if self.open == 0:
            self.idle.set()
        super().on_close(server_conn)


def make_application(handlers: list[tuple[str, type[RequestHandler], dict[str, object]]]) -> Application:
    """An application of these handlers; other paths are not found.

    A handler is its path, its class and the arguments of its `initialize`.
    """
    quiet: Callable[[RequestHandler], None] = lambda _: None  # noqa: E731 - the access log of a server that anyone may call
    return Application(
        [(path, handler, arguments) for path, handler, arguments in handlers],
        default_handler_class=PlainHandler,
        log_function=quiet,
        waiting={},
    )


class PlainHandler(RequestHandler):
    """Answers in plain text, and names neither the server nor the reason of an internal error."""

    def prepare(self) -> None:
        """Refuse a path that does not exist; every other handler has its own `prepare`."""
        if type(self) is PlainHandler:
            self.refuse(404, "not found")

    def accept(self) -> None:
        """Keep the connection until the answer, also while others wait for a place."""
        self.settings["waiting"].pop(getattr(self.request.connection, "stream", None), None)

    def set_default_headers(self) -> None:
        """Plain text, without the name of the server."""
        self.clear_header("Server")
        self.set_header("Content-Type", "text/plain; charset=utf-8")

    def compute_etag(self) -> None:
        """No entity tag: nothing is cached."""

    def refuse(self, status: int, words: str) -> None:
        """Finish with this status and sentence."""
        self.set_status(status)
        self.finish(words)

    def write_error(self, status_code: int, **_: object) -> None:
        """The status and its standard text."""
        self.finish(f"{status_code} {self._reason}")
