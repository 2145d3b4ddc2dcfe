"""The servers behind an address outside Envoy.

They are pods, Services of the cluster, and the rest of the world.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from tests.istiod.walker.matching import Json

TLS_PORTS = frozenset({443, 465, 636, 853, 993, 995, 5671, 6443, 8443, 9443})
PLAIN_PORTS = frozenset({80, 8080})


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod's port."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Outside:
    """A host outside the cluster, by name or by address."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Nothing:
    """No answer: refused, not routed, or a name that does not resolve."""

    reason: str


Target = Pod | Outside | Nothing


def is_address(text: str) -> bool:
    """Whether the text is an IP address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


class Network:
    """The cluster's addresses, from its Services, EndpointSlices and pods."""

    def __init__(self, objects: Iterable[Json], addresses: Mapping[str, str]) -> None:
        self.addresses = addresses  # public DNS: host name to address
        self._pods: set[str] = set()
        self._services: dict[str, Json] = {}
        self._slices: dict[tuple[str, str], list[Json]] = {}
        for each in objects:
            meta = each["metadata"]
            if each["kind"] == "Pod" and each.get("status", {}).get("podIP"):
                self._pods.add(each["status"]["podIP"])
            elif each["kind"] == "Service" and each["apiVersion"] == "v1":
                self._services[f"{meta['name']}.{meta['namespace']}.svc.cluster.local"] = each
            elif each["kind"] == "EndpointSlice":
                service = meta.get("labels", {}).get("kubernetes.io/service-name", "")
                self._slices.setdefault((meta["namespace"], service), []).append(each)
        self._by_address = {
            each["spec"]["clusterIP"]: each
            for each in self._services.values()
            if each["spec"].get("clusterIP") not in (None, "", "None")
        }

    def with_address(self, host: str, address: str) -> Network:
        """The same network, in which public DNS gives a host another address."""
        other = copy.copy(self)
        other.addresses = {**self.addresses, host: address}
        return other

    def resolve(self, host: str) -> str | None:
        """The address that DNS gives for a name; None where it does not resolve."""
        if host in self._services:
            return str(self._services[host]["spec"].get("clusterIP"))
        return None if host.endswith(".cluster.local") else self.addresses.get(host)

    def resolves(self, host: str) -> bool:
        """Whether DNS gives an address for a name; an address is its own."""
        return host in self._services or not host.endswith((".cluster.local", ".svc"))

    def host_of(self, address: str) -> str | None:
        """The public name of an address."""
        return next((host for host, each in self.addresses.items() if each == address), None)

    def at(self, host: str, port: int) -> Sequence[Target]:
        """The targets of a connection to a name or an address: for a Service each of its endpoints."""
        if host in self._services:
            return self._service(self._services[host], port)
        if host in self._by_address:
            return self._service(self._by_address[host], port)
        if host in self._pods:
            return [Pod(host, port)]
        if host.endswith((".cluster.local", ".svc")):
            return [Nothing(f"{host} does not resolve")]
        if is_address(host):
            return [self._address(host, port)]
        return [Outside(host, port)]

    def _address(self, host: str, port: int) -> Target:
        parsed = ip_address(host)
        if parsed.is_loopback or parsed.is_unspecified or (parsed.is_reserved and parsed.version == 4):
            return Nothing(f"{host} is not routed")
        return Outside(host, port)

    def _service(self, service: Json, port: int) -> Sequence[Target]:
        meta = service["metadata"]
        name = next((each.get("name", "") for each in service["spec"].get("ports", ()) if each["port"] == port), None)
        if name is None:
            return [Nothing(f"Service {meta['namespace']}/{meta['name']} has no port {port}")]
        found: list[Target] = []
        for each in self._slices.get((meta["namespace"], meta["name"]), ()):
            target = next((p["port"] for p in each.get("ports") or () if p.get("name", "") == name), None)
            for endpoint in each.get("endpoints") or ():
                if target is not None and endpoint.get("conditions", {}).get("ready", True):
                    found += [Pod(address, target) for address in endpoint["addresses"]]
        return found or [Nothing(f"Service {meta['namespace']}/{meta['name']} has no endpoints")]
