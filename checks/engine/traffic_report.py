"""The traffic of a report, and the failures that it contradicts.

Source: docs/rulings.md#ruling-38.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from checks.engine.check import Because, Check
from checks.engine.counter_evidence import notes_of
from checks.engine.traffic_history import history_of
from checks.facts.fact import Fact, Unreadable
from checks.facts.logs import ProxyLog
from checks.facts.pods import Pod
from checks.facts.proxy_traffic import ProxyTraffic
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.istio.traffic.host_traffic import GatewayTraffic, HostTraffic, gateway_traffic
from checks.istio.traffic.requested_traffic import perhaps_requested, requested_traffic
from checks.model.findings import Finding, Status
from checks.model.traffic import TRAFFIC_FAILING, Traffic, TrafficOfHost

TRAFFIC_READS: frozenset[type[Fact]] = frozenset({Pod, Deployment, ProxyLog, ProxyTraffic})
_FEWEST = 2
"""The fewest requests that contradict a failure."""
_SMALL_SHARE = 100
"""One failure in so many requests does not show that the fault of a finding has an effect."""


def traffic_of(facts: Facts) -> Traffic | None:
    """The traffic of the run's gateway, or of the question's host.

    None if no counters are read.
    """
    if not facts.configured(ProxyTraffic):
        return None
    try:
        found = gateway_traffic(facts)
    except Unreadable as unread:
        return Traffic(f"not checked: {unread.gap}", problem=str(unread.gap))
    hosts = requested_traffic(facts, found.hosts)
    unnamed = [each for each in hosts if perhaps_requested(facts, each)]
    known = [each for each in hosts if each not in unnamed]
    return Traffic(
        "; ".join((*([_summary(known, found)] if known or not unnamed else ()), *map(_unnamed, unnamed))),
        tuple(_of_host(each) for each in hosts),
        found.unusable[0] if found.unusable else "",
        history_of(facts),
        notes_of(facts),
    )


def _unnamed(found: HostTraffic) -> str:
    """Failures among which the question's host can be."""
    number = f"{found.failed:,} {found.noun}{'' if found.failed == 1 else 's'}"
    return f"{number} without a known host failed {found.period} ({found.shown})"


def _of_host(found: HostTraffic) -> TrafficOfHost:
    return TrafficOfHost(
        found.host,
        f"{found.noun}s",
        found.total,
        found.failed,
        found.shown,
        str(found.failure.side) if found.failure is not None else "",
        found.since,
        found.last_failed,
        tuple(each.name for each in found.pods),
        found.unanswered,
        found.recovered,
        found.stopped,
        found.last_succeeded,
    )


def _summary(hosts: Sequence[HostTraffic], found: GatewayTraffic) -> str:
    if not hosts:
        if found.unusable:
            return f"not checked: {found.unusable[0]}"
        return f"no requests {found.period}" if found.pods else "not checked"
    total = sum(each.total for each in hosts)
    nouns = {each.noun for each in hosts}
    noun = f"{nouns.pop()}{'' if total == 1 else 's'}" if len(nouns) == 1 else "requests and connections"
    period = next((each.period for each in hosts if each.period), "in the access logs")
    failing = sorted((each for each in hosts if each.failed), key=lambda each: -each.failed)
    whole = f"{total:,} {noun} {period}" + (" (counters not checked)" if found.unusable else "")
    unanswered = sum(each.unanswered for each in hosts)
    if unanswered:
        whole += f", {unanswered:,} without an answer"
    if not failing and unanswered == total:
        return whole
    if not failing:
        last = max((each.last_failed for each in hosts if each.last_failed), default=None)
        return f"{whole}, none failed" + (f" since {last:%H:%M}Z" if last is not None else "") + _stopped(hosts)
    first, more = failing[0], len(failing) - 1
    share = f"{_percent(first)} {first.shown}" + (f" since {first.since:%H:%M}Z" if first.since else "")
    if first.recovered is not None:
        share += f", none since {first.recovered:%H:%M}Z"
    share += _stopped(hosts)
    if len(hosts) == 1:
        return f"{whole}, {share}"
    where = first.host or "an unknown host"
    others = f" (and {more} more host{'s' if more > 1 else ''})" if more else ""
    return f"{whole}; to {where} {share}{others}"


def _stopped(hosts: Sequence[HostTraffic]) -> str:
    """Since when there are no requests, "" if there are."""
    times = [each.stopped for each in hosts if each.stopped is not None]
    return f"; no {hosts[0].noun}s since {max(times):%H:%M}Z" if len(times) == len(hosts) else ""


def _percent(found: HostTraffic) -> str:
    """The failed share in percent: never 100 if one succeeded, never 0 if one failed."""
    share = round(100 * found.failed / found.total)
    if share == 100 and found.failed < found.total:
        return "over 99 %"
    return "under 1 %" if share == 0 else f"{share} %"


def doubted(findings: Iterable[Finding], traffic: Traffic | None, checks: Iterable[Check]) -> tuple[Finding, ...]:
    """The findings; a failure that traffic contradicts says so. It stays a failure."""
    if traffic is None:
        return tuple(findings)
    edges = {each.slug: each.explains[TRAFFIC_FAILING] for each in checks if TRAFFIC_FAILING in each.explains}
    return tuple(_doubted(each, traffic, edges.get(each.check)) for each in findings)


def _doubted(finding: Finding, traffic: Traffic, why: Because | None) -> Finding:
    if finding.status is not Status.FAIL or why is None or why.succeeds:
        return finding
    share = why.share
    named = {each.name for each in finding.about if each.kind == share} if share else set()
    about = [each for each in traffic.hosts if not share or each.host in named]
    hosts = [each for each in about if _since_then(each, finding)]
    total = sum(each.total for each in hosts)
    failed = sum(each.failed for each in traffic.hosts if each in about or not each.host)
    succeeded = total - failed - sum(each.unanswered for each in hosts)
    if finding.unseen or (not share and traffic.problem):
        return finding
    if succeeded < _FEWEST or succeeded * 2 < total or failed * _SMALL_SHARE > total:
        return finding
    to = f" to {', '.join(sorted({each.host for each in hosts}))}" if share else ""
    units = " and ".join(sorted({each.unit for each in hosts}))
    number = f"{succeeded:,} of {total:,}" if succeeded < total else f"{total:,}"
    return replace(
        finding,
        doubt=f"Traffic contradicts this: {number} recent {units}{to} through the gateway succeeded.",
    )


def _since_then(each: TrafficOfHost, finding: Finding) -> bool:
    """Whether requests succeed now, and since the fault of a finding began.

    Older ones contradict nothing.
    """
    if each.stopped is not None or each.last_succeeded is None:
        return False
    return finding.since is None or each.last_succeeded >= finding.since
