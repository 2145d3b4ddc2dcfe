"""The limits of a fleet check on parallel requests, parallel clusters and kept findings."""

from collections.abc import Callable
from threading import BoundedSemaphore, Event, Lock
from time import monotonic

SIZE_SECONDS = 5.0
"""Seconds for which lists wait for the managed cluster, which names the gateways."""
SUBSCRIPTION = 6
"""Parallel requests to Azure for all clusters of one subscription.

They share its rate limits.
"""

BeforeLists = Callable[[int, float], object]
"""Waits until a cluster with so many gateways may be read, so many seconds at most."""


class ListGate:
    """The lists of a cluster wait here for its size, and those of a large cluster for memory.

    A managed cluster that is not read within `SIZE_SECONDS` delays no list.
    """

    def __init__(self, before_lists: BeforeLists, seconds: float) -> None:
        self._before_lists, self._seconds = before_lists, seconds
        self._sized, self._open = Event(), Event()

    def pass_through(self, deadline: float) -> None:
        """Wait until the lists may be read, until the deadline at most."""
        if self._sized.wait(max(0.0, min(SIZE_SECONDS, deadline - monotonic()))):
            self._open.wait(max(0.0, deadline - monotonic()))

    def open(self, gateways: int) -> None:
        """Let the lists of a cluster with so many gateways pass, when there is memory for it."""
        if not self._open.is_set():
            self._sized.set()
            self._before_lists(gateways, self._seconds)
            self._open.set()


class Limits:
    """The limits of the clusters that are checked in one process.

    Each subscription has one semaphore for requests to Azure, which its clusters share. `before_lists` is called as soon
    as Azure has named the gateways of a live cluster, before its objects are listed. Without `passes`, reports have no
    findings of checks that passed or do not apply: a worker records none.
    """

    def __init__(
        self, azure: int = SUBSCRIPTION, before_lists: BeforeLists | None = None, *, passes: bool = True
    ) -> None:
        self.passes = passes
        self._azure = azure
        self._before_lists = before_lists
        self._by_subscription: dict[str, BoundedSemaphore] = {}
        self._lock = Lock()

    def azure(self, subscription: str) -> BoundedSemaphore:
        """The semaphore of the subscription."""
        with self._lock:
            return self._by_subscription.setdefault(subscription, BoundedSemaphore(self._azure))

    def gate(self, seconds: float) -> ListGate | None:
        """A gate for the lists of one cluster, which may wait so long; None if nothing limits them."""
        return ListGate(self._before_lists, seconds) if self._before_lists is not None else None
