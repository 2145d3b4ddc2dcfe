"""Unsigned HTTP requests are refused, at once and at a bounded cost."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import urllib3

from bot.sandbox import RateLimits, SandboxServer, signed_headers
from tests.bot.conftest import write_config
from tests.redis_server import RedisServer
from tests.system import PATIENT, System

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module")
def listener(tmp_path_factory: pytest.TempPathFactory, clusters_folder: Path) -> Iterator[System]:
    """A listener without workers, over HTTP."""
    folder = tmp_path_factory.mktemp("listener")
    redis = RedisServer(folder)
    redis.start()
    try:
        with SandboxServer(limits=RateLimits.off(), timing=PATIENT) as slack:
            system = System(folder, redis, slack, write_config(clusters_folder))
            try:
                system.start("listener")
                system.wait(lambda: system.ready() == 200, 60, "the listener is not ready")
                yield system
            finally:
                system.__exit__()
    finally:
        redis.kill()


def post(system: System, body: bytes, headers: dict[str, str]) -> int:
    http = urllib3.PoolManager(retries=False, timeout=20)
    try:
        return int(
            http.request("POST", f"http://127.0.0.1:{system.port}/slack/events", body=body, headers=headers).status
        )
    except urllib3.exceptions.HTTPError:
        return 0
    finally:
        http.clear()


def memory(system: System) -> int:
    """The resident memory of the listener, in bytes."""
    status = Path(f"/proc/{system.processes['listener'].pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) * 1024


ODD = [
    (b"[" * 100_000, JSON),
    (b'{"a":' * 900 + b"1" + b"}" * 900, JSON),
    (b"payload=" + b"%5B" * 5000, FORM),
    (b'{"type": 3}', JSON),
    (b'{"event": [], "type": "event_callback"}', JSON),
    (b"payload=%7B%22user%22%3A%5B%5D%7D", FORM),
    (b"\xff\xfe", FORM),
    (b"", JSON),
]


@pytest.mark.parametrize("stamp", ["now", "", "soon", "1e9", "-1", "9" * 5000, "१२३"])
def test_an_unsigned_body_of_any_shape_is_refused_before_it_is_read(listener: System, stamp: str) -> None:
    calls = len(listener.slack.calls())
    stamp = str(int(time.time())) if stamp == "now" else stamp
    for body, kind in ODD:
        headers = {"Content-Type": kind, "X-Slack-Signature": "v0=" + "0" * 64}
        headers |= {"X-Slack-Request-Timestamp": stamp.encode().decode("latin-1")} if stamp else {}
        assert post(listener, body, headers) == 401, body[:40]
    assert "Traceback" not in listener.log("listener")
    assert len(listener.slack.calls()) == calls


def test_an_unsigned_command_with_an_invalid_timestamp_is_not_answered(listener: System) -> None:
    """A reply to its `response_url` would let anyone send requests from the bot's network."""
    with socket.create_server(("127.0.0.1", 0)) as somewhere:
        somewhere.settimeout(2)  # the listener refuses before it could send, and says so in its answer
        url = f"http://127.0.0.1:{somewhere.getsockname()[1]}/"
        body = f"command=%2Fegress-diag&text=list&user_id=U0ALICE&response_url={url}".encode()
        headers = {"Content-Type": FORM, "X-Slack-Signature": "v0=0", "X-Slack-Request-Timestamp": "soon"}
        assert post(listener, body, headers) == 401
        with pytest.raises(TimeoutError):
            somewhere.accept()


def test_a_large_body_is_refused_without_being_held(listener: System) -> None:
    before = memory(listener)
    stamp = str(int(time.time()))
    for headers in ({}, {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": "v0=" + "0" * 64}):
        assert post(listener, b"a" * (50 * MEBIBYTE), {"Content-Type": FORM, **headers}) in (0, 400, 401, 413)
    print(f"{(memory(listener) - before) / MEBIBYTE:.1f} MiB more for bodies of 50 MiB")
    assert memory(listener) - before < 20 * MEBIBYTE
    assert listener.ready() == 200


def test_a_signed_body_above_the_limit_is_refused_and_one_below_is_read(listener: System) -> None:
    for size, status in ((MEBIBYTE + 1, 413), (MEBIBYTE - 100, 404)):
        start = b"command=%2Fother&user_id=U0ALICE&channel_id=C0OPS&text="
        body = start + b"a" * (size - len(start))
        headers = signed_headers(body, listener.slack.app.signing_secret, int(time.time()))
        assert post(listener, body, {"Content-Type": FORM, **headers}) == status


def test_half_open_requests_delay_neither_health_nor_slack(listener: System) -> None:
    """Three kinds of requests without an end, each alone more than the server holds at once."""
    stamp = str(int(time.time())).encode()
    header = b"POST /slack/events HTTP/1.1\r\nHost: a\r\n"
    signature = b"X-Slack-Signature: v0=" + b"0" * 64 + b"\r\nX-Slack-Request-Timestamp: " + stamp + b"\r\n"
    for start in (b"", header, header + signature + b"Content-Length: 9\r\n\r\n"):
        with ExitStack() as stack:
            for _ in range(600):
                stack.enter_context(socket.create_connection(("127.0.0.1", listener.port), 5)).sendall(start)
            began = time.monotonic()
            assert listener.ready() == 200
            answer = listener.slack.say("/egress-diag help")
            assert answer.ok, start
            # A server that waited for these requests would answer when their time is over, after ten seconds.
            assert time.monotonic() - began < 9


def test_a_request_that_does_not_end_is_closed_within_its_time(listener: System) -> None:
    """Also one that sends a byte now and then."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_connection(("127.0.0.1", listener.port), 5)) for _ in range(3)]
        stamp = str(int(time.time())).encode()
        held[0].sendall(b"POST /slack/events HTTP/1.1\r\nX-A: ")
        held[1].sendall(
            b"POST /slack/events HTTP/1.1\r\nContent-Length: 1000\r\nX-Slack-Signature: v0="
            + b"0" * 64
            + b"\r\nX-Slack-Request-Timestamp: "
            + stamp
            + b"\r\n\r\n"
        )
        began, open_ = time.monotonic(), set(held[:2])
        while open_ and time.monotonic() - began < 60:
            for each in list(open_):
                try:
                    each.sendall(b"a")
                    each.settimeout(0.2)
                    if each.recv(1000) == b"":
                        open_.discard(each)
                except TimeoutError:
                    continue
                except OSError:
                    open_.discard(each)
            time.sleep(0.5)
        assert not open_, "still open after a minute, though a byte comes now and then"


def test_large_headers_are_refused(listener: System) -> None:
    assert post(listener, b"", {f"X-{n}": "a" * 4000 for n in range(20)}) in (0, 400, 431)
    assert listener.ready() == 200


def test_a_chunked_body_is_limited_too(listener: System) -> None:
    """Its length is not in the headers, so it is counted while it arrives."""
    before = memory(listener)
    head = f"X-Slack-Signature: v0={'0' * 64}\r\nX-Slack-Request-Timestamp: {int(time.time())}\r\n"
    with socket.create_connection(("127.0.0.1", listener.port), 20) as held:
        held.sendall(f"POST /slack/events HTTP/1.1\r\nTransfer-Encoding: chunked\r\n{head}\r\n".encode())
        with suppress(OSError):
            for _ in range(50):
                held.sendall(b"100000\r\n" + b"a" * MEBIBYTE + b"\r\n")
        held.settimeout(10)
        with suppress(ConnectionError):
            answer = held.recv(1000)
            assert answer == b"" or b"HTTP/1.1 400" in answer
    assert memory(listener) - before < 20 * MEBIBYTE
    assert listener.ready() == 200


def test_the_port_for_slack_serves_nothing_else(listener: System) -> None:
    with urllib3.PoolManager(retries=False, timeout=20) as http:
        for method, path, status in (
            ("GET", "/slack/events", 405),
            ("GET", "/healthz", 404),
            ("GET", "/metrics", 404),
            ("POST", "/readyz", 404),
            ("GET", "/", 404),
        ):
            answer = http.request(method, f"http://127.0.0.1:{listener.port}{path}")
            assert (answer.status, answer.headers.get("Server")) == (status, None), path
        for path in ("/slack/events", "/nothing"):
            assert http.request("POST", f"http://127.0.0.1:{listener.health_port}{path}").status == 404
