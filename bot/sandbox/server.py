"""The sandbox server and its interface for tests and the demo."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute

from bot.sandbox.api import Api, Call
from bot.sandbox.background_server import BackgroundServer
from bot.sandbox.browser import Browser
from bot.sandbox.connections import Connections
from bot.sandbox.default_workspace import default_workspace
from bot.sandbox.event_delivery import Ack, Deliverer, Delivery, Kind, Timing
from bot.sandbox.form_values import Given
from bot.sandbox.limits import Buckets, RateLimits
from bot.sandbox.methods.files import receive
from bot.sandbox.model.clock import Clock
from bot.sandbox.model.core import Core
from bot.sandbox.model.faults import Faults
from bot.sandbox.model.grants import Grants
from bot.sandbox.model.state import App, JsonObject, StoredFile, StoredMessage, View, WorkspaceChange
from bot.sandbox.model.workspace import Workspace
from bot.sandbox.sockets import Sockets
from bot.sandbox.typed_text import TypedText
from bot.sandbox.user_actions import UserActions

_T = TypeVar("_T")


class SandboxServer:
    """A workspace with its Web API, Socket Mode and page on a loopback port.

    The package docstring documents it.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        request_url: str | None = None,
        app: App | None = None,
        limits: RateLimits | None = None,
        workspace: Workspace | None = None,
        timing: Timing | None = None,
    ) -> None:
        self.workspace = workspace or default_workspace(app or App())
        self.app = self.workspace.app
        self.clock: Clock = self.workspace.clock
        self.faults = Faults(self.workspace)
        self.timing = timing or Timing()
        self._address = (host, port)
        grants = Grants(self.clock, self.timing.trigger_seconds)
        self._core = Core(self.app, self.workspace, self.faults, grants)
        self._connections = Connections()
        self._api = Api(self._core, Buckets(limits or RateLimits()), self._connections)
        self._sockets = Sockets(self._core, self._connections)
        self._deliverer = Deliverer(self._core, self._sockets, self.timing, request_url)
        self._typed = TypedText(self._core, self._deliverer)
        self._people = UserActions(self._core, self._deliverer)
        self._browser = Browser(self._core, self._typed, self._people, self._api)
        self._server: BackgroundServer | None = None

    # -- running ------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server; return when requests are answered.

        Raises OSError if the port is in use.
        """
        listener, self._core.url = BackgroundServer.listen(*self._address)
        self._server = BackgroundServer(self._asgi(), self._connections.protocol())
        self._server.start(listener)

    def stop(self) -> None:
        """Close every connection and end the thread. The workspace remains readable."""
        if self._server is not None:
            self.faults.drop_sockets()
            self._do(self._deliverer.close())
            self._browser.close()
            self._server.stop()
            self._server = None

    def _asgi(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/api/{method}", self._api.method, methods=["GET", "POST"]),
                Route("/actions/{path:path}", self._api.response_url, methods=["POST"]),
                Route("/upload/v1/{token}", self._upload, methods=["POST"]),
                WebSocketRoute("/link/", self._sockets.endpoint),
                *self._browser.routes(),
            ]
        )

    async def _upload(self, request: Request) -> Response:
        error = receive(self._core, request.path_params["token"], await request.body())
        return Response(error or "OK", 400 if error else 200)

    def _do(self, work: Coroutine[Any, Any, _T]) -> _T:
        if self._server is None:
            work.close()
            raise RuntimeError("the sandbox is not running")
        return self._server.run(work, self.timing.answer_seconds + 10)

    # -- addresses ----------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"{self._core.url}/"

    @property
    def api_url(self) -> str:
        """The address of the Web API, for `base_url` and SLACK_API_URL."""
        return f"{self._core.url}/api/"

    @property
    def request_url(self) -> str | None:
        """The address to which HTTP deliveries go; None for Socket Mode only."""
        return self._deliverer.request_url

    @request_url.setter
    def request_url(self, url: str | None) -> None:
        self._deliverer.request_url = url

    @property
    def connected(self) -> int:
        """The number of open Socket Mode connections."""
        return self._sockets.connected

    # -- user actions --------------------------------------------------------------------------------------------------

    def say(
        self, text: str, *, user: str = "U0ALICE", channel: str = "C0OPS", thread: StoredMessage | str | None = None
    ) -> Ack:
        """Type a slash command or a message."""
        thread_ts = (thread.thread_ts or thread.ts) if isinstance(thread, StoredMessage) else thread
        return self._do(self._typed.say(text, user=user, channel=channel, thread_ts=thread_ts))

    def press(
        self,
        where: StoredMessage | View,
        action_id: str,
        *,
        user: str = "U0ALICE",
        value: str | None = None,
        option: str | None = None,
        block_id: str | None = None,
    ) -> Ack:
        """Press a button, or choose `option`.

        Raises NoSuchElement if the person does not see the element.
        """
        work = self._people.press(where, action_id, user=user, block_id=block_id, given=option, forged=value)
        return self._do(work)

    def type_ahead(
        self, where: StoredMessage | View, action_id: str, typed: str, *, user: str = "U0ALICE"
    ) -> tuple[JsonObject, ...]:
        """Type into an external select; return the options that the bot offers."""
        return self._do(self._people.type_ahead(where, action_id, typed, user=user))[1]

    def submit_view(self, view: View, values: Mapping[str, Given] | None = None, *, user: str = "U0ALICE") -> Ack:
        """Fill in a form and submit it."""
        return self._do(self._people.submit(view, values or {}, user=user))

    def close_view(self, view: View, *, user: str = "U0ALICE") -> Ack:
        """Close a form without submitting it."""
        return self._do(self._people.close(view, user=user))

    def open_home(self, *, user: str = "U0ALICE") -> Ack:
        """Open the App Home."""
        return self._do(self._people.open_home(user=user))

    # -- reading ------------------------------------------------------------------------------------------------------

    def messages(self, channel: str = "C0OPS", *, user: str | None = None) -> tuple[StoredMessage, ...]:
        """The top-level messages of a channel, oldest first.

        With `user`, the ephemeral messages to that person are included.
        """
        return tuple(m for m in self.workspace.messages(channel) if not m.is_reply and m.only_for in {None, user})

    def thread(
        self, parent: StoredMessage | str, ts: str | None = None, *, user: str | None = None
    ) -> tuple[StoredMessage, ...]:
        """The replies to a message, which is given as a message or as channel and ts."""
        channel = parent.channel if isinstance(parent, StoredMessage) else parent
        root = (parent.thread_ts or parent.ts) if isinstance(parent, StoredMessage) else ts
        found = self.workspace.messages(channel)
        return tuple(m for m in found if m.is_reply and m.thread_ts == root and m.only_for in {None, user})

    def ephemerals(self, *, user: str | None = None, channel: str | None = None) -> tuple[StoredMessage, ...]:
        """The ephemeral messages."""
        found = (m for m in self.workspace.all_messages() if m.only_for is not None)
        return tuple(m for m in found if user in {None, m.only_for} and channel in {None, m.channel})

    def latest(self, message: StoredMessage) -> StoredMessage | None:
        """The current state of a message; None if it was deleted."""
        return self.workspace.message(message.channel, message.ts)

    def view(self, user: str = "U0ALICE") -> View | None:
        """The top open modal of this person."""
        return (self.workspace.stack(user) or (None,))[-1]

    def views(self, user: str = "U0ALICE") -> tuple[View, ...]:
        """The open modals of this person, the top one last."""
        return self.workspace.stack(user)

    def home(self, user: str = "U0ALICE") -> View | None:
        """The App Home of this person."""
        return self.workspace.home(user)

    def files(self) -> tuple[StoredFile, ...]:
        """Every uploaded file, oldest first."""
        return self.workspace.files()

    def changes(self) -> tuple[WorkspaceChange, ...]:
        """The changes of messages, in order."""
        return tuple(change for change in self.workspace.changes() if change.message is not None)

    def calls(self, method: str | None = None) -> tuple[Call, ...]:
        """The calls of the Web API, in order.

        Requests to response URLs have the method `response_url`.
        """
        return tuple(call for call in self._api.calls() if method in {None, call.method})

    def deliveries(self, kind: Kind | None = None) -> tuple[Delivery, ...]:
        """The deliveries to the bot, in order."""
        return tuple(delivery for delivery in self._deliverer.deliveries() if kind in {None, delivery.kind})

    def wait_until(self, condition: Callable[[], _T | None], timeout: float = 30.0) -> _T:
        """Wait for the condition and return its first truthy value.

        The TimeoutError quotes the latest messages.
        """
        deadline = time.monotonic() + timeout
        while True:
            found = condition()
            if found:
                return found
            left = deadline - time.monotonic()
            if left <= 0:
                shown = [f"{m.channel} {m.ts} {m.shown}" for m in self.workspace.all_messages()]
                raise TimeoutError(
                    f"the condition was not met within {timeout} s; latest messages:\n" + "\n".join(shown[-20:])
                )
            with self.workspace.changed:
                self.workspace.changed.wait(min(left, 0.05))
