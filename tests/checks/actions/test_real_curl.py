"""The requests of a probe, as curl itself makes them, to loopback servers."""

import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from checks.actions.echo_requests import REQUEST_SECONDS, EchoAnswer, curl_command, echo_answers
from checks.knowledge.curl_exit_codes import CurlFailure

ID = "0a1b2c3d4e5f"
Serve = Callable[[socket.socket], None]

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")


@contextmanager
def served(serve: Serve) -> Iterator[int]:
    """A server on a loopback port that handles one connection."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(20)

    def accept() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.settimeout(20)
            connection.recv(4096)
            serve(connection)

    thread = Thread(target=accept, daemon=True)
    thread.start()
    yield listening.getsockname()[1]
    thread.join(20)
    listening.close()


def requested(url: str, **environment: str) -> EchoAnswer:
    """The answer of one request, with a time limit of 2 s."""
    command = ["2" if word == str(REQUEST_SECONDS) else word for word in curl_command(ID, (url,))]
    command[0] = shutil.which("curl") or "curl"
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30, env=environment)
    (answer,) = echo_answers(done.stdout, ID, (url,))
    return answer


def _address(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n20.50.60.1\n")


def _closed(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def _silent(connection: socket.socket) -> None:
    connection.recv(1)  # until curl gives up


@pytest.mark.parametrize(
    ("serve", "failure"), [(_address, None), (_closed, CurlFailure.NO_ANSWER), (_silent, CurlFailure.NO_ANSWER)]
)
def test_a_connection_that_was_made_is_never_missing_egress(serve: Serve, failure: CurlFailure | None) -> None:
    with served(serve) as port:
        answer = requested(f"http://127.0.0.1:{port}/ip", http_proxy="http://127.0.0.1:1", NO_PROXY="")
    assert (answer.failure, answer.address) == (failure, "" if failure else "20.50.60.1")


@pytest.mark.parametrize(
    ("url", "failure"),
    [
        ("http://127.0.0.1:1/ip", CurlFailure.NOT_CONNECTED),
        ("http://echo.invalid/ip", CurlFailure.DNS),
        ("http://127.0.0.1:99999/ip", CurlFailure.NOT_SENT),
        ("nothing://127.0.0.1/ip", CurlFailure.NOT_SENT),
    ],
)
def test_the_exit_code_shows_which_part_of_the_request_failed(url: str, failure: CurlFailure) -> None:
    assert requested(url).failure is failure


def test_braces_in_a_url_are_one_request() -> None:
    with served(_address) as port:
        assert requested(f"http://127.0.0.1:{port}/ip?a={{b,c}}&d=[1-3]").address == "20.50.60.1"
