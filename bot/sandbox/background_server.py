"""An ASGI application in its own thread, on a loopback port."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvicorn
from starlette.types import ASGIApp

_T = TypeVar("_T")

_START_SECONDS = 10.0


class BackgroundServer:
    """uvicorn in a thread. Its event loop takes work from other threads."""

    def __init__(self, app: ASGIApp, http: type[asyncio.Protocol]) -> None:
        self._config = uvicorn.Config(
            app,
            http=http,
            ws="websockets-sansio",
            lifespan="off",
            log_level="critical",
            access_log=False,
            timeout_graceful_shutdown=2,
        )
        self._ready = threading.Event()
        self._server = _Announcing(self._config, self._ready)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @staticmethod
    def listen(host: str, port: int) -> tuple[socket.socket, str]:
        """Open the port (0: a free port) and return its address. Raises OSError if it is in use."""
        listener = socket.create_server((host, port), backlog=256)
        host, port = listener.getsockname()[:2]
        return listener, f"http://{host}:{port}"

    def start(self, listener: socket.socket) -> None:
        """Start to serve on the listener; return when requests are answered.

        `stop` closes the listener.
        """
        self._thread = threading.Thread(target=self._run, args=(listener,), name="sandbox", daemon=True)
        self._thread.start()
        if not self._ready.wait(_START_SECONDS):
            raise RuntimeError(f"the server did not start within {_START_SECONDS:.0f} s")

    def stop(self) -> None:
        """End the thread; requests in progress get two seconds."""
        if self._thread is not None:
            self._server.should_exit = True
            self._thread.join(10)
            self._thread = self._loop = None

    def run(self, work: Coroutine[Any, Any, _T], seconds: float) -> _T:
        """Run work in the event loop from another thread, with a time limit."""
        if self._loop is None:
            work.close()
            raise RuntimeError("the sandbox is not running")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    def _run(self, listener: socket.socket) -> None:
        with listener:
            asyncio.run(self._serve(listener))

    async def _serve(self, listener: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        await self._server.serve(sockets=[listener])


class _Announcing(uvicorn.Server):
    """uvicorn with an event that is set when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.set()
