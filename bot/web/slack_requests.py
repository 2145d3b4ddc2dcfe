"""`POST /slack/events`: each request is verified before anything reads its body.

Headers without a valid form of signature and time are refused before the body arrives, and a body whose signature does
not match is refused before it is parsed. The bodies under way share a budget, so that memory is bounded.
"""

import asyncio
import hmac
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

from slack_bolt import BoltResponse
from tornado.httputil import HTTPHeaders
from tornado.web import RequestHandler, stream_request_body

from bot.slack.metrics import ACKNOWLEDGED
from bot.web.bodies import BodyBudget, BodyHandler
from bot.web.server import MEBIBYTE, ServerLimits

SLACK_LIMITS = ServerLimits()
"""The limits of requests on the port for Slack."""

MAX_AGE_SECONDS = 300
"""The largest difference between the time in a request and now.

Source: https://docs.slack.dev/authentication/verifying-requests-from-slack/"""

BODIES_BUDGET = 32 * MEBIBYTE
"""Bytes of all bodies under way; a request beyond them gets 503, and Slack repeats it."""

_SIGNATURE, _TIMESTAMP = "X-Slack-Signature", "X-Slack-Request-Timestamp"


class Gate:
    """The shared state of requests: signing secret, memory for bodies, threads of Bolt."""

    def __init__(
        self, secret: str, answer: Callable[[bytes, str, Mapping[str, str | Sequence[str]]], BoltResponse]
    ) -> None:
        self._secret = secret.encode()
        self.answer = answer
        self.threads: Executor = ThreadPoolExecutor(32, thread_name_prefix="request")
        self.budget = BodyBudget(BODIES_BUDGET)

    def may_be_signed(self, headers: HTTPHeaders) -> bool:
        """Whether the headers have a signature in Slack's form and a time of the last five minutes."""
        stamp = headers.get(_TIMESTAMP, "")
        if not re.fullmatch(r"[0-9]{1,12}", stamp) or abs(time.time() - int(stamp)) > MAX_AGE_SECONDS:
            return False
        return re.fullmatch(r"v0=[0-9a-f]{64}", headers.get(_SIGNATURE, "")) is not None

    def is_signed(self, body: bytes, headers: HTTPHeaders) -> bool:
        """Whether Slack has signed this body."""
        signed = b":".join((b"v0", headers[_TIMESTAMP].encode(), body))
        expected = f"v0={hmac.new(self._secret, signed, 'sha256').hexdigest()}"
        return hmac.compare_digest(expected, headers[_SIGNATURE])


@stream_request_body
class SlackRequests(BodyHandler):
    """Verifies a request, and passes it to Bolt on one of the gate's threads."""

    def initialize(self, gate: Gate) -> None:
        """Keep the shared gate; Tornado makes a handler for each request."""
        self.gate = gate
        self.budget = gate.budget
        self.body = bytearray()

    def prepare(self) -> None:
        """Refuse by method and headers, before the body is read."""
        if self.request.method != "POST":
            self.refuse(405, "only POST")
        elif not self.gate.may_be_signed(self.request.headers):
            self.refuse(401, "not signed by Slack")
        else:
            self.is_too_large()

    async def post(self) -> None:
        """Answer a whole request."""
        began = time.perf_counter()
        headers, body = self.request.headers, bytes(self.body)
        if not self.gate.is_signed(body, headers):
            self.refuse(401, "not signed by Slack")
            return
        self.accept()
        kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        received = {name: headers.get_list(name) for name in set(headers)}
        answer = await asyncio.get_running_loop().run_in_executor(
            self.gate.threads, self.gate.answer, body, kind, received
        )
        self.set_status(answer.status)
        for name, value in answer.first_headers_without_set_cookie().items():
            self.set_header(name, value)
        self.finish(answer.body)
        ACKNOWLEDGED.observe(time.perf_counter() - began)


SLACK_PATH = "/slack/events"
"""The path of Slack's requests."""


def slack_handler(gate: Gate) -> tuple[str, type[RequestHandler], dict[str, object]]:
    """The endpoint for Slack's requests."""
    return (SLACK_PATH, SlackRequests, {"gate": gate})
