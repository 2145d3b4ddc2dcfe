"""Scheduled probes: one result, the round of a cluster, the summary of a span."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from pydantic import TypeAdapter

from checks.actions.results import ActionOutcome
from checks.model.raw_values import Moment


@dataclass(frozen=True, slots=True)
class ScheduledProbe:
    """The result of one scheduled probe.

    `due` is the start of its interval and `interval` its length in seconds. `seconds` is the time of the request.
    `problem` is a sentence, "" if the traffic left by the egress IP prefix.
    """

    due: Moment
    interval: float
    outcome: ActionOutcome
    addresses: tuple[str, ...] = ()
    seconds: float = 0.0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class CanaryRound:
    """The scheduled probes of one cluster in one interval.

    `waiting` are the gateways (`namespace/name`) that are still to be probed, None until a worker has listed them.
    """

    due: Moment
    waiting: tuple[str, ...] | None = None

    @property
    def complete(self) -> bool:
        return self.waiting == ()


@dataclass(frozen=True, slots=True)
class CanarySummary:
    """The summary of the scheduled probes of one gateway in a span.

    `failed` are probes of which the traffic did not leave by the egress IP prefix. `not_run` are probes that were refused
    or not completed, and intervals without a probe. `problem` is the sentence of the newest problem.
    """

    cluster: str
    gateway: str
    """`namespace/name`; "" for a cluster in which no gateway could be probed."""
    since: Moment
    passed: int
    failed: int
    not_run: int
    addresses: tuple[str, ...] = ()
    """The source IP addresses of the probes that passed."""
    other_addresses: tuple[str, ...] = ()
    median_seconds: float = 0.0
    problem: str = ""

    @property
    def total(self) -> int:
        """The number of intervals, with or without a probe."""
        return self.passed + self.failed + self.not_run

    @property
    def clean(self) -> bool:
        """Whether every probe ran and left by the egress IP prefix."""
        return self.passed == self.total


def summarize_probes(
    cluster: str, gateway: str, probes: Sequence[ScheduledProbe], now: datetime, interval: timedelta
) -> CanarySummary | None:
    """The summary of a gateway's probes, None without any. Pure.

    An interval without a probe counts as one that did not run. `interval` is the present one, 0 if scheduled probes are off.
    """
    ordered = sorted(probes, key=lambda each: each.due)
    if not ordered:
        return None
    kinds = Counter(each.outcome for each in ordered)
    passed = [each for each in ordered if each.outcome is ActionOutcome.AS_EXPECTED]
    failed = [each for each in ordered if each.outcome is ActionOutcome.NOT_AS_EXPECTED]
    missed = sum(_between(a.due, b.due, b.interval) for a, b in pairwise(ordered) if a.interval == b.interval)
    overdue = _between(ordered[-1].due, now, interval.total_seconds())
    problem = next((each.problem for each in reversed(ordered) if each.problem), "")
    return CanarySummary(
        cluster=cluster,
        gateway=gateway,
        since=ordered[0].due,
        passed=len(passed),
        failed=len(failed),
        not_run=kinds[ActionOutcome.REFUSED] + kinds[ActionOutcome.NOT_COMPLETED] + missed + overdue,
        addresses=_addresses(passed),
        other_addresses=_addresses(failed),
        median_seconds=median(each.seconds for each in passed) if passed else 0.0,
        problem=_OVERDUE if overdue else problem,
    )


_OVERDUE = "No worker of the queue actions made the latest probes."


def _between(first: datetime, last: datetime, seconds: float) -> int:
    """The number of whole intervals between two that have a probe, or until now."""
    return max(0, int((last - first).total_seconds() // seconds) - 1) if seconds else 0


def _addresses(probes: Iterable[ScheduledProbe]) -> tuple[str, ...]:
    """The addresses of probes, the most frequent first."""
    found = Counter(address for each in probes for address in each.addresses)
    return tuple(address for address, _ in found.most_common())


SCHEDULED_PROBE_JSON = TypeAdapter(ScheduledProbe)

CANARY_ROUND_JSON = TypeAdapter(CanaryRound)
