"""The traffic of a gateway over the last hours, which a Prometheus keeps.

Sources: docs/contract.md#metrics, docs/rulings.md#ruling-38.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from checks.facts.fact import ProxyRole
from checks.facts.proxy_traffic import ProxyTraffic
from checks.facts.view import Facts
from checks.istio.traffic.counted_outcomes import totals_by_host

Steps = dict[datetime, list[int]]
"""[all, failed, unanswered] requests, by the end of each step between samples."""
_FEWEST = 5
"""Successes after a failure that show its end: fewer can succeed by chance."""
StepsByHost = dict[tuple[str, bool], Steps]
"""By host ("" if it is not known), and whether they are TCP connections."""


@dataclass(frozen=True, slots=True)
class SampledSteps:
    """The steps between samples, added for all proxies."""

    by_host: StepsByHost = field(default_factory=dict)
    ends: tuple[datetime, ...] = ()
    """The ends of all steps, oldest first, also of those without requests."""

    def stopped(self, steps: Steps) -> datetime | None:
        """The end of the last step with requests.

        None if one of the two newest steps has some, or if it is not known.
        """
        last = max((at for at, (total, _, _) in steps.items() if total), default=None)
        return last if last is not None and len(self.ends) > 2 and last < self.ends[-2] else None

    def last_succeeded(self, steps: Steps) -> datetime | None:
        """The beginning of the newest step in which requests succeeded."""
        found = max(
            (at for at, (total, failed, unanswered) in steps.items() if total > failed + unanswered), default=None
        )
        return max((at for at in self.ends if found is not None and at < found), default=found)

    def after(self, past: "SampledSteps", key: tuple[str, bool]) -> tuple[Steps, datetime | None]:
        """The steps of a host after those of an earlier time, and the end of the first known step."""
        begins = self.ends[0] if self.ends else None
        older = {at: counts for at, counts in past.by_host.get(key, {}).items() if begins is None or at <= begins}
        first = min((*self.ends[:1], *past.ends[:1]), default=None)
        return {**older, **self.by_host.get(key, {})}, first


def recovered(steps: Steps) -> datetime | None:
    """The end of the last step with failures, if enough requests succeeded since then.

    Else None.
    """
    last = max((at for at, (_, failed, _) in steps.items() if failed), default=None)
    if last is None:
        return None
    later = sum(total - unanswered for at, (total, _, unanswered) in steps.items() if at > last)
    return last if later >= _FEWEST else None


@dataclass(frozen=True, slots=True)
class PastTraffic:
    """The steps of the last hours; `problem` is the reason why they are not known."""

    sampled: SampledSteps
    problem: str = ""


def past_of(facts: Facts) -> PastTraffic:
    """The gateway's traffic over the last hours, empty without a Prometheus."""
    return facts.once("past traffic", _past, str(facts.gateway))


def _past(facts: Facts) -> PastTraffic:
    found = [
        each
        for each in facts.readable(ProxyTraffic, facts.gateway.namespace)
        if each.role == ProxyRole.HISTORY and each.service == facts.gateway.service_host
    ]
    return PastTraffic(sampled_steps(found), next((each.problem for each in found if each.problem), ""))


def sampled_steps(proxies: Iterable[ProxyTraffic]) -> SampledSteps:
    """The requests of each step between samples; steps in which a proxy restarted are left out."""
    found: StepsByHost = defaultdict(lambda: defaultdict(lambda: [0, 0, 0]))
    ends: set[datetime] = set()
    for proxy in proxies:
        for step in proxy.steps():
            ends.add(step.ends)
            for key, counts in totals_by_host(step.increases).items():
                here = found[key][step.ends]
                for place, count in enumerate(counts):
                    here[place] += count
    return SampledSteps(found, tuple(sorted(ends)))
