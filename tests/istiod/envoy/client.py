"""Sends requests as an application in a pod does.

It uses curl or a plain socket, and the sidecar intercepts the connection.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

from tests.istiod.question import Question

_SECONDS = 6.0


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer that an application gets: a status, or why there is none."""

    status: int | None
    problem: str = ""  # closed, reset, TLS, timeout, refused
    grpc_status: int | None = None  # an error for a gRPC client, which comes with status 200

    @property
    def arrived(self) -> bool:
        """Whether a server answered."""
        return self.status is not None and self.status < 300 and self.grpc_status is None


class Interception:
    """A stand-in for the iptables rules of a pod.

    It passes connections and their destination to the sidecar.
    """

    def __init__(self, outbound: int, source: str, destination: tuple[str, int]) -> None:
        address, port = destination
        self._header = f"PROXY TCP4 {source} {address} 40000 {port}\r\n".encode()
        self._outbound = outbound
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stops listening."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.create_connection(("127.0.0.1", self._outbound), timeout=_SECONDS)
                far.sendall(self._header)
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=_copy, args=(one, other), daemon=True).start()


def _copy(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while received := one.recv(65536):
            other.sendall(received)
    with contextlib.suppress(OSError):
        other.shutdown(socket.SHUT_WR)


def sent(question: Question, port: int, authorities: Path) -> Reply:
    """The reply to one request through the interception at the port."""
    if question.scheme in ("http", "https", "grpc"):
        return _curl(question, port, authorities)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_SECONDS) as connection:
            if question.scheme == "tls":
                context = ssl.create_default_context(cafile=str(authorities))
                with context.wrap_socket(connection, server_hostname=question.host) as encrypted:
                    return _echoed(encrypted)
            return _echoed(connection)
    except ssl.SSLError as error:
        return Reply(None, f"TLS: {error.reason}")
    except TimeoutError:
        return Reply(None, "timeout")
    except OSError as error:
        return Reply(None, f"reset: {error.strerror}")


def _echoed(connection: socket.socket) -> Reply:
    connection.sendall(b"\x01\x02ping\n")
    received = connection.recv(100)
    return Reply(200) if received == b"\x01\x02ping\n" else Reply(None, "closed")


_CURL = {28: "timeout", 35: "TLS", 52: "closed", 56: "reset", 60: "TLS: certificate", 7: "refused", 92: "closed"}


def _curl(question: Question, port: int, authorities: Path) -> Reply:
    grpc = question.scheme == "grpc"
    command = ["curl", "-q", "-s", "-o", "/dev/null", "-w", "%{http_code} %header{grpc-status}", "--noproxy", "*"]
    command += ["--http2-prior-knowledge", "-H", "content-type: application/grpc"] if grpc else []
    command += ["-X", "POST" if grpc else question.method]
    command += ["--max-time", str(_SECONDS), "--cacert", str(authorities), "--connect-to", f"::127.0.0.1:{port}"]
    command += ["-H", "User-Agent:", "-H", "Accept:"]  # only the headers of the question
    for name, value in question.headers:
        command += ["-H", f"{name}: {value}"]
    url = f"{'http' if grpc else question.scheme}://{question.host}:{question.target_port}{question.path}"
    if question.method == "HEAD":
        command.append("-I")
    done = subprocess.run([*command, url], capture_output=True, text=True, check=False, timeout=2 * _SECONDS)
    if done.returncode == 0:
        status, _, grpc_status = done.stdout.partition(" ")
        return Reply(int(status), grpc_status=int(grpc_status) if grpc_status.strip() else None)
    return Reply(None, _CURL.get(done.returncode, f"curl {done.returncode}"))
