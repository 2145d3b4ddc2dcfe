"""Counters of a pod, and by how much they grew between its samples."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from operator import le, sub
from types import NoneType
from typing import NamedTuple

GRPC = "gRPC "
_NO_DESTINATION = ("", "unknown", "BlackHoleCluster", "PassthroughCluster")
Column = list[float | None]
"""The values of a series, one for each time."""


class ProxyCounter:
    """A counter of a pod: its metric, its labels, and what they name.

    `host` is the destination in lower case without its port, "" if there was none: the request matched no route then, or was
    passed through. `code` and `flags` are the answer to a request; the code of a connection is "0". A gRPC request that failed
    mostly has the code 200: its code here is `gRPC 14`. Source: istio/proxy, `istio_stats.cc` (`grpc_response_status`).
    """

    __slots__ = ("code", "flags", "host", "labels", "metric")

    def __init__(self, metric: str, labels: Mapping[str, str]) -> None:
        self.metric, self.labels = metric, labels
        named = labels.get("destination_service_name", "-") not in _NO_DESTINATION
        host = (
            (labels.get("destination_service") or labels.get("destination_service_name", "")).lower() if named else ""
        )
        self.host = "" if host in _NO_DESTINATION else host.partition(":")[0]
        self.code = labels.get("response_code", "0")
        status = labels.get("grpc_response_status", "")
        if self.code == "200" and status.isdecimal() and status != "0":
            self.code = f"{GRPC}{status}"
        self.flags = labels.get("response_flags", "-")


class Increase(NamedTuple):
    """By how much a counter grew within a window."""

    counter: ProxyCounter
    amount: float

    @property
    def metric(self) -> str:
        return self.counter.metric

    @property
    def labels(self) -> Mapping[str, str]:
        return self.counter.labels


@dataclass(frozen=True, slots=True)
class CounterWindow:
    """The increase of all counters of a pod between two samples.

    `reset`: the proxy restarted before the newest sample, so that nothing is known about the time before.
    """

    begins: datetime
    ends: datetime
    increases: tuple[Increase, ...]
    reset: bool

    @property
    def seconds(self) -> float:
        return (self.ends - self.begins).total_seconds()


def column(values: object, number: int) -> Column:
    """`number` values of a series; what is no number is None."""
    found = [*values] if isinstance(values, list) else [None] * number
    if {int, float, NoneType}.issuperset(map(type, found)):
        return found
    return [float(v) if isinstance(v, int | float) and not isinstance(v, bool) else None for v in found]


def falls(values: Column) -> Iterator[int]:
    """The numbers of the samples that are less than the sample before."""
    if _rising(values) is None:
        for number, (then, now) in enumerate(pairwise(values), 1):
            if then is not None and now is not None and now < then:
                yield number


def growth(values: Column, restarts: AbstractSet[int]) -> list[float]:
    """By how much a counter grew before each sample; 0 for the first sample.

    A counter that the pod did not have yet was 0: Envoy creates it at the first request. One that is missing later had its
    last value: a sample of it was missed. One that Envoy discarded, because it was not used, begins at 0, and so does each
    after one of the `restarts`.
    """
    if (rising := _rising(values)) is not None:
        return [0.0, *map(sub, rising[1:], rising)]
    found, last = [], 0.0
    for number, value in enumerate(values):
        before = 0.0 if number in restarts else last
        last = before if value is None else value
        found.append(last - before if last >= before else last)
    return [0.0, *found[1:]]


def _rising(values: Column) -> list[float] | None:
    """The values if each sample has one and none fell, as of nearly all counters."""
    known = [each for each in values if each is not None]
    return known if len(known) == len(values) and all(map(le, known, known[1:])) else None
