"""EnvoyFilters that change the route of a request at a client's sidecar."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from checks.facts.changes import Delete
from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import EnvoyFilter
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.fault import ROUTE_CHECK, Fix, RouteFault
from checks.model.findings import Evidence
from checks.model.raw_values import items, text
from checks.model.route import HopName


def at_envoy_filter(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The EnvoyFilters that may change the route at the sidecar, or at the gateway."""
    if broken.client is not None and not broken.at_gateway:
        yield from (ChangedByFilter(each) for each in broken.client.patches.applied_filters)
    elif broken.at_gateway:
        found = dict.fromkeys(each for proxy in broken.gateways for each in proxy.patches.applied_filters)
        yield from (ChangedAtGateway(each) for each in found)


@dataclass(frozen=True, slots=True)
class ChangedByFilter(RouteFault):
    """An EnvoyFilter that changes what the request needs at the sidecar.

    It changes or removes a listener, a route or a cluster.
    """

    name: ClassVar[str] = "changed-by-filter"
    hop: ClassVar[HopName] = HopName.SIDECAR
    check: ClassVar[str] = ROUTE_CHECK
    proxy: ClassVar[str] = "the client's sidecar"
    envoy_filter: EnvoyFilter

    def sentence(self) -> str:
        return f"{self.envoy_filter.ref} changes the configuration of {self.proxy} on which the route depends"

    def evidence(self) -> tuple[Evidence, ...]:
        patches = items(self.envoy_filter.raw, "spec", "configPatches")
        written = ", ".join(f"{text(each, 'patch', 'operation')} {text(each, 'applyTo')}" for each in patches)
        return (Evidence(self.envoy_filter.ref, "spec.configPatches", written),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        yield Fix(f"Delete {self.envoy_filter.ref}", (Delete(self.envoy_filter),))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.envoy_filter,)


class ChangedAtGateway(ChangedByFilter):
    """An EnvoyFilter that changes what the request needs at the gateway.

    Source: docs/domain/istio.md#b34.
    """

    __slots__ = ()
    hop: ClassVar[HopName] = HopName.GATEWAY_ROUTE
    proxy: ClassVar[str] = "the gateway"
