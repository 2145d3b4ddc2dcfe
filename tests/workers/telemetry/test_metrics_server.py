"""The metrics stay readable while others hold connections open, and those end."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry, Counter

from workers.telemetry.metrics_server import MOST_CONNECTIONS, MetricsServer


class QuickServer(MetricsServer):
    seconds = 0.5


@pytest.fixture
def server() -> Iterator[MetricsServer]:
    registry = CollectorRegistry()
    Counter("made", "Something.", registry=registry).inc()
    with QuickServer(0, registry) as made:
        made.start()
        yield made
        made.shutdown()


def scrape(server: MetricsServer) -> str:
    with urlopen(f"http://127.0.0.1:{server.server_port}/metrics", timeout=30) as answer:
        return str(answer.read().decode())


def threads_of_connections() -> int:
    return sum("process_request_thread" in each.name for each in threading.enumerate())


def test_half_open_connections_do_not_exhaust_the_server(server: MetricsServer) -> None:
    """Each of 300 connections had a thread, for as long as it was open."""
    with ExitStack() as stack:
        for _ in range(300):
            held = stack.enter_context(socket.create_connection(("127.0.0.1", server.server_port)))
            held.sendall(b"GET /met")
        assert "made_total 1.0" in scrape(server)
        assert threads_of_connections() <= MOST_CONNECTIONS


@pytest.mark.slow
def test_a_connection_that_sends_slowly_ends(server: MetricsServer) -> None:
    """It would have been served for as long as a byte came now and then."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.server_port)) as slow:
        slow.settimeout(0.1)
        ended = False
        while not ended and time.monotonic() - began < 60:
            with suppress(TimeoutError):
                try:
                    slow.sendall(b"a")
                    ended = slow.recv(1) == b""
                except (ConnectionResetError, BrokenPipeError):
                    ended = True
        assert ended, "served for a minute, because a byte came now and then"
    assert "made_total 1.0" in scrape(server)
