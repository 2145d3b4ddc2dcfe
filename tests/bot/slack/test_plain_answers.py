"""Response URLs and uploads: a proxy's page delivers nothing, and Retry-After is honoured."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest

from bot.slack.settings import SlackSettings
from bot.slack.web_api import MessageRefused, RateLimited, Slack, SlackRefusal, TemporaryRefusal
from tests.loopback.server import LoopbackHandler, LoopbackServer

PAGE = "<!DOCTYPE html><html><body>Your proxy needs a login</body></html>"


class Answers(LoopbackServer):
    """Answers every request outside the Web API in the same way."""

    status = 200
    body = b"ok"
    headers: dict[str, str] = {}  # noqa: RUF012 - set by each test


class Handler(LoopbackHandler):
    """The Web API's two methods for uploads, and the answers of a test for everything else."""

    server: Answers

    def do_POST(self) -> None:  # noqa: N802 - the base class's name
        """Answer a request."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        server = self.server
        if self.path.endswith(("files.getUploadURLExternal", "files.completeUploadExternal")):
            found: dict[str, Any] = {"ok": True, "upload_url": f"{address(server)}upload", "file_id": "F1"}
            self._answer(200, json.dumps(found).encode(), {"Content-Type": "application/json"})
        else:
            self._answer(server.status, server.body, server.headers)

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(HTTPStatus(status))
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def address(server: Answers) -> str:
    return f"http://127.0.0.1:{server.server_port}/"


@pytest.fixture
def server() -> Iterator[Answers]:
    found = Answers(("127.0.0.1", 0), Handler)
    threading.Thread(target=found.serve_forever, args=(0.05,), daemon=True).start()
    yield found
    found.stop()


def send(server: Answers, how: str) -> None:
    slack = Slack(SlackSettings(SLACK_BOT_TOKEN="xoxb-1", SLACK_API_URL=address(server)), timeout=5)
    if how == "response":
        slack.respond(f"{address(server)}response", "text", [])
    else:
        slack.upload("C1", "1.1", "report.md", "report", b"content")


@pytest.mark.parametrize("how", ["response", "upload"])
@pytest.mark.parametrize("body", ["ok", "OK", "", '{"ok": true}'])
def test_what_slack_answers_is_a_delivery(server: Answers, how: str, body: str) -> None:
    server.body = body.encode()
    send(server, how)


def test_slacks_answer_to_an_upload_names_the_size(server: Answers) -> None:
    server.body = b"OK - 4711"
    send(server, "upload")


@pytest.mark.parametrize("how", ["response", "upload"])
@pytest.mark.parametrize("body", [PAGE, '{"login": "required"}', "[]", "Access denied", "[" * 50_000, "\udcff"])
def test_a_page_of_a_proxy_is_no_delivery(server: Answers, how: str, body: str) -> None:
    """Before, each counted as delivered."""
    server.body = body.encode(errors="surrogateescape")
    server.headers = {"Content-Type": "text/html"}
    with pytest.raises(TemporaryRefusal):
        send(server, how)


def test_an_answer_in_an_unknown_character_set_is_no_delivery(server: Answers) -> None:
    server.body, server.headers = b"ok", {"Content-Type": "text/html; charset=no-such"}
    with pytest.raises(TemporaryRefusal):
        send(server, "response")


@pytest.mark.parametrize("how", ["response", "upload"])
@pytest.mark.parametrize(("after", "seconds"), [("37", 37.0), ("9999999", 3600.0), ("soon", 1.0)])
def test_retry_after_is_honoured(server: Answers, how: str, after: str, seconds: float) -> None:
    """Before, a response URL was tried again after one second."""
    server.status, server.body, server.headers = 429, b"", {"Retry-After": after}
    with pytest.raises(RateLimited) as raised:
        send(server, how)
    assert raised.value.retry_after == seconds


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, "used_url", MessageRefused),
        (404, "expired_url", MessageRefused),
        (403, "action_prohibited", MessageRefused),
        (403, PAGE, TemporaryRefusal),
        (407, "", TemporaryRefusal),
        (413, "", TemporaryRefusal),
        (503, PAGE, TemporaryRefusal),
        (200, '{"ok": false, "error": "channel_not_found"}', SlackRefusal),
        (200, '{"ok": false, "error": "a_code_of_next_year"}', TemporaryRefusal),
    ],
)
def test_only_slack_refuses_for_ever(server: Answers, status: int, body: str, kind: type[SlackRefusal]) -> None:
    server.status, server.body = status, body.encode()
    with pytest.raises(kind):
        send(server, "response")
