"""Servers outside the mesh, at every address that a mesh's requests may reach.

They answer HTTP, HTTP/2 or bytes, with or without TLS.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterable
from pathlib import Path

from tests.istiod.envoy.certificates import Authorities
from tests.istiod.walker.network import PLAIN_PORTS, TLS_PORTS

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_SECONDS = 5.0


class Servers:
    """Listening sockets of one mesh; `arrivals` are the addresses that were reached, in order."""

    def __init__(self, authorities: Authorities, folder: Path, names: Iterable[str]) -> None:
        pair = authorities.server(*sorted(names))
        path = folder / "server.pem"
        path.write_text(pair.key + pair.chain)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(path)
        self._sockets: list[socket.socket] = []
        self.arrivals: list[str] = []

    def listen(self, addresses: Iterable[str], ports: Iterable[int]) -> None:
        """Listens on every combination."""
        for address in addresses:
            for port in ports:
                opened = socket.create_server((address, port), backlog=64)
                self._sockets.append(opened)
                threading.Thread(target=self._accept, args=(opened, f"{address}:{port}", port), daemon=True).start()

    def close(self) -> None:
        """Stops listening."""
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self, opened: socket.socket, name: str, port: int) -> None:
        while True:
            try:
                connection, _ = opened.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection, name, port), daemon=True).start()

    def _serve(self, connection: socket.socket, name: str, port: int) -> None:
        connection.settimeout(_SECONDS)
        with contextlib.suppress(OSError), connection:
            first = connection.recv(1, socket.MSG_PEEK)
            if first == b"\x16":
                if port in PLAIN_PORTS:
                    return
                with self._context.wrap_socket(connection, server_side=True) as encrypted:
                    self._answer(encrypted, name)
            elif first:
                self._answer(connection, name, encrypted_http=port in TLS_PORTS)

    def _answer(self, connection: socket.socket, name: str, *, encrypted_http: bool = False) -> None:
        received = connection.recv(65536)
        if not received or received[:1] == b"\x16":
            return  # nothing, or TLS inside TLS
        if encrypted_http and (received.startswith(_PREFACE[: len(received)]) or _is_http(received)):
            return  # plain HTTP to a TLS port; other protocols may begin in plain text
        if received.startswith(_PREFACE[: len(received)]):
            self._http2(connection, received, name)
            return
        self.arrivals.append(name)
        if (
            b"transfer-encoding: chunked" in received.lower()
        ):  # a tunnel in a POST request: its chunks come back as they are
            connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            connection.sendall(received.partition(b"\r\n\r\n")[2] or connection.recv(65536))
        elif received.startswith(b"CONNECT "):
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            self._tunnelled(connection)
        elif _is_http(received):
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        else:
            connection.sendall(received)

    def _tunnelled(self, connection: socket.socket) -> None:
        """Echoes the bytes in a tunnel, after a TLS handshake if they begin with one."""
        if connection.recv(1, socket.MSG_PEEK) == b"\x16":
            with self._context.wrap_socket(connection, server_side=True) as encrypted:
                encrypted.sendall(encrypted.recv(65536))
        else:
            connection.sendall(connection.recv(65536))

    def _http2(self, connection: socket.socket, received: bytes, name: str) -> None:
        """Answers each stream with 200.

        The answer is a SETTINGS frame, its acknowledgement, and one indexed header.
        """
        connection.sendall(_frame(4, 0, 0))
        received = received[len(_PREFACE) :]
        while True:
            while len(received) < 9 or len(received) < 9 + int.from_bytes(received[:3], "big"):
                more = connection.recv(65536)
                if not more:
                    return
                received += more
            length, kind, flags = int.from_bytes(received[:3], "big"), received[3], received[4]
            stream = int.from_bytes(received[5:9], "big")
            received = received[9 + length :]
            if kind == 4 and not flags & 1:
                connection.sendall(_frame(4, 1, 0))
            elif kind == 1:
                self.arrivals.append(name)
                connection.sendall(_frame(1, 5, stream, b"\x88"))


def _is_http(received: bytes) -> bool:
    return b" HTTP/1." in received.partition(b"\r\n")[0]


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload
