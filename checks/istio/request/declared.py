"""The destinations that VirtualServices declare for a host.

A request that arrives there through the gateway has the intended route.
"""

from checks.facts.istio_networking import ServiceEntry
from checks.istio.mesh.mesh import Mesh
from checks.istio.mesh.objects.hosts import qualified
from checks.istio.mesh.objects.routing_rules import RoutingRule
from checks.model.raw_values import Raw, items, mapping, text


def declared_services(mesh: Mesh, host: str) -> frozenset[str]:
    """The hosts of services that are declared for a host, which is no wildcard."""
    found: set[str] = set()
    for rules in mesh.virtual_services.rules_overlapping(host):
        found |= {rule.destination(each) for rule in (*rules.http, *rules.tls, *rules.tcp) for each in _routes(rule)}
    for service in mesh.exports.hosts_overlapping(host):
        entries = mesh.exports.by_host[service].values()
        if any(isinstance(each.source, ServiceEntry) for each in entries):
            found.add(service)
    return frozenset(qualified(each, "") for each in found)


def _routes(rule: RoutingRule) -> list[Raw]:
    return [mapping(each, "destination") for each in items(rule.raw, "route") if text(each, "destination", "host")]
