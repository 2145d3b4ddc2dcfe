"""Sentences and evidence from counters of clients, istiod and the static egress components.

They decide nothing: they count for all proxies of the mesh, or requests that another configuration may explain.
Source: docs/rulings.md#ruling-38.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from checks.facts.fact import Fact, Unreadable
from checks.facts.view import Facts
from checks.istio.configured.configured_hosts import configured_hosts
from checks.istio.mesh.mesh import MESH_READS
from checks.istio.mesh.objects.hosts import is_subset
from checks.istio.traffic.client_traffic import ClientPath, ClientRequests, ClientTraffic, client_traffic
from checks.istio.traffic.control_counters import (
    ControlCounters,
    component_failures,
    failed_pushes,
    istiod_pods,
    rejected_configuration,
)
from checks.istio.traffic.counted_traffic import counted_traffic
from checks.istio.traffic.failed_connections import unread_reason
from checks.istio.traffic.host_answers import answer_notes
from checks.istio.traffic.past_traffic import past_of
from checks.model.findings import Evidence, Finding, Status
from checks.model.requested_host import requested_host

HOST_READS: frozenset[type[Fact]] = frozenset(MESH_READS)
"""The kinds that name the hosts of a gateway."""
_UNKNOWN_HOSTS = "outbound-policy-bypasses"
_BY_CHECK: Mapping[str, Callable[[Facts], ControlCounters | None]] = {
    "proxy-configuration-rejected": rejected_configuration,
    "istiod-unhealthy": failed_pushes,
    "static-egress-components-unhealthy": component_failures,
}


def notes_of(facts: Facts) -> tuple[str, ...]:
    """Other counts than those of the gateway, one sentence each, without its full stop."""
    found = _client(facts)
    return (
        *(_client_notes(found) if found is not None else ()),
        *answer_notes(facts),
        *filter(
            None,
            (
                *(_rejects(facts), _pushes(facts), _components(facts), _unread_istiods(facts)),
                *(unread_reason(counted_traffic(facts)), _past(facts)),
            ),
        ),
    )


def with_counters(findings: Iterable[Finding], facts: Facts) -> tuple[Finding, ...]:
    """The findings; those that counters confirm have them as evidence."""
    client = _client(facts)
    return tuple(_with_evidence(each, facts, client) for each in findings)


def _with_evidence(finding: Finding, facts: Facts, client: ClientTraffic | None) -> Finding:
    if finding.status not in (Status.FAIL, Status.WARN):
        return finding
    rows: tuple[Evidence, ...] = ()
    if (counted := _BY_CHECK.get(finding.check)) is not None and (found := counted(facts)) is not None:
        rows = found.evidence
    elif client is not None:
        named = {each.name for each in finding.about if each.kind == "host"}
        rows = tuple(
            dict.fromkeys(
                Evidence(f"counters of client {client.client}", f"{each.noun}s", str(each.path), "to the gateway")
                for each in client.bypassing
                if each.host in named or (finding.check == _UNKNOWN_HOSTS and each.path is ClientPath.PASSED)
            )
        )
    return replace(finding, evidence=(*finding.evidence, *rows)) if rows else finding


def _client(facts: Facts) -> ClientTraffic | None:
    return facts.once(
        "traffic of the client", _counted, (str(facts.gateway), facts.question.client, facts.question.host)
    )


def _counted(facts: Facts) -> ClientTraffic | None:
    return client_traffic(facts, _wanted(facts))


def _wanted(facts: Facts) -> Callable[[str], bool]:
    """Whether requests to a host are meant to use the gateway."""
    if facts.question.host:
        return partial(is_subset, requested_host(facts.question.host).name.lower())
    try:
        hosts = [each for each in configured_hosts(facts).hosts if each != "*"]
    except Unreadable:
        hosts = []
    return lambda host: any(is_subset(host, each) for each in hosts)


def _client_notes(found: ClientTraffic) -> Iterator[str]:
    if found.problem:
        yield f"Requests of client {found.client} are not checked: {found.problem}"
    for each in found.bypassing:
        yield _bypass(found, each)


def _bypass(found: ClientTraffic, each: ClientRequests) -> str:
    to = f"to {each.host}" if each.host else "to hosts that its sidecar does not know"
    what = f"{_number(each.total, each.noun)} of client {found.client} {to}"
    if each.path is ClientPath.REJECTED:
        return f"{what} were rejected at its sidecar {found.period} (BlackHoleCluster)"
    return f"{what} bypassed the gateway {found.period} ({each.path}), {each.outcome}"


def _rejects(facts: Facts) -> str:
    found = rejected_configuration(facts)
    if found is None:
        return ""
    return f"istiod counted {_number(found.total, 'rejected configuration')} of proxies of the mesh {found.period}"


def _pushes(facts: Facts) -> str:
    found = failed_pushes(facts)
    return f"istiod counted {_number(found.total, 'failed push', 'es')} {found.period}" if found is not None else ""


def _components(facts: Facts) -> str:
    found = component_failures(facts)
    if found is None:
        return ""
    return (
        f"The static egress components counted {_number(found.total, 'failure')} {found.period} ({found.counts[0][0]})"
    )


def _unread_istiods(facts: Facts) -> str:
    """How many istiod pods were read, "" if all of them were."""
    read, left_out = istiod_pods(facts)
    return f"The counters of {read} of {read + left_out} istiod pods are read, to limit the load" if left_out else ""


def _past(facts: Facts) -> str:
    """Why the last hours are not known, "" if they are, or if no Prometheus is read."""
    problem = past_of(facts).problem
    return f"The traffic of the last hours is not known: {problem}" if problem else ""


def _number(count: int, noun: str, ending: str = "s") -> str:
    return f"{count:,} {noun}{'' if count == 1 else ending}"
