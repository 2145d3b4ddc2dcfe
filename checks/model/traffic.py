"""The recent traffic of a gateway as a value of its report."""

from dataclasses import dataclass

from checks.model.raw_values import Moment

TRAFFIC_FAILING = "traffic-failing"
"""The check of the traffic: the fault that other faults cause."""


@dataclass(frozen=True, slots=True)
class TrafficOfHost:
    """The recent requests (or TCP connections) to a host.

    `host` is "" if the counters do not name it.

    `failure` is the most frequent failure as code and response flags, `location` where it is; both "" if none failed.
    """

    host: str
    unit: str
    """`requests` or `connections`."""
    total: int
    failed: int
    failure: str = ""
    location: str = ""
    since: Moment | None = None
    """When most began to fail; None if that was before the samples."""
    last_failed: Moment | None = None
    pods: tuple[str, ...] = ()
    """The gateway pods in which nearly all of these failed, if the others reach the host."""
    unanswered: int = 0
    """The requests that clients closed before an answer: neither successes nor failures."""
    recovered: Moment | None = None
    """Since when none failed, if requests failed before and succeeded since then."""
    stopped: Moment | None = None
    """When the last request was, if there is none in the newest samples."""
    last_succeeded: Moment | None = None
    """A time shortly before the newest request that succeeded; None if none is known."""

    @property
    def succeeded(self) -> int:
        return self.total - self.failed - self.unanswered

    @property
    def mostly_fails(self) -> bool:
        """Whether most of the requests with an outcome failed, and they did not recover since."""
        return self.recovered is None and self.failed * 2 > self.total - self.unanswered

    @property
    def mostly_unanswered(self) -> bool:
        return self.unanswered * 2 > self.total


@dataclass(frozen=True, slots=True)
class TrafficHistory:
    """The requests and connections of the last hours, in equal steps, the oldest first.

    A step is null if it is not known. Only a Prometheus keeps them.
    """

    ends: Moment
    step_seconds: int
    totals: tuple[int | None, ...]
    failed: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Traffic:
    """The recent traffic of a gateway, as its proxies counted it.

    `summary` is one line for people, without its full stop. `problem` is the reason why it is not known, "" if it is.
    """

    summary: str
    hosts: tuple[TrafficOfHost, ...] = ()
    problem: str = ""
    history: TrafficHistory | None = None
    notes: tuple[str, ...] = ()
    """Other counts as sentences without a full stop.

    Requests of the client that bypass the gateway, and failures that istiod and the static egress components counted.
    """
