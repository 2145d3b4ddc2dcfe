"""A rule at the client's sidecar that rewrites the authority.

The gateway does not know the host that the request then names.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from checks.facts.fact import KubernetesObject
from checks.facts.gateway_api import GatewayRoute
from checks.facts.istio_networking import VirtualService
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.fault import ROUTE_CHECK, Fix, RouteFault
from checks.istio.faults.gateway.gateway_hop import GatewayHop, gateway_hop
from checks.istio.faults.gateway.gateway_server import AT_SERVER
from checks.istio.fixes.fields import remove_field
from checks.istio.fixes.gateway_api_rules import filter_field, without_hostname_rewrite
from checks.model.findings import Evidence
from checks.model.raw_values import Raw, items, mapping, text
from checks.model.route import HopName


def at_rewritten_authority(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The rewrite of the rule by which the sidecar sends the request to the gateway."""
    hop = gateway_hop(broken)
    rule = broken.rule
    if hop is None or rule is None or broken.end.ending not in AT_SERVER:
        return
    if isinstance(rule.source, GatewayRoute):
        if rewritten := text(rule.raw, "rewrite", "authority"):
            field = filter_field(rule.source, rule.field, "rewrite")
            yield RewrittenAuthority(hop, rule.source, field, rewritten)
        return
    for key, rewritten in _rewrites(rule.raw):
        yield RewrittenAuthority(hop, rule.source, f"{rule.field}.{key}", rewritten)


def _rewrites(rule: Raw) -> Iterator[tuple[str, str]]:
    """The fields of a rule that set the authority, each with its value."""
    if found := text(mapping(rule, "rewrite"), "authority"):
        yield "rewrite.authority", found
    for place, part in (("", rule), *((f"route[{n}].", each) for n, each in enumerate(items(rule, "route")))):
        for name, value in mapping(part, "headers", "request", "set").items():
            if name.lower() in (":authority", "host"):
                yield f"{place}headers.request.set.{name}", str(value)


@dataclass(frozen=True, slots=True)
class RewrittenAuthority(RouteFault):
    """A rewrite of the authority before the gateway.

    The gateway's servers and rules are for the original host.
    """

    name: ClassVar[str] = "authority-rewritten"
    hop: ClassVar[HopName] = HopName.MESH_ROUTE
    check: ClassVar[str] = ROUTE_CHECK
    at: GatewayHop
    source: KubernetesObject
    field: str
    rewritten: str

    def sentence(self) -> str:
        rewrites = f"{self.field} of {self.source.ref} rewrites the authority of requests to {self.at.host}"
        return f"{rewrites} to {self.rewritten}, for which {self.at.broken.facts.gateway.ref} has no rule"

    def evidence(self) -> tuple[Evidence, ...]:
        return (Evidence(self.source.ref, self.field, self.rewritten, "(not set)"),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        if isinstance(self.source, VirtualService):
            yield Fix("Remove the rewrite of the authority", (remove_field(self.source, self.field),))
        elif isinstance(self.source, GatewayRoute):
            yield Fix("Remove the rewrite of the hostname", (without_hostname_rewrite(self.source, self.field),))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.source,)
