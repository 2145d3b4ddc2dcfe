"""`POST /alerts`: Alertmanager's notifications, with a bearer token.

They have threads and memory of their own, so that no number of alerts can delay the acknowledgement of a command.
"""

import asyncio
import hmac
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

from tornado.web import RequestHandler, stream_request_body

from bot.slack.metrics import ALERT_SECONDS, ALERTS
from bot.web.bodies import BodyBudget, BodyHandler
from bot.web.server import MEBIBYTE

ALERTS_PATH = "/alerts"
"""The path of Alertmanager's notifications."""

_BODIES = 8 * MEBIBYTE
"""Bytes of all notifications under way; a request beyond them gets 503."""

_THREADS = 4


@dataclass(frozen=True, slots=True)
class AlertAnswer:
    """The status and the text of an answer; Alertmanager logs the text of an error."""

    status: int
    text: str


class AlertGate:
    """The shared state of notifications: the token, memory for bodies, and threads."""

    def __init__(self, token: str, answer: Callable[[bytes], AlertAnswer]) -> None:
        self._expected = f"Bearer {token}".encode()
        self.answer = answer
        self.budget = BodyBudget(_BODIES)
        self.threads: Executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="alerts")

    def is_permitted(self, authorization: str) -> bool:
        """Whether the header `Authorization` has the token."""
        scheme, _, token = authorization.partition(" ")
        given = f"{scheme.capitalize()} {token.strip()}".encode()
        return hmac.compare_digest(given, self._expected)


@stream_request_body
class AlertRequests(BodyHandler):
    """Verifies a notification, and answers it on one of the gate's threads."""

    def initialize(self, gate: AlertGate) -> None:
        """Keep the shared gate; Tornado makes a handler for each request."""
        self.gate = gate
        self.budget = gate.budget
        self.body = bytearray()

    def prepare(self) -> None:
        """Refuse by method and headers, before the body is read."""
        if self.request.method != "POST":
            self.refuse(405, "only POST")
        elif not self.gate.is_permitted(self.request.headers.get("Authorization", "")):
            ALERTS.labels("unauthorized").inc()
            self.set_header("WWW-Authenticate", "Bearer")
            self.refuse(401, "the bearer token is missing or is not that of EGRESS_DIAG_ALERTS_TOKEN")
        elif self.is_too_large():
            ALERTS.labels("malformed").inc()
        else:
            self.accept()

    async def post(self) -> None:
        """Answer a whole notification."""
        began = time.perf_counter()
        body = bytes(self.body)
        answer = await asyncio.get_running_loop().run_in_executor(self.gate.threads, self.gate.answer, body)
        self.set_status(answer.status)
        self.finish(answer.text)
        ALERT_SECONDS.observe(time.perf_counter() - began)


def alerts_handler(gate: AlertGate) -> tuple[str, type[RequestHandler], dict[str, object]]:
    """The endpoint for Alertmanager's notifications."""
    return (ALERTS_PATH, AlertRequests, {"gate": gate})
