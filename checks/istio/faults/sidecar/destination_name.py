"""A rule for sidecars whose destination is nearly the gateway's Service."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from checks.facts.fact import KubernetesObject
from checks.istio.configured.intended_gateways import gateway_full_name, intended_gateways
from checks.istio.faults.definition.broken_request import BrokenRequest, rules_of
from checks.istio.faults.definition.fault import ROUTE_CHECK, Fix, RouteFault
from checks.istio.fixes.fields import set_field
from checks.istio.mesh.objects.hosts import DOMAIN, qualified
from checks.istio.mesh.objects.routing_rules import RoutingRule
from checks.model.findings import Evidence
from checks.model.raw_values import items, mapping, text
from checks.model.route import HopName


def at_destination_name(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The destinations of the rule that are nearly the gateway's Service."""
    rule, gateway = broken.rule, broken.facts.gateway
    if broken.client is None or broken.at_gateway or rule is None:
        return
    for index, each in enumerate(items(rule.raw, "route")):
        written = text(each, "destination", "host")
        host = rule.destination(mapping(each, "destination"))
        if host in broken.mesh.exports.by_host or host == broken.service:
            continue  # the name is right: a missing Service of the gateway is another fault
        if resembles_service(host, gateway.name, gateway.namespace):
            yield WrongName(rule, index, written, broken.service, broken.request.host)
        elif host.endswith(f".svc.{DOMAIN}") and _is_meant_for_gateway(broken, rule):
            yield UnknownService(rule, index, written, broken.service, broken.request.host)


def _is_meant_for_gateway(broken: BrokenRequest, rule: RoutingRule) -> bool:
    """Whether the rule belongs to a VirtualService that is bound to a Gateway of this gateway."""
    own = {gateway_full_name(each) for each in intended_gateways(broken.facts).own}
    return any(own & routes.gateways for routes in broken.routes if rule in rules_of(routes))


def resembles_service(host: str, name: str, namespace: str) -> bool:
    """Whether a host is nearly a Service's.

    It has a short form with a dot, another cluster domain, or another namespace.
    """
    if host == qualified(name, namespace):
        return False
    first, _, rest = host.partition(".")
    short = rest in ("", namespace, f"{namespace}.svc")
    return first == name and (short or bool(re.fullmatch(r"[a-z0-9-]+\.svc(\.[a-z0-9.-]+)?", rest)))


@dataclass(frozen=True, slots=True)
class WrongName(RouteFault):
    """A destination that is nearly the gateway's Service (docs/domain/istio.md#b07)."""

    name: ClassVar[str] = "wrong-name"
    hop: ClassVar[HopName] = HopName.MESH_ROUTE
    check: ClassVar[str] = ROUTE_CHECK
    certain: ClassVar[bool] = True
    title: ClassVar[str] = "Patch the destination to its full name"
    rule: RoutingRule
    index: int
    written: str
    service: str
    host: str

    @property
    def _field(self) -> str:
        return f"{self.rule.field}.route[{self.index}].destination.host"

    def sentence(self) -> str:
        where = f"{self.rule.field} of {self.rule.source.ref}"
        return f"{where} routes {self.host} to {self.written}, which does not exist in the mesh"

    def evidence(self) -> tuple[Evidence, ...]:
        return (Evidence(self.rule.source.ref, self._field, self.written, self.service),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        change = set_field(self.rule.source, self._field, self.service)
        yield Fix(self.title, (change,))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.rule.source,)


class UnknownService(WrongName):
    """A destination that is no Service of the cluster, such as the one of a copied example."""

    __slots__ = ()
    name: ClassVar[str] = "unknown-service"
    title: ClassVar[str] = "Patch the destination to the gateway's Service"
