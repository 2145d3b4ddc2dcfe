"""Rules for the host that a request at the client's sidecar never meets.

The listener has other addresses, is not captured, or the rules belong to a delegate that is not merged.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from checks.facts.changes import JsonPatch, MergePatch
from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import ServiceEntry, Sidecar, VirtualService
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.fault import ROUTE_CHECK, Fix, RouteFault
from checks.istio.fixes.exports import exported_to
from checks.istio.fixes.fields import json_pointer, remove_field
from checks.istio.fixes.rules import (
    WrittenRule,
    kind_of_scheme,
    name_in,
    rule_from_gateway,
    rule_to_gateway,
    server_for,
)
from checks.istio.mesh.configuration import is_exported
from checks.istio.request.outcome import Ending
from checks.model.findings import Evidence
from checks.model.raw_values import mapping, text
from checks.model.route import HopName


def rules_out_of_reach(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The listeners and delegates that keep the request from rules for its host."""
    if broken.at_gateway and broken.end.ending is Ending.NO_ROUTE:
        yield from _unmerged(broken, NotMergedAtGateway)
    if broken.client is None or broken.at_gateway or broken.rule is not None:
        return
    scope, request = broken.client.scope, broken.request
    if broken.end.ending is Ending.BLACK_HOLE or broken.end.gateways == ():
        for index, each in enumerate(scope.sidecar.egress if scope.sidecar is not None else ()):
            at_port = mapping(each, "port").get("number") == request.port
            if scope.sidecar is not None and at_port and text(each, "captureMode").upper() == "NONE":
                yield NotCaptured(scope.sidecar, index, text(each, "bind") or "127.0.0.1", request.host, request.port)
        service = scope.by_host.get(request.host)
        entry = service.source if service is not None else None
        if isinstance(entry, ServiceEntry) and entry.addresses and kind_of_scheme(request.scheme) != "http":
            yield OtherAddresses(entry, request.host, request.port)
    yield from _unmerged(broken, NotMerged)


def _unmerged(broken: BrokenRequest, fault: type["NotMerged"]) -> Iterator[RouteFault]:
    """The delegates of VirtualServices for the host that istiod does not merge."""
    every = {each.key: each for each in broken.facts.all(VirtualService)}
    default = broken.mesh.configuration.virtual_services_exported
    for root in (each.source for each in broken.routes if isinstance(each.source, VirtualService)):
        for index, rule in enumerate(root.http):
            named = mapping(rule, "delegate")
            key = (text(named, "namespace") or root.namespace, text(named, "name"))
            delegate = every.get(key)
            if not named or (
                delegate is not None and is_exported(delegate.export_to, default, delegate.namespace, root.namespace)
            ):
                continue
            yield fault(root, index, key, delegate)


@dataclass(frozen=True, slots=True)
class OtherAddresses(RouteFault):
    """A ServiceEntry whose addresses are not those that applications connect to."""

    name: ClassVar[str] = "other-addresses"
    hop: ClassVar[HopName] = HopName.MESH_ROUTE
    check: ClassVar[str] = ROUTE_CHECK
    certain: ClassVar[bool] = True
    remaining: ClassVar[bool] = True
    entry: ServiceEntry
    host: str
    port: int

    def sentence(self) -> str:
        return (
            f"Sidecars route connections to {self.host} on port {self.port} only at the addresses of {self.entry.ref}, "
            "which public DNS does not return"
        )

    def evidence(self) -> tuple[Evidence, ...]:
        written = ", ".join(self.entry.addresses[:5])
        return (
            Evidence(self.entry.ref, "spec.addresses", written, f"not set, or the addresses of {self.host} in DNS"),
        )

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        yield Fix(f"Remove the addresses from {self.entry.ref}", (remove_field(self.entry, "spec.addresses"),))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.entry,)


@dataclass(frozen=True, slots=True)
class NotCaptured(RouteFault):
    """A listener of a Sidecar that only takes connections to its own socket."""

    name: ClassVar[str] = "not-captured"
    hop: ClassVar[HopName] = HopName.MESH_ROUTE
    check: ClassVar[str] = ROUTE_CHECK
    certain: ClassVar[bool] = True
    remaining: ClassVar[bool] = True
    sidecar: Sidecar
    index: int
    bind: str
    host: str
    port: int

    def sentence(self) -> str:
        return (
            f"spec.egress[{self.index}] of {self.sidecar.ref} listens on {self.bind}:{self.port} with captureMode NONE, "
            f"so it gets no connections to {self.host}"
        )

    def evidence(self) -> tuple[Evidence, ...]:
        return (Evidence(self.sidecar.ref, f"spec.egress[{self.index}].captureMode", "NONE", "DEFAULT"),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        egress = [
            {key: value for key, value in each.items() if at != self.index or key not in ("bind", "captureMode")}
            for at, each in enumerate(self.sidecar.egress)
        ]
        captured = MergePatch(self.sidecar, {"spec": {"egress": egress}})
        yield Fix(f"Remove bind and captureMode from spec.egress[{self.index}] of {self.sidecar.ref}", (captured,))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.sidecar,)


@dataclass(frozen=True, slots=True)
class NotMerged(RouteFault):
    """A delegate that does not exist, or is not exported to its root VirtualService."""

    name: ClassVar[str] = "delegate-not-merged"
    hop: ClassVar[HopName] = HopName.MESH_ROUTE
    check: ClassVar[str] = ROUTE_CHECK
    root: VirtualService
    index: int
    key: tuple[str, str]
    delegate: VirtualService | None

    def sentence(self) -> str:
        rule = f"spec.http[{self.index}] of {self.root.ref}"
        if self.delegate is None:
            return f"{rule} delegates to VirtualService {'/'.join(self.key)}, which does not exist"
        return f"{rule} delegates to {self.delegate.ref}, which is not exported to namespace {self.root.namespace}"

    def evidence(self) -> tuple[Evidence, ...]:
        if self.delegate is None:
            field = f"spec.http[{self.index}].delegate"
            return (Evidence(self.root.ref, field, "/".join(self.key), "a VirtualService without hosts"),)
        written = ", ".join(self.delegate.export_to) or "(not set)"
        return (Evidence(self.delegate.ref, "spec.exportTo", written, self.root.namespace),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        if self.delegate is not None:
            title = f"Export {self.delegate.ref} to namespace {self.root.namespace}"
            yield Fix(title, (exported_to(self.delegate, [self.root.namespace]),))
            return
        rule = self._rule(broken)
        if rule is not None:
            field = f"spec.http[{self.index}]"
            steps = (
                {"op": "remove", "path": json_pointer(field, "delegate")},
                {"op": "add", "path": json_pointer(field, "route"), "value": rule["route"]},
            )
            yield Fix(f"Route {broken.request.host} in {field} itself", (JsonPatch(self.root, steps),))

    def _rule(self, broken: BrokenRequest) -> WrittenRule | None:
        """The rule that the delegate would have."""
        server = server_for(broken)
        return rule_to_gateway(broken, server, self.root.hosts) if server is not None else None

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.root, *((self.delegate,) if self.delegate is not None else ()))


@dataclass(frozen=True, slots=True)
class NotMergedAtGateway(NotMerged):
    """The same for a rule that the gateway needs."""

    hop: ClassVar[HopName] = HopName.GATEWAY_ROUTE

    def _rule(self, broken: BrokenRequest) -> WrittenRule | None:
        server = server_for(broken)
        if server is None:
            return None
        return rule_from_gateway(broken, server, name_in(server.name, self.root), self.root.hosts)
