"""The destination to which the gateway sends a request.

It consists of the cluster and the rule that names it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from checks.facts.istio_networking import ServiceEntry, VirtualService
from checks.istio.faults.definition.broken_request import BrokenRequest, rules_of
from checks.istio.faults.gateway.gateway_hop import destination_paths
from checks.istio.mesh.destination_rules import MergedRule
from checks.istio.mesh.objects.routing_rules import RoutingRule
from checks.istio.mesh.services import MeshService
from checks.istio.proxy.clusters import Cluster, ClusterName
from checks.istio.proxy.upstream_tls import UpstreamTls
from checks.istio.request.outcome import ConfigurationPart, Step
from checks.istio.request.proxy_configuration import ProxyConfiguration
from checks.model.raw_values import Raw


@dataclass(frozen=True)
class EntryHop:
    """A request that the gateway sends to a cluster for its destination."""

    broken: BrokenRequest
    proxy: ProxyConfiguration
    name: ClusterName
    step: Step

    @property
    def host(self) -> str:
        return self.broken.request.host

    @property
    def egress(self) -> str:
        """The gateway as sentences name it."""
        return self.broken.facts.gateway.ref

    @cached_property
    def cluster(self) -> Cluster | None:
        """The gateway's cluster; None if it has none."""
        return self.proxy.clusters.get(self.name)

    @property
    def service(self) -> MeshService | None:
        """The service of the destination that the gateway uses; None if none is visible to it."""
        return self.proxy.scope.by_host.get(self.name.host)

    @property
    def destination_rule(self) -> MergedRule | None:
        """The DestinationRule that applies at the gateway to the destination.

        It is found even if the destination has no cluster.
        """
        return self.proxy.clusters.rule_for(self.service) if self.service is not None else None

    @property
    def defines_subset(self) -> bool:
        """Whether the destination's subset, if the rule names one, is defined."""
        rule = self.destination_rule
        return not self.name.subset or (rule is not None and self.name.subset in rule.subsets)

    @property
    def tls(self) -> UpstreamTls | None:
        """The TLS that a DestinationRule makes the gateway originate."""
        tls = self.cluster.tls if self.cluster is not None else None
        return None if tls is None or tls.automatic else tls

    @cached_property
    def rule(self) -> RoutingRule | None:
        """The rule that takes the request at the gateway."""
        every = (each for routes in self.proxy.mesh.virtual_services.all_rules() for each in rules_of(routes))
        origin = self.step.origin
        return next((each for each in every if each.field == origin.field and each.source == origin.source), None)

    @property
    def kind(self) -> str:
        """The kind of the rule: `http`, `tls` or `tcp`."""
        entry = self.step.origin.entry
        return entry.name if entry is not None else ""

    @property
    def rule_place(self) -> str:
        """The rule as sentences name it."""
        source = self.step.origin.source
        return f"{self.step.origin.field} of {source.ref}" if source is not None else "a rule"

    def destinations(self) -> Iterator[tuple[VirtualService, str, Raw]]:
        """The destination in the rule: object, field path, content."""
        if self.rule is not None:
            yield from destination_paths(self.rule, self.name.host)

    @cached_property
    def entries(self) -> tuple[ServiceEntry, ...]:
        """All ServiceEntries with the destination's host, oldest first.

        ServiceEntries that are not visible to the gateway are included.
        """
        every = self.broken.facts.all(ServiceEntry)
        found = [each for each in every if self.name.host in {host.lower() for host in each.hosts}]
        return tuple(sorted(found, key=lambda each: (str(each.created), each.name, each.namespace)))


def entry_hop(broken: BrokenRequest) -> EntryHop | None:
    """The destination in the mesh; None if the request does not get that far."""
    names = {each.name: each for each in broken.gateways}
    steps = [each for each in broken.end.steps if each.proxy in names and each.part is ConfigurationPart.CLUSTER]
    name = steps[-1].cluster if steps else None
    if name is None or name.own or name.host == broken.service:
        return None
    return EntryHop(broken, names[steps[-1].proxy], name, steps[-1])
