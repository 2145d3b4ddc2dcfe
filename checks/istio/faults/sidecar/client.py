"""Reasons why a request never reaches a sidecar.

The client has no sidecar, or an annotation excludes the connection.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from checks.facts.fact import KubernetesObject, Unreadable
from checks.facts.namespaces import Namespace
from checks.facts.pods import Pod
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.fault import Fix, RouteFault
from checks.istio.fixes.injection_steps import injection_actions, ports_left, without_exclusion
from checks.istio.request.client_dns import client_addresses
from checks.istio.request.clients import workload_of
from checks.istio.request.interception import is_intercepted
from checks.model.commands import ADDON
from checks.model.findings import Evidence, Involved
from checks.model.route import HopName

_CLIENT_CHECK = "client-not-injected"
_INJECT = "sidecar.istio.io/inject"
_REVISION = "istio.io/rev"
_TRAFFIC = "traffic.sidecar.istio.io/"
_PORTS = f"{_TRAFFIC}includeOutboundPorts"
"""The ports that the sidecar takes whatever the address is."""
_DECIDING = ("excludeOutboundPorts", "excludeOutboundIPRanges", "includeOutboundIPRanges")


def at_client(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The reason why no sidecar takes the request."""
    pod = broken.request.clients.pod
    if broken.client is None:
        yield NotInjected(pod, _namespace(broken))
        return
    for address in client_addresses(broken.client, broken.request.host):
        for name in _DECIDING:
            annotation = _TRAFFIC + name
            written = {annotation: pod.annotations[annotation]} if annotation in pod.annotations else {}
            if written and is_intercepted(written, address, broken.request.port) is False:
                part = _excluded_part(pod, name, address, broken.request.port)
                yield Excluded(pod, annotation, part, broken.request.port)
                return


def _namespace(broken: BrokenRequest) -> Namespace | None:
    """The client's namespace; None if it could not be read.

    The pod alone shows the fault.
    """
    try:
        return broken.facts.get(Namespace, broken.request.clients.namespace)
    except Unreadable:
        return None


def _excluded_part(pod: Pod, name: str, address: str, port: int) -> str:
    written = pod.annotations[_TRAFFIC + name].strip()
    if name == "excludeOutboundPorts":
        return f"port {port}"
    if name == "includeOutboundIPRanges" and not written:
        ports = pod.annotations.get(_PORTS, "").strip()
        return f"ports other than {ports}" if ports else "every address"
    if name == "includeOutboundIPRanges":
        return f"addresses outside {written}"
    everything = {each.strip() for each in written.split(",")} & {"*", "0.0.0.0/0"}
    return "every address" if everything else f"address {address}"


@dataclass(frozen=True, slots=True)
class NotInjected(RouteFault):
    """A client without a sidecar (docs/domain/istio.md#b29)."""

    name: ClassVar[str] = "not-injected"
    hop: ClassVar[HopName] = HopName.CLIENT
    check: ClassVar[str] = _CLIENT_CHECK
    certain: ClassVar[bool] = True
    pod: Pod
    namespace: Namespace | None

    def sentence(self) -> str:
        return f"Pods of {self.pod.namespace}/{workload_of(self.pod)} have no sidecar"

    def evidence(self) -> tuple[Evidence, ...]:
        found = [Evidence(self.pod.ref, "spec.containers and spec.initContainers", "no istio-proxy", "istio-proxy")]
        for where, values in (("labels", self.pod.labels), ("annotations", self.pod.annotations)):
            if values.get(_INJECT, "").lower() == "false":
                found.append(Evidence(self.pod.ref, f"metadata.{where}[{_INJECT}]", "false", "not set"))
        if self.pod.host_network:
            wanted = "false: pods on the node's network are never injected"
            found.append(Evidence(self.pod.ref, "spec.hostNetwork", "true", wanted))
        if self.namespace is not None:
            written = self.namespace.labels.get(_REVISION, "(not set)")
            found.append(Evidence(self.namespace.ref, f"metadata.labels[{_REVISION}]", written, "a revision"))
        return tuple(found)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        title = f"Enable injection for namespace {self.pod.namespace} and restart its pods"
        steps = injection_actions(broken.facts, self.namespace, self.pod) if self.namespace is not None else []
        yield Fix(title, url=ADDON, steps=tuple(steps))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.pod,)

    def involved(self) -> tuple[Involved, ...]:
        return (Involved("namespace", self.pod.namespace), Involved("pod", f"{self.pod.namespace}/{self.pod.name}"))


@dataclass(frozen=True, slots=True)
class Excluded(RouteFault):
    """An annotation of the client's pod that excludes the connection from its sidecar."""

    name: ClassVar[str] = "excluded"
    hop: ClassVar[HopName] = HopName.CLIENT
    check: ClassVar[str] = _CLIENT_CHECK
    certain: ClassVar[bool] = True
    pod: Pod
    annotation: str
    part: str
    """The excluded connections."""
    port: int

    def sentence(self) -> str:
        return f"Requests of {self.pod.namespace}/{workload_of(self.pod)} to {self.part} bypass its sidecar"

    def evidence(self) -> tuple[Evidence, ...]:
        field = f"metadata.annotations[{self.annotation}]"
        expected = ports_left(self.pod, self.annotation, (self.port,)) or "not set"
        return (Evidence(self.pod.ref, field, self.pod.annotations[self.annotation] or "(empty)", expected),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        step = without_exclusion(self.pod, self.annotation, (self.port,))
        yield Fix(step.title, url=ADDON, steps=(step,))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.pod,)

    def involved(self) -> tuple[Involved, ...]:
        return (Involved("namespace", self.pod.namespace), Involved("pod", f"{self.pod.namespace}/{self.pod.name}"))
