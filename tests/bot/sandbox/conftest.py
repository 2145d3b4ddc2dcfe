"""A sandbox, the official client for it, and a real Bolt app behind it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from slack_bolt import App as Bolt
from slack_bolt import BoltRequest
from slack_sdk import WebClient

from bot.sandbox import RateLimits, SandboxServer, Timing


@pytest.fixture
def timing() -> Timing:
    """Longer times for an answer than Slack's, for a busy machine.

    Tests of a missing answer choose a shorter one.
    """
    return Timing(answer_seconds=20.0, trigger_seconds=20.0, retry_after_seconds=(0.0, 0.05, 0.05))


@pytest.fixture
def slack(timing: Timing) -> Iterator[SandboxServer]:
    with SandboxServer(limits=RateLimits.off(), timing=timing) as server:
        yield server


@pytest.fixture
def client(slack: SandboxServer) -> WebClient:
    return WebClient(token=slack.app.bot_token, base_url=slack.api_url, timeout=60)


@pytest.fixture
def bolt(slack: SandboxServer, client: WebClient) -> Iterator[Bolt]:
    """A Bolt app that receives the sandbox's deliveries over HTTP."""
    app = Bolt(client=client, signing_secret=slack.app.signing_secret, raise_error_for_unhandled_request=False)
    with served(app) as url:
        slack.request_url = url
        yield app


@contextmanager
def served(app: Bolt) -> Iterator[str]:
    """Serve a Bolt app on a free port; yield its request URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            headers: dict[str, str | Sequence[str]] = {name.lower(): value for name, value in self.headers.items()}
            answer = app.dispatch(BoltRequest(body=body, headers=headers))
            content = answer.body.encode()
            self.send_response(answer.status)
            for name, value in answer.first_headers().items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 64

        def handle_error(self, request: object, client_address: object) -> None:
            """Do nothing: the sandbox closes the connection after Slack's three seconds."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/slack/events"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
