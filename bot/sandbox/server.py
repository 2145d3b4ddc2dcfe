"""The sandbox server and its interface for tests and the demo."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
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
from bot.sandbox.model.functions import Execution
from bot.sandbox.model.grants import Grants
from bot.sandbox.model.state import App, Canvas, StoredMessage, View
from bot.sandbox.model.texts import JsonObject
from bot.sandbox.model.workspace import Workspace
from bot.sandbox.sockets import Sockets
from bot.sandbox.typed_text import TypedText
from bot.sandbox.user_actions import UserActions
from bot.sandbox.workspace_reader import WorkspaceReader

_T = TypeVar("_T")


class SandboxServer(WorkspaceReader):
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
        super().__init__(workspace or default_workspace(app or App()))
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

    def open_assistant(self, *, user: str = "U0ALICE", viewed: str = "") -> tuple[Ack, StoredMessage]:
        """Start a thread in the assistant view; return its first message."""
        return self._do(self._people.open_assistant(user=user, viewed=viewed))

    def run_step(self, callback_id: str, inputs: Mapping[str, str]) -> tuple[Ack, str]:
        """Let a workflow execute a custom step; return the answer and the execution's ID."""
        return self._do(self._people.run_step(callback_id, inputs))

    # -- reading ------------------------------------------------------------------------------------------------------

    def prompts(self, thread: StoredMessage) -> tuple[JsonObject, ...]:
        """The prompts of a thread in the assistant view."""
        return self._core.prompts.get((thread.channel, thread.ts), ())

    def canvases(self) -> tuple[Canvas, ...]:
        """The canvases of the bot, oldest first."""
        return tuple(self._core.canvases.values())

    def execution(self, execution_id: str) -> Execution:
        """A step of a workflow in its current state."""
        return self._core.executions[execution_id]

    def calls(self, method: str | None = None) -> tuple[Call, ...]:
        """The calls of the Web API, in order.

        Requests to response URLs have the method `response_url`.
        """
        return tuple(call for call in self._api.calls() if method in {None, call.method})

    def deliveries(self, kind: Kind | None = None) -> tuple[Delivery, ...]:
        """The deliveries to the bot, in order."""
        return tuple(delivery for delivery in self._deliverer.deliveries() if kind in {None, delivery.kind})
