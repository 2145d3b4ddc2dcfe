"""The destinations that VirtualServices declare for a host.

A request that arrives there through the gateway has the intended route.
"""

from checks.facts.istio_networking import ServiceEntry
from checks.istio.mesh.mesh import Mesh
from checks.istio.mesh.objects.hosts import qualified
from checks.istio.mesh.objects.routing_rules import RoutingRule
from checks.istio.mesh.virtual_services import VirtualServices
from checks.model.raw_values import Raw, items, mapping, text


def is_declared(mesh: Mesh, host: str, service: str) -> bool:
    """Whether a service is declared as a destination for a host.

    The host is in lower case and no wildcard.
    """
    return (
        _is_entry(mesh, host, service)
        or _is_destination(mesh.istio_rules, host, service)
        or _is_destination(mesh.virtual_services, host, service)
    )


def _is_entry(mesh: Mesh, host: str, service: str) -> bool:
    """Whether a ServiceEntry defines the service with a host that overlaps."""
    return any(
        qualified(each, "") == service
        and any(isinstance(entry.source, ServiceEntry) for entry in mesh.exports.by_host[each].values())
        for each in mesh.exports.hosts_overlapping(host)
    )


def _is_destination(every: VirtualServices, host: str, service: str) -> bool:
    return any(
        qualified(rule.destination(each), "") == service
        for rules in every.rules_overlapping(host)
        for rule in (*rules.http, *rules.tls, *rules.tcp)
        for each in _destinations(rule)
    )


def _destinations(rule: RoutingRule) -> list[Raw]:
    return [mapping(each, "destination") for each in items(rule.raw, "route") if text(each, "destination", "host")]
