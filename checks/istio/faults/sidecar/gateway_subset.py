"""Reasons why a subset of the gateway's Service has no cluster or no endpoint.

The subset is the one to which a rule routes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from checks.facts.changes import Apply, MergePatch
from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import ROOT_NAMESPACE, DestinationRule
from checks.istio.faults.definition.broken_request import BrokenRequest, destination_field
from checks.istio.faults.definition.fault import ROUTE_CHECK, Fix, RouteFault
from checks.istio.fixes.exports import exported_to
from checks.istio.fixes.fields import networking_manifest, remove_field, set_field
from checks.istio.fixes.rules import server_for
from checks.istio.mesh.destination_rules import MergedRule
from checks.istio.mesh.objects.hosts import DOMAIN, is_wildcard, qualified
from checks.istio.mesh.objects.routing_rules import RoutingRule
from checks.istio.request.outcome import Ending
from checks.model.findings import Evidence
from checks.model.raw_values import labels, text
from checks.model.route import HopName


def at_gateway_subset(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The fault of the subset at which the request ended."""
    cluster, rule = broken.end.cluster, broken.rule
    if broken.client is None or broken.at_gateway or rule is None or cluster is None:
        return
    if cluster.host != broken.service or not cluster.subset:
        return
    if broken.end.ending is Ending.NO_CLUSTER:
        yield NoSubset(rule, broken.service, cluster.subset, broken.request.host)
        return
    merged = _applied_rule(broken)
    if merged is not None and cluster.subset in merged.subsets:
        written, source = merged.subsets[cluster.subset]
        if labels(written, "labels"):
            yield SubsetWithoutPods(source, cluster.subset)


def _applied_rule(broken: BrokenRequest) -> MergedRule | None:
    """The DestinationRule that the client's sidecar applies to the gateway's Service."""
    client = broken.client
    known = client.scope.by_host.get(broken.service) if client is not None else None
    return client.clusters.rule_for(known) if client is not None and known is not None else None


def _is_of_unknown_service(broken: BrokenRequest, rule: DestinationRule) -> bool:
    """Whether a DestinationRule is for a Service that the cluster does not have."""
    host = qualified(rule.host, rule.namespace)
    return host.endswith(f".svc.{DOMAIN}") and not is_wildcard(host) and host not in broken.mesh.exports.by_host


@dataclass(frozen=True, slots=True)
class NoSubset(RouteFault):
    """A subset that the DestinationRule for the gateway's Service does not define.

    Source: docs/domain/istio.md#b07.
    """

    name: ClassVar[str] = "no-subset"
    hop: ClassVar[HopName] = HopName.MESH_ROUTE
    check: ClassVar[str] = ROUTE_CHECK
    certain: ClassVar[bool] = True
    rule: RoutingRule
    service: str
    subset: str
    host: str

    def sentence(self) -> str:
        where = f"{self.rule.field} of {self.rule.source.ref}"
        subset = f"subset {self.subset} of {self.service}"
        return f"{where} routes {self.host} to {subset}, which no DestinationRule that applies defines"

    def evidence(self) -> tuple[Evidence, ...]:
        field = f"{destination_field(self.rule, self.service)}.subset"
        return (Evidence(self.rule.source.ref, field, self.subset, "defined by a DestinationRule"),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        for each in broken.facts.all(DestinationRule):
            if qualified(each.host, each.namespace) == self.service and self._defined_in(each):
                yield Fix(f"Export {each.ref} to the clients", (exported_to(each, broken.client_namespaces),))
            elif self._defined_in(each) and _is_of_unknown_service(broken, each):
                yield Fix(f"Patch the host of {each.ref}", (set_field(each, "spec.host", self.service),))
        yield Fix("Define the subset", (self._defined(broken),))

    def _defined_in(self, rule: DestinationRule) -> bool:
        return any(text(subset, "name") == self.subset for subset in rule.subsets)

    def _defined(self, broken: BrokenRequest) -> Apply | MergePatch:
        subset: dict[str, object] = {"name": self.subset}
        server = server_for(broken)
        if server is not None and server.mode == "ISTIO_MUTUAL":
            tls = {"mode": "ISTIO_MUTUAL", "sni": self.host}
            port = {"port": {"number": server.server.port.number}, "tls": tls}
            subset["trafficPolicy"] = {"portLevelSettings": [port]}
        merged = _applied_rule(broken)
        if merged is not None and merged.host == self.service and merged.first.namespace != ROOT_NAMESPACE:
            return MergePatch(merged.first, {"spec": {"subsets": [*merged.first.subsets, subset]}})
        gateway = broken.facts.gateway
        spec: dict[str, object] = {"host": self.service, "subsets": [subset]}
        if merged is not None:
            # A rule beside the Service replaces the one that applies, so it repeats its settings and subsets.
            repeated = [dict(raw) for raw, _ in merged.subsets.values()]
            spec["subsets"] = [*repeated, subset]
            if merged.policy:  # istiod's webhook refuses a traffic policy without settings
                spec["trafficPolicy"] = dict(merged.policy)
        return Apply(networking_manifest("DestinationRule", f"{gateway.name}-subsets", gateway.namespace, spec))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.rule.source,)


@dataclass(frozen=True, slots=True)
class SubsetWithoutPods(RouteFault):
    """A subset with labels that no pod of the gateway has.

    Source: docs/domain/istiod-behaviour.md#subset-endpoints.
    """

    name: ClassVar[str] = "subset-without-pods"
    hop: ClassVar[HopName] = HopName.SERVICE
    check: ClassVar[str] = ROUTE_CHECK
    destination_rule: DestinationRule
    subset: str

    @property
    def _index(self) -> int:
        return [text(each, "name") for each in self.destination_rule.subsets].index(self.subset)

    def sentence(self) -> str:
        return f"No ready pod of the gateway has the labels of subset {self.subset} of {self.destination_rule.ref}"

    def evidence(self) -> tuple[Evidence, ...]:
        wanted = labels(self.destination_rule.subsets[self._index], "labels")
        written = ", ".join(f"{key}={value}" for key, value in sorted(wanted.items()))
        return (Evidence(self.destination_rule.ref, f"spec.subsets[{self._index}].labels", written, "not set"),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        change = remove_field(self.destination_rule, f"spec.subsets[{self._index}].labels")
        yield Fix(f"Remove the labels of subset {self.subset}", (change,))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.destination_rule,)
