"""A name server for Envoys that resolve the hosts of requests.

It has one address for each name, or none.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

ADDRESS = "127.0.0.1"
_PORT = 53


class Names:
    """Answers queries for A records on loopback."""

    def __init__(self, resolve: Callable[[str], str | None]) -> None:
        self._resolve = resolve
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((ADDRESS, _PORT))
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Stops answering."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                query, sender = self._socket.recvfrom(4096)
                if not query:
                    return
                self._socket.sendto(self._answer(query), sender)

    def _answer(self, query: bytes) -> bytes:
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode())
            at += 1 + query[at]
        question = query[12 : at + 5]
        address = self._resolve(".".join(labels)) if question[-4:-2] == b"\x00\x01" else None
        code = 0x8180 if address or question[-4:-2] != b"\x00\x01" else 0x8183  # NXDOMAIN
        head = query[:2] + struct.pack(">HHHHH", code, 1, 1 if address else 0, 0, 0)
        if address is None:
            return head + question
        return head + question + b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton(address)


def with_resolver(config: Any) -> Any:
    """The configuration with this name server in every DNS cache."""
    if isinstance(config, list):
        return [with_resolver(each) for each in config]
    if not isinstance(config, dict):
        return config
    found = {key: with_resolver(value) for key, value in config.items()}
    if "dns_cache_config" in found:
        found["dns_cache_config"]["typed_dns_resolver_config"] = {
            "name": "envoy.network.dns_resolver.cares",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
                "resolvers": [{"socket_address": {"address": ADDRESS, "port_value": _PORT}}],
            },
        }
    return found
