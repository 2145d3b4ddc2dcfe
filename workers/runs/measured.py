"""A cluster source that counts and times the calls to another."""

import time
from collections.abc import Callable
from datetime import datetime

from checks.facts.fact import AzureCall, CountersWanted, Gap, Listed, PodName
from checks.sources.read_ahead import ReadMemory, read_memory_of
from checks.sources.source import Answer, NotCovered, NotInstalled, Objects, OtherReads, Source
from workers.telemetry.metrics import SOURCE_CALLS, SOURCE_SECONDS
from workers.telemetry.traces import read_span

_OUTCOMES = {
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    429: "throttled",
    504: "timeout",
    0: "no_connection",
}


class MeasuredSource:
    """Counts every call by its outcome and observes its time."""

    def __init__(self, within: Source) -> None:
        self.within = within

    @property
    def read_memory(self) -> ReadMemory | None:
        return read_memory_of(self.within)

    def now(self) -> datetime:
        return self.within.now()

    def kubectl_context(self) -> str:
        return self.within.kubectl_context()

    def list_objects(self, what: Listed, deadline: float) -> Answer:
        return _measured("kubernetes", what.resource, lambda: self.within.list_objects(what, deadline))

    def azure(self, what: AzureCall, deadline: float) -> Answer:
        return _measured("azure", what.resource, lambda: self.within.azure(what, deadline))

    def arm(self, resource_id: str, deadline: float) -> Answer:
        return _measured("azure", resource_id.rsplit("/", 2)[-2], lambda: self.within.arm(resource_id, deadline))

    def pod_log(self, pod: PodName, container: str, tail: int, deadline: float) -> Answer:
        return _measured("logs", "pods/log", lambda: self.within.pod_log(pod, container, tail, deadline))

    def server_version(self, deadline: float) -> Answer:
        return _measured("kubernetes", "version", lambda: self.within.server_version(deadline))

    def probe_results(self) -> Answer:
        return self.within.probe_results()

    def proxy_counters(self, wanted: CountersWanted, deadline: float, others: OtherReads | None = None) -> Answer:
        return _measured("metrics", "metrics", lambda: self.within.proxy_counters(wanted, deadline, others))


def _measured(source: str, resource: str, ask: Callable[[], Answer]) -> Answer:
    began = time.monotonic()
    with read_span(source, resource) as span:
        answer = ask()
        outcome = _outcome(answer)
        span.end(outcome)
    if outcome is not None:
        SOURCE_CALLS.labels(source, outcome).inc()
        SOURCE_SECONDS.labels(source).observe(time.monotonic() - began)
    return answer


def _outcome(answer: Answer) -> str | None:
    """The outcome as a metric label; None if nothing was read."""
    match answer:
        case Objects():
            return "ok"
        case NotInstalled():
            return "not_installed"
        case NotCovered():
            return None
        case Gap(status=status):
            return _OUTCOMES.get(status, "error")
