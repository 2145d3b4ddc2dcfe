"""InjectedFaults that a loopback server injects into its answers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock


@dataclass
class InjectedFault:
    """A fault for requests whose path matches: the first `times`, after `after` others.

    With `times` None, all are affected. `status` answers with an error, `hang` delays the answer (seconds), `close`
    closes the connection, `body` answers 200 with this content. `cut` ends the answer in the middle of its content, and
    `drip` sends a byte of it each time after so many seconds.
    """

    path: str
    status: int = 0
    message: str = "injected"
    retry_after: int | None = None
    hang: float = 0
    close: bool = False
    body: bytes | None = None
    kind: str = "application/json"
    """The content type of `body`."""
    cut: bool = False
    drip: float = 0
    page: bool = False
    """Whether the error is the page of a proxy, not of an API server."""
    times: int | None = None
    after: int = 0
    seen: int = field(default=0, init=False)

    def applies(self, path: str) -> bool:
        """Whether the fault applies to this request, which is counted."""
        if not re.search(self.path, path):
            return False
        self.seen += 1
        return self.after < self.seen and (self.times is None or self.seen <= self.after + self.times)


class InjectedFaults:
    """The faults of one server; thread-safe."""

    def __init__(self, faults: Sequence[InjectedFault]) -> None:
        self.faults = list(faults)
        self._lock = Lock()

    def of(self, path: str) -> InjectedFault | None:
        """The first fault that applies to this request."""
        with self._lock:
            return next((fault for fault in self.faults if fault.applies(path)), None)
