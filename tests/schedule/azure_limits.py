"""Azure's request limits as token buckets, and what a read waits when one is empty.

The sizes are Microsoft's: "Request limits and throttling" of Azure Resource Manager, and "Quotas, virtual machine size
restrictions, and region availability" of AKS (throttling limits of the resource provider).
"""

from dataclasses import dataclass, field
from math import ceil

from checks.sources.azure_retries import LONGEST_PAUSE


@dataclass
class Bucket:
    """A number of requests that is refilled with so many for each second."""

    size: float
    refill: float
    tokens: float = field(init=False)
    at: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self.tokens = self.size

    def refused(self, now: float) -> int:
        """Take one token; returns 0, or the seconds of Retry-After if there is none."""
        self.tokens = min(self.size, self.tokens + (now - self.at) * self.refill)
        self.at = now
        if self.tokens >= 1:
            self.tokens -= 1
            return 0
        return max(1, ceil((1 - self.tokens) / self.refill))


@dataclass
class Subscription:
    """The buckets of one subscription, for the identity of the workers."""

    reads: Bucket = field(default_factory=lambda: Bucket(250, 25))
    """Every read through the Resource Manager."""
    aks: Bucket = field(default_factory=lambda: Bucket(60, 1))
    """Operations of AKS without a bucket of their own.

    They are the lists of node pools and the cluster credentials.
    """
    requests: dict[int, int] = field(default_factory=dict)
    """Requests by second, refused ones included."""
    throttled: int = 0
    failed: int = 0

    def ask(self, now: float, of_aks: bool, until: float) -> int | None:
        """Send one request.

        Returns 0 with an answer, the seconds until the next attempt, or None if the client gives up.
        The client is the product's: it obeys Retry-After below LONGEST_PAUSE and before the deadline of the check.
        """
        self.requests[int(now)] = self.requests.get(int(now), 0) + 1
        pause = self.reads.refused(now) or (self.aks.refused(now) if of_aks else 0)
        if not pause:
            return 0
        self.throttled += 1
        if pause < min(LONGEST_PAUSE, until - now):
            return pause
        self.failed += 1
        return None

    def peak(self, seconds: int) -> int:
        """The most requests in any so many seconds."""
        times = sorted(self.requests)
        most = total = first = 0
        for last in times:
            total += self.requests[last]
            while times[first] <= last - seconds:
                total -= self.requests[times[first]]
                first += 1
            most = max(most, total)
        return most
