"""The page in the browser: its files, stream of changes, and actions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from bot.sandbox.api import Api
from bot.sandbox.assets import asset
from bot.sandbox.event_delivery import Ack
from bot.sandbox.model.core import Core
from bot.sandbox.model.render import file_json
from bot.sandbox.model.state import StoredMessage, View, WorkspaceChange
from bot.sandbox.model.texts import JsonObject
from bot.sandbox.page_data import change_json, page_state
from bot.sandbox.typed_text import TypedText
from bot.sandbox.user_actions import NoSuchElement, UserActions

_KEEP_ALIVE_SECONDS = 15.0


class Browser:
    """Serves the page; `?user=` selects the person who uses it."""

    def __init__(self, core: Core, typed: TypedText, people: UserActions, api: Api) -> None:
        self._core = core
        self._typed = typed
        self._people = people
        self._api = api
        self._queues: dict[asyncio.Queue[WorkspaceChange | None], asyncio.AbstractEventLoop] = {}

    def routes(self) -> list[Route]:
        """The routes of the page."""
        return [
            Route("/", self._page),
            Route("/archives/{path:path}", self._page),
            Route("/docs/{team}/{id}", self._canvas_page),
            Route("/page/{name}", self._asset),
            Route("/sandbox/canvas/{id}", self._canvas),
            Route("/files/{id}/{name}", self._file),
            Route("/sandbox/state", self._state),
            Route("/sandbox/stream", self._stream),
            Route("/sandbox/calls", self._calls),
            Route("/sandbox/faults", self._fault, methods=["POST"]),
            *(
                Route(f"/sandbox/{action.__name__.strip('_')}", self._acting(action), methods=["POST"])
                for action in (self._say, self._press, self._options, self._submit, self._close, self._home)
            ),
        ]

    def close(self) -> None:
        """End every stream. Safe from any thread."""
        for queue, loop in tuple(self._queues.items()):
            loop.call_soon_threadsafe(queue.put_nowait, None)

    # -- files of the page --------------------------------------------------------------------------------------------

    async def _page(self, request: Request) -> Response:  # noqa: ARG002  # Starlette's form
        return asset("index.html")

    async def _canvas_page(self, request: Request) -> Response:  # noqa: ARG002  # Starlette's form
        return asset("canvas.html")

    async def _canvas(self, request: Request) -> Response:
        canvas = self._core.canvases.get(request.path_params["id"])
        if canvas is None:
            return Response("no such canvas", 404)
        users = [{"id": user.id, "name": user.name} for user in self._core.workspace.users.values()]
        return JSONResponse({"title": canvas.title, "markdown": canvas.markdown, "users": users})

    async def _asset(self, request: Request) -> Response:
        return asset(request.path_params["name"])

    async def _file(self, request: Request) -> Response:
        file = self._core.workspace.file(request.path_params["id"])
        if file is None or file.content is None:
            return Response("no such file", 404)
        headers = {"Content-Security-Policy": "sandbox", "X-Content-Type-Options": "nosniff"}
        kind = file_json(self._core, file)["mimetype"]
        return Response(file.content, media_type=kind, headers=headers)

    # -- data ---------------------------------------------------------------------------------------------------------

    async def _state(self, request: Request) -> Response:
        user = request.query_params.get("user", "")
        if user not in self._core.workspace.users:
            user = next(iter(self._core.workspace.users))
        return JSONResponse(page_state(self._core, user))

    async def _calls(self, request: Request) -> Response:  # noqa: ARG002  # Starlette's form
        return JSONResponse([asdict(call) for call in self._api.calls()[-200:]])

    async def _stream(self, request: Request) -> Response:
        user = request.query_params.get("user", "")
        queue: asyncio.Queue[WorkspaceChange | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def on_change(change: WorkspaceChange) -> None:
            loop.call_soon_threadsafe(queue.put_nowait, change)

        unsubscribe = self._core.workspace.subscribe(on_change)
        self._queues[queue] = loop

        async def events() -> AsyncIterator[str]:
            try:
                yield "retry: 1000\n\n"
                while True:
                    try:
                        change = await asyncio.wait_for(queue.get(), _KEEP_ALIVE_SECONDS)
                    except TimeoutError:
                        yield ": keep-alive\n\n"
                        continue
                    if change is None:
                        return
                    data = change_json(self._core, change, user)
                    if data is not None:
                        yield f"data: {json.dumps(data)}\n\n"
            finally:
                unsubscribe()
                self._queues.pop(queue, None)

        return StreamingResponse(events(), media_type="text/event-stream", headers={"Cache-Control": "no-cache"})

    # -- actions in the page ------------------------------------------------------------------------------------------

    def _acting(
        self, action: Callable[[JsonObject], Awaitable[JsonObject]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            if self._is_foreign(request):
                return Response("only allowed from the page of the sandbox", 403)
            try:
                return JSONResponse(await action(await request.json()))
            except (NoSuchElement, ValueError, KeyError) as error:
                return JSONResponse({"ok": False, "error": str(error)}, 400)

        return endpoint

    async def _say(self, request_body: JsonObject) -> JsonObject:
        thread_ts = request_body.get("thread_ts")
        return _ack_json(
            await self._typed.say(
                request_body["text"], user=request_body["user"], channel=request_body["channel"], thread_ts=thread_ts
            )
        )

    async def _press(self, request_body: JsonObject) -> JsonObject:
        return _ack_json(
            await self._people.press(
                self._where(request_body),
                request_body["action_id"],
                user=request_body["user"],
                block_id=request_body["block_id"],
                given=request_body.get("given"),
                values=request_body.get("values"),
            )
        )

    async def _options(self, request_body: JsonObject) -> JsonObject:
        where, action_id = self._where(request_body), request_body["action_id"]
        ack, options = await self._people.type_ahead(where, action_id, request_body["typed"], user=request_body["user"])
        return _ack_json(ack) | {"options": list(options)}

    async def _submit(self, request_body: JsonObject) -> JsonObject:
        return _ack_json(
            await self._people.submit(self._view(request_body), request_body["values"], user=request_body["user"])
        )

    async def _close(self, request_body: JsonObject) -> JsonObject:
        whole_stack = bool(request_body.get("whole_stack"))
        return _ack_json(
            await self._people.close(self._view(request_body), user=request_body["user"], whole_stack=whole_stack)
        )

    async def _home(self, request_body: JsonObject) -> JsonObject:
        return _ack_json(await self._people.open_home(user=request_body["user"]))

    def _is_foreign(self, request: Request) -> bool:
        """Whether the request comes from another web page in the same browser."""
        return request.headers.get("origin", self._core.url) != self._core.url

    async def _fault(self, request: Request) -> Response:
        if self._is_foreign(request):
            return Response("only allowed from the page of the sandbox", 403)
        request_body = await request.json()
        try:
            self._core.faults.apply(str(request_body.pop("name", "")), request_body)
        except (ValueError, TypeError) as error:
            return JSONResponse({"ok": False, "error": str(error)}, 400)
        return JSONResponse({"ok": True})

    def _where(self, request_body: JsonObject) -> StoredMessage | View:
        if request_body.get("view_id"):
            return self._view(request_body)
        message = self._core.workspace.message(request_body["channel"], request_body["ts"])
        if message is None:
            raise NoSuchElement("This message was deleted.")
        return message

    def _view(self, request_body: JsonObject) -> View:
        view = self._core.workspace.view(request_body["view_id"])
        if view is None:
            raise NoSuchElement("This form is closed.")
        return view


def _ack_json(ack: Ack) -> JsonObject:
    return {"ok": ack.ok, "error": ack.error, "errors": ack.errors, "seconds": ack.seconds}
