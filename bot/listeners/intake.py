"""The entrance of every payload, over HTTP and Socket Mode.

A payload is read as a typed value, then passed to Bolt without the fields that no listener reads. A malformed one gets an
answer and one line in the log.
"""

import logging
from collections.abc import Mapping, Sequence
from threading import Thread
from time import time

import orjson
from slack_bolt import App, BoltRequest, BoltResponse
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.adapter.socket_mode.internals import build_headers, send_response
from slack_sdk.socket_mode.builtin import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest

from bot.listeners.payloads import MalformedPayload, UnusedPayload, read_body, read_payload
from bot.slack.metrics import MALFORMED_PAYLOADS

log = logging.getLogger(__name__)

Headers = Mapping[str, str | Sequence[str]]

_SORRY = "Nothing was started: the command arrived incomplete ({}). Try again, or inform the operator of this bot."


class Intake:
    """Passes payloads to Bolt. Over HTTP, the signature was verified before."""

    def __init__(self, app: App) -> None:
        self.app = app

    def http(self, body: bytes, content_type: str, headers: Headers) -> BoltResponse:
        """The answer to the body of a signed request."""
        try:
            found = read_body(body, content_type)
        except MalformedPayload as wrong:
            return _refused(wrong, None)
        return self.payload(found, headers)

    def payload(self, found: object, headers: Headers) -> BoltResponse:
        """The answer to a payload."""
        try:
            payload = read_payload(found)
        except MalformedPayload as wrong:
            return _refused(wrong, found)
        if isinstance(payload, UnusedPayload):
            log.info("a payload of type %r is not used", payload.type)
            return BoltResponse(status=200)
        # As in Socket Mode: the body is an object, and Bolt verifies no signature again.
        return self.app.dispatch(BoltRequest(mode="socket_mode", body=payload.body, headers=dict(headers)))


class SocketIntake(SocketModeHandler):
    """Socket Mode through the intake."""

    def handle(self, client: SocketModeClient, req: SocketModeRequest) -> None:  # type: ignore[override]
        """Answer one envelope."""
        began = time()
        send_response(client, req, Intake(self.app).payload(req.payload, build_headers(req) or {}), began)

    def close(self) -> None:
        """End the connection and its threads.

        The SDK marks the session as ended once, and waits without a limit for the thread that reads it. After a reconnection,
        that thread can remove the mark when it starts to read; it is therefore set until the thread has ended.
        """
        closing = Thread(target=super().close, name="close", daemon=True)
        closing.start()
        while closing.is_alive():
            self.client.current_session_state.terminated = True
            closing.join(0.1)
        # A connection that was just being opened.
        self.client.disconnect()


def _refused(wrong: MalformedPayload, found: object) -> BoltResponse:
    """The answer to a malformed payload.

    A person who typed a command gets a sentence. An event is dropped, because Slack would repeat it after an error.
    """
    MALFORMED_PAYLOADS.inc()
    log.warning("a malformed payload was refused: %s", wrong)
    if wrong.command:
        text = orjson.dumps({"response_type": "ephemeral", "text": _SORRY.format(wrong.problem)}).decode()
        return BoltResponse(status=200, body=text, headers={"Content-Type": "application/json;charset=utf-8"})
    if isinstance(found, dict) and found.get("type") == "event_callback":
        return BoltResponse(status=200)
    return BoltResponse(status=400, body="not a request from Slack")
