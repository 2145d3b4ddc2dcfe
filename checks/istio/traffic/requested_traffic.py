"""The traffic of the question's host, by the names under which proxies count it.

A proxy counts a request under the host of its ServiceEntry, which can be a wildcard, and a request without a destination under
no host. Source: docs/rulings.md#ruling-38.
"""

from collections.abc import Collection, Iterable

from checks.facts.view import Facts
from checks.istio.mesh.objects.hosts import most_specific
from checks.istio.traffic.host_traffic import HostTraffic
from checks.model.requested_host import requested_host


def requested_names(facts: Facts, counted: Collection[str]) -> frozenset[str]:
    """The counted host that contains the question's, at most one.

    All counted hosts without a host in the question.
    """
    if not facts.question.host:
        return frozenset(counted)
    name = most_specific(requested_host(facts.question.host).name.lower(), counted)
    return frozenset(() if name is None else (name,))


def requested_traffic(facts: Facts, hosts: Iterable[HostTraffic]) -> tuple[HostTraffic, ...]:
    """The traffic of the question's host, and failures that can be its own."""
    every = tuple(hosts)
    names = requested_names(facts, {each.host for each in every})
    return tuple(each for each in every if each.host in names or perhaps_requested(facts, each))


def perhaps_requested(facts: Facts, found: HostTraffic) -> bool:
    """Whether failures without a known host can be those of the question's host."""
    return bool(facts.question.host and not found.host and found.failed)
