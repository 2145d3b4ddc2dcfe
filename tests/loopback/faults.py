"""What a loopback server does to requests in place of answering them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock


@dataclass
class Fault:
    """What happens to requests whose path matches, `times` times (None: always), from the `after`-th on.

    `status` answers with an error, `hang` seconds long nothing, `close` drops the connection, `body` answers 200 with
    something else."""

    path: str
    status: int = 0
    message: str = "injected"
    retry_after: int | None = None
    hang: float = 0
    close: bool = False
    body: bytes | None = None
    times: int | None = None
    after: int = 0
    seen: int = field(default=0, init=False)

    def applies(self, path: str) -> bool:
        """Whether this request is one of its; counts it."""
        if not re.search(self.path, path):
            return False
        self.seen += 1
        return self.after < self.seen and (self.times is None or self.seen <= self.after + self.times)


class Faults:
    """The faults of one server; requests come from several threads."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = list(faults)
        self._lock = Lock()

    def of(self, path: str) -> Fault | None:
        """The first fault that applies to this request."""
        with self._lock:
            return next((fault for fault in self.faults if fault.applies(path)), None)
