"""Deliveries to the bot: signed requests or Socket Mode envelopes, with Slack's retries."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import urlencode

import urllib3

from bot.sandbox.model.core import Core
from bot.sandbox.model.state import StoredMessage
from bot.sandbox.model.texts import JsonObject
from bot.sandbox.sockets import Sockets

Kind: TypeAlias = Literal["slash_commands", "interactive", "events_api"]


@dataclass(frozen=True, slots=True)
class Timing:
    """Slack's times: for an answer, until a trigger expires, and before each retry of an event."""

    answer_seconds: float = 3.0
    trigger_seconds: float = 3.0
    retry_after_seconds: tuple[float, ...] = (0.0, 60.0, 300.0)


@dataclass(frozen=True, slots=True)
class Ack:
    """The answer of the bot.

    `error` is Slack's code or empty; `payload` is a str, a JSON object or None.
    """

    ok: bool
    seconds: float = 0.0
    error: str = ""
    payload: str | JsonObject | None = None
    message: StoredMessage | None = None
    status: int = 0

    @property
    def errors(self) -> dict[str, str]:
        """The errors of a form, by block id."""
        return dict(self.payload.get("errors", {})) if isinstance(self.payload, dict) else {}


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery to the bot and its answer; `retry_num` is 0 for the first attempt."""

    at: float
    kind: Kind
    payload: JsonObject
    via: Literal["http", "socket", "nowhere"]
    ack: Ack
    retry_num: int = 0

    @property
    def ok(self) -> bool:
        return self.ack.ok

    @property
    def error(self) -> str:
        return self.ack.error

    @property
    def seconds(self) -> float:
        return self.ack.seconds


def signed_headers(body: bytes, secret: str, timestamp: int) -> dict[str, str]:
    """Slack's v0 signature of a body.

    https://docs.slack.dev/authentication/verifying-requests-from-slack
    """
    base = b"v0:" + str(timestamp).encode() + b":" + body
    digest = hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": str(timestamp), "X-Slack-Signature": f"v0={digest}"}


def http_body(kind: Kind, payload: Mapping[str, object]) -> tuple[bytes, str]:
    """The body and content type of a payload over HTTP."""
    form = "application/x-www-form-urlencoded"
    if kind == "slash_commands":
        return urlencode({name: value for name, value in payload.items() if isinstance(value, str)}).encode(), form
    if kind == "interactive":
        return urlencode({"payload": json.dumps(payload)}).encode(), form
    return json.dumps(payload).encode(), "application/json"


class Deliverer:
    """Delivers to the bot through Socket Mode, or over HTTP while no connection is open.

    Over HTTP it delivers to `request_url`.
    """

    def __init__(self, core: Core, sockets: Sockets, timing: Timing, request_url: str | None) -> None:
        self.request_url = request_url
        self._timing = timing
        self._core = core
        self._sockets = sockets
        self._pool = ThreadPoolExecutor(64, thread_name_prefix="to-bot")
        self._http = urllib3.PoolManager(maxsize=64, retries=False)
        self._deliveries: list[Delivery] = []
        self._retries: set[asyncio.Task[None]] = set()

    def deliveries(self) -> tuple[Delivery, ...]:
        """All deliveries, oldest first."""
        return tuple(self._deliveries)

    async def close(self) -> None:
        """Cancel the pending retries and close the connections."""
        for task in tuple(self._retries):
            task.cancel()
        await asyncio.gather(*self._retries, return_exceptions=True)
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._http.clear()

    async def send(self, kind: Kind, payload: JsonObject, *, retry_num: int = 0, retry_reason: str = "") -> Ack:
        """Deliver a payload once and wait for the answer."""
        at, started = self._core.workspace.clock(), time.monotonic()
        via: Literal["http", "socket", "nowhere"] = "socket" if self._sockets.connected else "http"
        if via == "socket":
            error, status, answer = await self._by_socket(kind, payload, retry_num, retry_reason)
        elif self.request_url:
            error, status, answer = await self._by_http(kind, payload, retry_num, retry_reason)
        else:
            via, error, status, answer = "nowhere", "dispatch_failed", 0, None
        ack = Ack(not error, time.monotonic() - started, error, answer, status=status)
        self._deliveries.append(Delivery(at, kind, payload, via, ack, retry_num))
        return ack

    async def send_event(self, payload: JsonObject) -> Ack:
        """Deliver an event and return the answer to the first attempt.

        After a failure, Slack's retries continue in the background: at once, after one minute and after five minutes.
        """
        ack = await self.send("events_api", payload)
        if not ack.ok:
            task = asyncio.create_task(self._retry(payload, ack))
            self._retries.add(task)
            task.add_done_callback(self._retries.discard)
        return ack

    async def _retry(self, payload: JsonObject, ack: Ack) -> None:
        for number, seconds in enumerate(self._timing.retry_after_seconds, start=1):
            await asyncio.sleep(seconds)
            ack = await self.send("events_api", payload, retry_num=number, retry_reason=_retry_reason(ack))
            if ack.ok:
                return

    async def _by_socket(self, kind: Kind, payload: JsonObject, retry_num: int, reason: str) -> _Answer:
        try:
            answer = await self._sockets.send(
                kind, payload, self._timing.answer_seconds, retry_num=retry_num, retry_reason=reason
            )
        except TimeoutError:
            return "operation_timeout", 0, None
        except RuntimeError:
            return "dispatch_failed", 0, None
        return "", 0, answer if isinstance(answer, dict | str) else None

    async def _by_http(self, kind: Kind, payload: JsonObject, retry_num: int, reason: str) -> _Answer:
        headers = {"X-Slack-Retry-Num": str(retry_num), "X-Slack-Retry-Reason": reason} if retry_num else {}
        loop = asyncio.get_running_loop()
        post = loop.run_in_executor(self._pool, self._post, kind, payload, headers)
        try:
            status, answer = await asyncio.wait_for(post, self._timing.answer_seconds)
        except urllib3.exceptions.NewConnectionError:
            return "dispatch_failed", 0, None
        except (TimeoutError, urllib3.exceptions.TimeoutError):
            return "operation_timeout", 0, None
        except urllib3.exceptions.HTTPError:
            return "dispatch_failed", 0, None
        if status >= 400:
            return ("http_service_error" if status >= 500 else "http_client_error"), status, None
        return "", status, answer

    def _post(self, kind: Kind, payload: JsonObject, headers: dict[str, str]) -> tuple[int, str | JsonObject | None]:
        body, content_type = http_body(kind, payload)
        signature = signed_headers(body, self._core.app.signing_secret, int(time.time()))
        response = self._http.request(
            "POST",
            self.request_url or "",
            body=body,
            headers={"Content-Type": content_type, "User-Agent": "Slackbot 1.0"} | signature | headers,
            timeout=urllib3.Timeout(total=self._timing.answer_seconds),
            redirect=False,
        )
        text = response.data.decode("utf-8", "replace")
        if "json" in response.headers.get("Content-Type", "") and text:
            answer = json.loads(text)
            return response.status, answer if isinstance(answer, dict) else None
        return response.status, text or None


_Answer: TypeAlias = tuple[str, int, str | JsonObject | None]


def _retry_reason(ack: Ack) -> str:
    if ack.error == "operation_timeout":
        return "http_timeout"
    return "http_error" if ack.status else "connection_failed"
