"""The Web API: authentication, scopes and rate limits, then the method.

Every call is recorded.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bot.sandbox.connections import Connections
from bot.sandbox.limits import Buckets, LimitExceeded
from bot.sandbox.methods import METHODS
from bot.sandbox.model.core import ApiError, Args, Core, Method
from bot.sandbox.model.texts import JsonObject
from bot.sandbox.responses import answer_response_url

_Perform: TypeAlias = Callable[[], tuple[JsonObject, int]]


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the Web API.

    `status` is 0 if the connection was cut; `error` is empty or Slack's code.
    """

    at: float
    method: str
    args: JsonObject
    ok: bool
    error: str
    status: int
    response: JsonObject


class Api:
    """Answers /api/METHOD and response URLs."""

    def __init__(self, core: Core, limits: Buckets, connections: Connections) -> None:
        self._core = core
        self._limits = limits
        self._connections = connections
        self._calls: list[Call] = []

    def calls(self) -> tuple[Call, ...]:
        """Every call so far, oldest first."""
        return tuple(self._calls)

    async def method(self, request: Request) -> Response:
        """POST or GET /api/METHOD."""
        name = request.path_params["method"]
        values = await _arguments(request)
        token = request.headers.get("authorization", "").removeprefix("Bearer ").strip() or str(values.pop("token", ""))
        return await self._faulty(request, name, values, lambda: self._perform(name, values, token))

    async def response_url(self, request: Request) -> Response:
        """POST to a response URL."""
        values = await _arguments(request)
        return await self._faulty(
            request, "response_url", values, lambda: answer_response_url(self._core, request.url.path, values)
        )

    async def _faulty(self, request: Request, name: str, values: JsonObject, perform: _Perform) -> Response:
        """Carry out a call under the injected faults, and record it."""
        faults = self._core.faults
        await asyncio.sleep(faults.delay(name))
        if faults.drops_request(name):
            return self._cut(request, name, values, {})
        injected = faults.injected_answer(name)
        if injected is not None:
            self._record(name, values, injected.status, {"ok": False, "error": "injected_answer"})
            return Response(injected.body, injected.status, media_type=injected.content_type)
        limited = faults.retry_after(name)
        if limited:
            return self._limited(name, values, limited)
        try:
            with self._core.workspace.lock:
                answer, status = perform()
        except LimitExceeded as limit:
            return self._limited(name, values, limit.seconds)
        if faults.loses_answer(name):
            return self._cut(request, name, values, answer)
        self._record(name, values, status, answer)
        scopes = ",".join(sorted(self._core.scopes))
        return JSONResponse(
            answer, status, headers={"x-oauth-scopes": scopes, "x-accepted-oauth-scopes": _accepted(name)}
        )

    def _perform(self, name: str, values: JsonObject, token: str) -> tuple[JsonObject, int]:
        try:
            method = self._authorised(name, token)
            self._limits.take(name, str(values.get("channel", "")))
            return {"ok": True, **method.handler(self._core, Args(values))}, 200
        except ApiError as refusal:
            return {"ok": False, "error": refusal.error, **refusal.extra}, 200

    def _authorised(self, name: str, token: str) -> Method:
        """The method, if it exists and the token and its scopes permit it."""
        method = METHODS.get(name)
        if method is None:
            raise ApiError("unknown_method", req_method=name)
        app = self._core.app
        if not token:
            raise ApiError("not_authed")
        if token not in {app.bot_token, app.app_token}:
            raise ApiError("invalid_auth")
        if method.app_level != (token == app.app_token):
            raise ApiError("not_allowed_token_type")
        if not method.app_level:
            if self._core.faults.token_revoked:
                raise ApiError("token_revoked")
            self._core.need_scope(*method.scopes)
        return method

    def _limited(self, name: str, values: JsonObject, seconds: int) -> Response:
        answer = {"ok": False, "error": "ratelimited"}
        self._record(name, values, 429, answer)
        return JSONResponse(answer, 429, headers={"Retry-After": str(seconds)})

    def _cut(self, request: Request, name: str, values: JsonObject, answer: JsonObject) -> Response:
        self._record(name, values, 0, answer)
        self._connections.cut(request.scope)
        return Response(status_code=204)

    def _record(self, name: str, values: JsonObject, status: int, answer: JsonObject) -> None:
        ok = bool(answer.get("ok"))
        now = self._core.workspace.clock()
        self._calls.append(Call(now, name, values, ok, str(answer.get("error", "")), status, answer))


def _accepted(name: str) -> str:
    method = METHODS.get(name)
    return ",".join(method.scopes) if method else ""


async def _arguments(request: Request) -> JsonObject:
    """The arguments from the query and from a JSON or form body."""
    values: JsonObject = dict(request.query_params)
    body = await request.body()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        try:
            given = json.loads(body or b"{}")
        except ValueError:
            given = {}
        if isinstance(given, Mapping):
            values.update(given)
    else:
        values.update(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    return values
