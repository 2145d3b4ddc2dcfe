"""Socket Mode: https://docs.slack.dev/apis/events-api/using-socket-mode

Each payload goes to one of the app's connections, in turn; the bot acknowledges with the envelope's id.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from itertools import count

from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.sandbox.connections import Connections
from bot.sandbox.model.core import Core
from bot.sandbox.model.texts import JsonObject

# Slack closes a connection some time after its "disconnect"; until then clients can open the next one.
GRACE_SECONDS = 0.5


class Sockets:
    """The open connections of the app.

    Use them only in the server's event loop; `close_all` is safe from any thread.
    """

    def __init__(self, core: Core, connections: Connections) -> None:
        self._core = core
        self._connections = connections
        self._open: list[WebSocket] = []
        self._waiting: dict[str, asyncio.Future[object]] = {}
        self._turn = count()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing: set[asyncio.Task[None]] = set()
        core.faults.close_sockets = self.close_all

    @property
    def connected(self) -> int:
        """The number of open connections."""
        return len(self._open)

    async def endpoint(self, socket: WebSocket) -> None:
        """Accept a client with its ticket from apps.connections.open."""
        ticket = socket.query_params.get("ticket", "")
        if ticket not in self._core.tickets:
            await socket.close(4001)
            return
        self._core.tickets.discard(ticket)
        self._loop = asyncio.get_running_loop()
        await socket.accept()
        self._open.append(socket)
        try:
            await socket.send_json(self._hello())
            while True:
                self._acknowledged(await socket.receive_text())
        except WebSocketDisconnect:
            pass
        finally:
            self._connections.forget(socket.scope)
            self._drop(socket)

    async def send(
        self, kind: str, payload: JsonObject, seconds: float, *, retry_num: int, retry_reason: str
    ) -> object:
        """Send an envelope and wait for its acknowledgement. Raises TimeoutError.

        Returns the payload of the acknowledgement; None if it has none.
        """
        socket = self._open[next(self._turn) % len(self._open)]
        envelope_id = str(uuid.uuid4())
        envelope: JsonObject = {
            "envelope_id": envelope_id,
            "type": kind,
            "payload": payload,
            "accepts_response_payload": kind != "events_api",
        }
        if kind == "events_api":
            envelope |= {"retry_attempt": retry_num, "retry_reason": retry_reason}
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._waiting[envelope_id] = future
        try:
            await socket.send_json(envelope)
            return await asyncio.wait_for(future, seconds)
        finally:
            self._waiting.pop(envelope_id, None)

    def close_all(self, reason: str | None) -> None:
        """Ask the clients to reconnect, then close; without a reason, cut the connections.

        It is safe from any thread.
        """
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._close_in_loop, reason)

    def _close_in_loop(self, reason: str | None) -> None:
        for socket in tuple(self._open):
            self._drop(socket)
            if reason is None:
                self._connections.cut(socket.scope)
            else:
                task = asyncio.create_task(_say_goodbye(socket, reason))
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)

    def _drop(self, socket: WebSocket) -> None:
        if socket in self._open:
            self._open.remove(socket)

    def _hello(self) -> JsonObject:
        return {
            "type": "hello",
            "num_connections": len(self._open),
            "debug_info": {"host": "sandbox", "build_number": 1, "approximate_connection_time": 18060},
            "connection_info": {"app_id": self._core.app.app_id},
        }

    def _acknowledged(self, text: str) -> None:
        try:
            answer = json.loads(text)
        except ValueError:
            return
        waiting = self._waiting.get(str(answer.get("envelope_id"))) if isinstance(answer, dict) else None
        if waiting is not None and not waiting.done():
            waiting.set_result(answer.get("payload"))


async def _say_goodbye(socket: WebSocket, reason: str) -> None:
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):
        await socket.send_json({"type": "disconnect", "reason": reason, "debug_info": {"host": "sandbox"}})
        await asyncio.sleep(GRACE_SECONDS)
        await socket.close(1000)
