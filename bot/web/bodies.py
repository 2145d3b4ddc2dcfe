"""Bodies of requests as they arrive.

The bodies under way share a budget, so that memory is bounded.
"""

from tornado.web import stream_request_body

from bot.web.server import MEBIBYTE, PlainHandler

MOST_BODY_BYTES = MEBIBYTE
"""Bytes of one body."""


class BodyBudget:
    """The bytes of all bodies under way, and their limit.

    Only the server's thread changes them.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = 0


@stream_request_body
class BodyHandler(PlainHandler):
    """Keeps the body of a request in `body`, until the answer is sent or the connection breaks."""

    budget: BodyBudget
    body: bytearray

    def is_too_large(self) -> bool:
        """Whether the headers announce a body above the limit; the request is then refused."""
        announced = self.request.headers.get("Content-Length") or "0"
        if not announced.isdecimal() or int(announced) <= MOST_BODY_BYTES:
            return False
        self.refuse(413, f"the body is too large: the limit is {MOST_BODY_BYTES} bytes")
        return True

    def data_received(self, chunk: bytes) -> None:
        """Keep a part of the body, within the budget of all."""
        if self._finished:
            return
        if self.budget.held + len(chunk) > self.budget.most:
            self.refuse(503, "too many requests")
            return
        self.budget.held += len(chunk)
        self.body += chunk

    def on_finish(self) -> None:
        """Give the memory of the body back."""
        self._release()

    def on_connection_close(self) -> None:
        """Give the memory of the body back if the connection broke before the answer."""
        self._release()

    def _release(self) -> None:
        self.budget.held -= len(self.body)
        self.body = bytearray()
