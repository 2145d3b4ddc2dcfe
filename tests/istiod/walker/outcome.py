"""The outcome of a request, and of each share of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

Outcome = Literal["through", "bypasses", "fails", "mixed", "unknown"]


@dataclass(frozen=True, slots=True)
class Share:
    """One end of a request, with its share of all requests."""

    outcome: Outcome
    code: str = ""  # 404, NC, UH, UF, RBAC, no-chain, blackhole, tls-to-plain, plain-to-tls …
    detail: str = ""
    status: int | None = None  # what the client reads over HTTP; None: the connection ends
    flag: str = ""  # Envoy's response flag, at the proxy that decided
    proxy: str = ""
    destination: str = ""  # host:port or address:port that was reached
    service: str = ""  # host name of the service whose cluster was used last
    via: tuple[str, ...] = ()  # gateways on the way, as namespace/name
    weight: float = 100.0
    walk: tuple[str, ...] = ()

    def after(self, *steps: str) -> Share:
        """The same share with steps before its own."""
        return replace(self, walk=(*steps, *self.walk))

    def of(self, percent: float) -> Share:
        """This share of a part of the requests."""
        return replace(self, weight=self.weight * percent / 100)

    @property
    def answer(self) -> str:
        """How the share ends in one line: for a table, and to compare."""
        if self.outcome in ("through", "bypasses"):
            return f"arrives at {self.destination}" + (f" via {', '.join(self.via)}" if self.via else "")
        seen = str(self.status) if self.status else "connection closed"
        return f"{seen} {self.code} at {self.proxy}".strip()


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of a request with its shares; shares of weight 0 are left out."""

    outcome: Outcome
    shares: tuple[Share, ...]

    @property
    def status(self) -> int | None:
        """The HTTP status that every share has; None if they differ or the connection ends."""
        found = {share.status for share in self.shares}
        return found.pop() if len(found) == 1 else None

    @property
    def code(self) -> str:
        """The codes of all shares, each once."""
        return " ".join(sorted({share.code for share in self.shares if share.code}))

    @property
    def detail(self) -> str:
        """The details of all shares, each once."""
        return "; ".join(sorted({share.detail for share in self.shares if share.detail}))


def answer(shares: Iterable[Share]) -> Answer:
    """The outcome that all shares have.

    It is `mixed` if they differ, and `unknown` if one of them is.
    """
    kept = tuple(share for share in shares if share.weight > 0)
    kinds = {share.outcome for share in kept}
    if len(kinds) == 1:
        return Answer(kept[0].outcome, kept)
    if not kinds or "unknown" in kinds:
        return Answer("unknown", kept)
    return Answer("mixed", kept)
