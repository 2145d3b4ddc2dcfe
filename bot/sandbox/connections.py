"""The TCP connections of the server, which faults can cut without an answer."""

from __future__ import annotations

import asyncio
from typing import TypeAlias

from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

Peer: TypeAlias = tuple[str, int]


class Connections:
    """The open connections by the address of the client.

    `forget` removes a connection that became a WebSocket.
    """

    def __init__(self) -> None:
        self._transports: dict[Peer, asyncio.BaseTransport] = {}

    def protocol(self) -> type[asyncio.Protocol]:
        """The HTTP protocol class for uvicorn that registers its connections here."""
        transports = self._transports

        class TrackedProtocol(H11Protocol):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
                transports[transport.get_extra_info("peername")[:2]] = transport
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                if self.client is not None:
                    transports.pop(self.client, None)
                super().connection_lost(exc)

        return TrackedProtocol

    def cut(self, scope: Scope) -> None:
        """Close the connection of a request at once, without an answer."""
        transport = self._transports.pop(tuple(scope["client"]), None)
        if isinstance(transport, asyncio.Transport):
            transport.abort()

    def forget(self, scope: Scope) -> None:
        """Remove a connection that has ended."""
        self._transports.pop(tuple(scope["client"]), None)
