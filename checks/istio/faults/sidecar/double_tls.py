"""TLS of an application that its sidecar wraps in TLS again."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import DestinationRule
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.fault import Fix, RouteFault
from checks.istio.fixes.exports import private
from checks.istio.fixes.passthrough_beside_origination import passthrough_beside_origination
from checks.istio.fixes.tls_settings import tls_place
from checks.istio.request.outcome import Ending
from checks.kubernetes.ownership import with_owner
from checks.model.commands import ISTIO_TLSO, change, quoted
from checks.model.findings import Evidence
from checks.model.route import HopName


def at_direct_tls(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The DestinationRule by which the sidecar wraps TLS that bypasses the gateway."""
    client, end = broken.client, broken.end
    if client is None or end.gateways or end.ending is not Ending.NOT_UNDERSTOOD or end.cluster is None:
        return
    cluster = client.clusters.get(end.cluster)
    if broken.request.scheme in ("https", "tls") and cluster is not None and cluster.tls and cluster.rule is not None:
        place = tls_place(cluster)
        path = place[1] if place is not None and place[0] == cluster.rule.first else ""
        yield DoubleDirect(cluster.rule.first, broken.request.host, cluster.tls.mode, path)


@dataclass(frozen=True, slots=True)
class DoubleDirect(RouteFault):
    """A DestinationRule by which sidecars wrap TLS that the application opened.

    No rule routes such requests to the gateway.
    """

    name: ClassVar[str] = "double-direct"
    hop: ClassVar[HopName] = HopName.MESH_ROUTE
    check: ClassVar[str] = "application-sends-tls"
    certain: ClassVar[bool] = True
    destination_rule: DestinationRule
    host: str
    mode: str
    path: str
    """The field with its TLS settings, "" if another object has them."""

    def sentence(self) -> str:
        return (
            f"Sidecars send the application's TLS for {self.host} directly to the destination, and "
            f"{self.destination_rule.ref} wraps it in {self.mode} again"
        )

    def evidence(self) -> tuple[Evidence, ...]:
        return (
            Evidence(self.destination_rule.ref, "spec.trafficPolicy", f"tls.mode {self.mode}", "no TLS at sidecars"),
        )

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        rule, call = self.destination_rule, f"Change the application to call http://{self.host}"
        goes = f"{call}, which goes through the gateway; the gateway originates TLS"
        plain = quoted("egress-diag", "diagnose", broken.facts.cluster.name, str(broken.facts.gateway))
        called = change(
            goes,
            "",
            ISTIO_TLSO,
            "the source IP address is one of the gateway",
            verify=f"{plain} {quoted('--host', f'{self.host}:80')}",
            undo="let the application call the previous URL again",
        )
        if rule.namespace != broken.facts.gateway.namespace:
            yield Fix(f"{call}; {rule.ref} of another namespace decides about its TLS", url=ISTIO_TLSO)
            return
        if self.path:
            through = (
                f"Route the TLS of applications for {self.host} through the gateway, beside the TLS that it originates"
            )
            for changes in passthrough_beside_origination(broken, rule, self.path):
                yield Fix(through, changes, ISTIO_TLSO, instead=(called,))
        limit = change(
            f"Export {rule.ref} only to the gateway's namespace: sidecars then leave the TLS of applications unchanged",
            private(rule).command,
            ISTIO_TLSO,
            f"what still calls {broken.request.url} succeeds, but bypasses the gateway until it is changed, too: a destination "
            "that allows only the egress IP prefix refuses it",
        )
        yield Fix(goes, (), ISTIO_TLSO, (called, with_owner(limit, rule)))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.destination_rule,)
