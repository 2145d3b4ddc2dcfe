"""Why the gateway's cluster for a destination has no endpoint.

Source: docs/domain/istio.md#serviceentry-resolution.
"""

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ClassVar

from checks.facts.changes import Apply, MergePatch
from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import ServiceEntry
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.fault import ROUTE_CHECK, Fix, RouteFault
from checks.istio.faults.destinations.entry_hop import EntryHop, entry_hop
from checks.istio.fixes.entries import entry_for
from checks.istio.fixes.fields import remove_field
from checks.istio.fixes.gateways import pod_label
from checks.istio.fixes.rules import server_for, virtual_service_for
from checks.istio.mesh.objects.hosts import is_wildcard
from checks.istio.request.outcome import Ending
from checks.model.commands import ISTIO_LOG, ISTIO_WILDCARD, inspect, kubectl, quoted
from checks.model.findings import Action, Evidence
from checks.model.raw_values import labels, mapping, text
from checks.model.route import HopName

_NOT_DNS = {
    "NONE": "has resolution NONE, with which a gateway has no endpoint",
    "DYNAMIC_DNS": "has resolution DYNAMIC_DNS, which is not supported at an egress gateway",
    "STATIC": "has resolution STATIC without endpoints",
}


def at_endpoints(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The resolution or the subset that leaves the gateway's cluster without an endpoint."""
    hop = entry_hop(broken)
    if hop is None or broken.end.ending not in (Ending.NO_ENDPOINT, Ending.NO_CLUSTER):
        return
    service = hop.service
    if service is None or service.port(hop.name.port) is None or not hop.defines_subset:
        return
    if _subset(hop) is not None:
        yield SubsetWithoutEndpoints(hop)
    if isinstance(service.source, ServiceEntry):
        yield NotResolved(hop, service.source)
    elif broken.end.ending is Ending.NO_ENDPOINT:
        yield NoReadyEndpoint(hop, service.source)


def _subset(hop: EntryHop) -> tuple[KubernetesObject, int, dict[str, str]] | None:
    """The subset with labels: object, position, labels; None if it has none."""
    rule = hop.destination_rule
    if rule is None or hop.name.subset not in rule.subsets:
        return None
    raw, source = rule.subsets[hop.name.subset]
    index = next((n for n, each in enumerate(source.subsets) if text(each, "name") == hop.name.subset), 0)
    wanted = labels(raw, "labels")
    return (source, index, wanted) if wanted else None


@dataclass(frozen=True, slots=True)
class NotResolved(RouteFault):
    """A ServiceEntry whose resolution gives the gateway no endpoint (docs/domain/istio.md#b12)."""

    name: ClassVar[str] = "not-resolved"
    hop: ClassVar[HopName] = HopName.ENTRY
    check: ClassVar[str] = "service-entry-not-dns"
    certain: ClassVar[bool] = True
    at: EntryHop
    entry: ServiceEntry

    @property
    def _resolution(self) -> str:
        return self.entry.resolution or "NONE"

    def sentence(self) -> str:
        why = _NOT_DNS.get(self._resolution, f"has resolution {self._resolution} and no endpoint that DNS can resolve")
        return f"{self.entry.ref} for {self.at.name.host} {why}"

    def evidence(self) -> tuple[Evidence, ...]:
        written = text(self.entry.raw, "spec", "resolution") or "(not set: NONE)"
        found = [Evidence(self.entry.ref, "spec.resolution", written, "DNS")]
        if is_wildcard(self.at.name.host) and not self.entry.endpoints:
            found.append(Evidence(self.entry.ref, "spec.endpoints", "(none)", "a name that DNS resolves"))
        return tuple(found)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        spec: dict[str, Any] = {"resolution": "DNS"}
        yield Fix(f"Patch {self.entry.ref} to resolution DNS", (MergePatch(self.entry, {"spec": spec}),))
        if mapping(self.entry.raw, "spec", "workloadSelector"):
            spec = {**spec, "workloadSelector": None, "location": "MESH_EXTERNAL"}
            yield Fix(
                f"Patch {self.entry.ref} to resolution DNS without workloads", (MergePatch(self.entry, {"spec": spec}),)
            )
        if is_wildcard(self.at.name.host):
            yield from self._exact(broken)
            yield from self._endpoint()
            yield Fix(f"Patch {self.entry.ref} to resolution DNS, with an endpoint that DNS resolves")

    def _exact(self, broken: BrokenRequest) -> Iterator[Fix]:
        """The requested name with a ServiceEntry and a rule of its own.

        Other names of the wildcard keep theirs.
        """
        request, server = broken.request, server_for(broken)
        if request.is_example or server is None:
            return
        routes = virtual_service_for(broken, server)
        spec: Any = deepcopy(dict(mapping(routes.manifest, "spec")))
        for route in (each for kind in ("http", "tls", "tcp") for rule in spec.get(kind, ()) for each in rule["route"]):
            if route["destination"]["host"] == self.at.name.host:
                route["destination"]["host"] = request.host
        own = Apply({**routes.manifest, "spec": spec})
        title = f"Declare {request.host} with DNS resolution, and route it by its own name"
        rest = f"repeat the steps for every other name of {self.at.name.host} that clients call (the access log lists them)"
        yield Fix(title, (entry_for(broken), own), steps=(_called_names(broken, self.at.name.host),), rest=rest)

    def _endpoint(self) -> Iterator[Fix]:
        """One name that answers for all names, as Istio's page on wildcard hosts has it."""
        wildcard = self.at.name.host
        if wildcard.count(".") < 2 or self.entry.endpoints:
            return
        address = f"www.{wildcard.removeprefix('*.')}"
        title = f"Patch {self.entry.ref} to DNS with endpoint {address}, if that answers for every name of {wildcard}"
        spec = {"resolution": "DNS", "endpoints": [{"address": address}]}
        yield Fix(title, (MergePatch(self.entry, {"spec": spec}),), ISTIO_WILDCARD)

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.entry,)


def _called_names(broken: BrokenRequest, wildcard: str) -> Action:
    """List the names of a wildcard in the access logs of the gateway's pods."""
    selector = ",".join(f"{key}={value}" for key, value in pod_label([e.proxy.labels for e in broken.gateways]).items())
    words = ("logs", "-l", selector, "-c", "istio-proxy", "--tail=5000")
    names = rf"[a-z0-9-]+(\.[a-z0-9-]+)*{re.escape(wildcard.removeprefix('*'))}\b"
    logs = kubectl(*words, namespace=broken.facts.gateway.namespace)
    return inspect(
        f"List the names of {wildcard} that clients called, from the gateway's access log",
        f"{logs} | grep -oE {quoted(names)} | sort | uniq -c",
        ISTIO_LOG,
        "each listed name needs the steps above; no line: the access log is off, or no client called since the last rotation",
    )


@dataclass(frozen=True, slots=True)
class SubsetWithoutEndpoints(RouteFault):
    """A subset whose labels no endpoint of the destination has."""

    name: ClassVar[str] = "subset-without-endpoints"
    hop: ClassVar[HopName] = HopName.ENTRY
    check: ClassVar[str] = ROUTE_CHECK
    certain: ClassVar[bool] = True
    at: EntryHop

    def sentence(self) -> str:
        found = _subset(self.at)
        owner = found[0].ref if found is not None else "a DestinationRule"
        routes = f"{self.at.rule_place} routes {self.at.host} from the gateway to subset {self.at.name.subset}"
        return f"{routes} of {self.at.name.host}, whose labels in {owner} no endpoint has"

    def evidence(self) -> tuple[Evidence, ...]:
        found = _subset(self.at)
        if found is None:
            return ()
        written = ", ".join(f"{key}={value}" for key, value in sorted(found[2].items()))
        return (Evidence(found[0].ref, f"spec.subsets[{found[1]}].labels", written, "(none)"),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        found = _subset(self.at)
        if found is not None:
            change = remove_field(found[0], f"spec.subsets[{found[1]}].labels")
            yield Fix("Remove the labels from the subset", (change,))

    def shown(self) -> tuple[KubernetesObject, ...]:
        found = _subset(self.at)
        return (found[0],) if found is not None else ()


@dataclass(frozen=True, slots=True)
class NoReadyEndpoint(RouteFault):
    """A Service of the cluster, to which the gateway sends requests, without a ready endpoint."""

    name: ClassVar[str] = "no-ready-endpoint"
    hop: ClassVar[HopName] = HopName.ENTRY
    check: ClassVar[str] = ROUTE_CHECK
    certain: ClassVar[bool] = True
    at: EntryHop
    source: KubernetesObject

    def sentence(self) -> str:
        routes = f"{self.at.rule_place} routes {self.at.host} from the gateway to port {self.at.name.port}"
        return f"{routes} of {self.source.ref}, which has no ready endpoint"

    def evidence(self) -> tuple[Evidence, ...]:
        return (Evidence(self.source.ref, "endpoints", "(none ready)", "a ready endpoint"),)

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.source,)
