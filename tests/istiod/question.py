"""A mesh and the requests that are asked about it, from Kubernetes objects to outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address, ip_network
from zlib import crc32

import yaml

from tests.istiod.asking import Json, Proxy, mesh_configuration, proxy, request
from tests.istiod.declared import declared
from tests.istiod.walker.configuration import ProxyConfiguration
from tests.istiod.walker.network import Network, is_address
from tests.istiod.walker.outcome import Answer, answer
from tests.istiod.walker.walk import Mesh, Purpose, Walker
from tests.istiod.walker.wire import Connection, Http, Layers, Raw, Tls

# The public DNS addresses of the hosts of the given cases; other hosts have an address by their name.
_ADDRESSES = {"api.bank.example": "203.0.113.77", "pay.bank.example": "203.0.113.78"}
_ELSEWHERE = "192.0.2.77"
_PRIVATE = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "240.0.0.0/4",
    "fc00::/7",
)
_EXCLUDE = "traffic.sidecar.istio.io/excludeOutbound"
_INCLUDE = "traffic.sidecar.istio.io/includeOutbound"


@dataclass(frozen=True, slots=True)
class Question:
    """One request: what an application sends, and the gateway that it should go through."""

    gateway: str  # namespace/name
    host: str
    scheme: str  # http, https, tcp, tls or grpc
    client: str  # namespace/workload, or a namespace
    port: int | None = None
    path: str = "/"
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def target_port(self) -> int:
        """The port, or that of the scheme."""
        return self.port or (443 if self.scheme in ("https", "tls") else 80)

    @property
    def url(self) -> str:
        """The request as a person writes it."""
        return (
            f"{self.scheme}://{self.host}"
            + (f":{self.port}" if self.port else "")
            + (self.path if self.path != "/" else "")
        )

    def layers(self) -> Layers:
        """The bytes that the application sends, as layers."""
        port = self.target_port
        standard = {"http": 80, "grpc": 80, "https": 443}.get(self.scheme)
        authority = self.host if port == standard else f"{self.host}:{port}"
        sni = "" if is_address(self.host) else self.host
        match self.scheme:
            case "http":
                return (Http(authority, self.method, self.path, self.headers),)
            case "grpc":
                headers = (("content-type", "application/grpc"), *self.headers)
                return (Http(authority, "POST", self.path, headers, version="h2"),)
            case "https":
                inside = Http(authority, self.method, self.path, self.headers, scheme="https")
                return (Tls(sni, ("h2", "http/1.1")), inside)
            case "tls":
                return (Tls(sni), Raw())
            case _:
                return (Raw(),)


def public_address(host: str) -> str:
    """The address of a public host, the same at each time."""
    return _ADDRESSES.get(host) or f"198.51.100.{crc32(host.encode()) % 250 + 1}"


class Cluster:
    """The objects of a cluster and the questions about it."""

    def __init__(self, identity: str, objects: Sequence[Json], questions: Sequence[Question]) -> None:
        self.identity, self.objects, self.questions = identity, objects, questions
        self._proxies = [
            found for found in (proxy(each) for each in objects if each["kind"] == "Pod") if found is not None
        ]
        self._gateways = _gateways(objects)
        self._mesh_configuration = mesh_configuration(objects)
        self._clients = {each.client: list(self._pods(each.client)) for each in questions}
        wanted = [
            *(p for p in self._proxies if p.address in self._gateways),
            *(p for found in self._clients.values() for p in found),
        ]
        self._representatives: dict[object, Proxy] = {}
        for each in wanted:
            self._representatives.setdefault(_alike(each), each)

    def _pods(self, client: str) -> Sequence[Proxy]:
        namespace, _, name = client.partition("/")
        return [
            p
            for p in self._proxies
            if p.namespace == namespace and p.kind == "sidecar" and name in ("", workload(p.pod))
        ]

    def request(self) -> Json:
        """The request to the Go program."""
        return request(self.identity, self.objects, list(self._representatives.values()), self._mesh_configuration)

    def answers(self, pushed: Json) -> Sequence[Answer]:
        """The outcome of each question over the configuration that istiod pushes."""
        mesh = self.mesh(pushed)
        return [self._answer(each, mesh) for each in self.questions]

    def depends_on_dns(self, question: Question, expected: Answer, mesh: Mesh) -> bool:
        """Whether another address of the host in public DNS would change the outcome.

        Such an outcome cannot be known from the objects of the cluster.
        """
        if is_address(question.host) or mesh.network.resolve(question.host) != public_address(question.host):
            return False
        others = (self._answer(question, mesh.with_address(question.host, each)) for each in self._listed)
        return any(each.outcome != expected.outcome for each in others)

    @cached_property
    def _listed(self) -> Sequence[str]:
        """Possible public addresses of a host.

        One of each range that an object lists for connections, and one that none of them contains.
        """
        written = {each for found in self.objects for each in _ranges(found)}
        found = {str(ip_network(each, strict=False)[0]) for each in written if _is_range(each)}
        return sorted({each for each in found if not _is_private(each)} | {_ELSEWHERE}) if found else ()

    def mesh(self, pushed: Json) -> Mesh:
        """The proxies with their configuration, and the network around them."""
        configurations = {
            alike: ProxyConfiguration(found.name, found.kind, self._identity(found), pushed["proxies"][found.name])
            for alike, found in self._representatives.items()
            if found.name in pushed["proxies"]
        }
        return Mesh(
            proxies={p.address: configurations[_alike(p)] for p in self._proxies if _alike(p) in configurations},
            gateways=self._gateways,
            network=Network(self.objects, {each.host: public_address(each.host) for each in self.questions}),
        )

    def clients(self, question: Question) -> Sequence[Proxy]:
        """The sidecars from which a question is asked, one of those that cannot differ."""
        return list({_alike(each): each for each in self._clients[question.client]}.values())

    def _identity(self, found: Proxy) -> str:
        domain = "cluster.local"
        for text in self._mesh_configuration.get(found.revision, ()):
            domain = (yaml.safe_load(text) or {}).get("trustDomain") or domain
        return f"spiffe://{domain}/ns/{found.namespace}/sa/{found.account}"

    def _answer(self, question: Question, mesh: Mesh) -> Answer:
        allowed = declared(self.objects, question.host)
        walker = Walker(mesh, Purpose(question.gateway, question.host, lambda service: service in allowed))
        clients = self.clients(question)
        if not clients:
            address = question.host if is_address(question.host) else mesh.network.addresses[question.host]
            return walker.direct(Connection(address, question.target_port, question.layers()))
        found = [self._from(each, question, walker, mesh) for each in clients]
        return answer(share.of(100 / len(found)) for each in found for share in each.shares)

    def _from(self, client: Proxy, question: Question, walker: Walker, mesh: Mesh) -> Answer:
        connection = connection_of(question, client, mesh)
        if excluded(client.pod, connection):
            return walker.direct(connection)
        return walker.intercepted(mesh.proxies[client.address], connection)


def connection_of(question: Question, client: Proxy, mesh: Mesh) -> Connection:
    """The connection that the application in a client's pod opens."""
    address = _resolved(question.host, mesh.proxies[client.address], mesh.network)
    return Connection(address, question.target_port, question.layers(), source=client.address, restored=True)


def _resolved(host: str, configuration: ProxyConfiguration, network: Network) -> str:
    if is_address(host):
        return host
    labels = host.split(".")
    for name in (host, *("*." + ".".join(labels[at:]) for at in range(1, len(labels)))):
        if configuration.names.get(name):
            return configuration.names[name][0]
    return network.resolve(host) or public_address(host)


def _alike(found: Proxy) -> object:
    labels = tuple(sorted((key, value) for key, value in found.labels.items() if key != "pod-template-hash"))
    return (found.namespace, found.kind, found.revision, found.account, labels)


def workload(pod: Json) -> str:
    """The name of a pod's Deployment, or of whatever owns it."""
    owner: Json = next(iter(pod["metadata"].get("ownerReferences") or ()), {})
    name = str(owner.get("name") or pod["metadata"]["name"])
    return name.rpartition("-")[0] if owner.get("kind") == "ReplicaSet" else name


def _gateways(objects: Iterable[Json]) -> Mapping[str, str]:
    kept = list(objects)
    services = [
        each
        for each in kept
        if each["kind"] == "Service"
        and each["metadata"].get("labels", {}).get("azureservicemesh/istio.component") == "egress-gateway"
    ]
    found = {}
    for pod in (each for each in kept if each["kind"] == "Pod"):
        labels = pod["metadata"].get("labels", {})
        for service in services:
            selector = service["spec"].get("selector") or {}
            same = service["metadata"]["namespace"] == pod["metadata"]["namespace"]
            if same and selector and all(labels.get(key) == value for key, value in selector.items()):
                found[str(pod.get("status", {}).get("podIP", ""))] = (
                    f"{service['metadata']['namespace']}/{service['metadata']['name']}"
                )
    found.pop("", None)
    return found


def _ranges(found: Json) -> Iterator[str]:
    """The addresses and ranges to which an object compares the destination of connections."""
    spec = found.get("spec") or {}
    match found["kind"]:
        case "Pod":
            annotations = found["metadata"].get("annotations", {})
            for name in (_EXCLUDE + "IPRanges", _INCLUDE + "IPRanges"):
                yield from (each.strip() for each in annotations.get(name, "").split(","))
        case "ServiceEntry":
            yield from spec.get("addresses") or ()
        case "VirtualService":
            for route in (*(spec.get("tcp") or ()), *(spec.get("tls") or ())):
                for match in route.get("match") or ():
                    yield from match.get("destinationSubnets") or ()
        case _:
            pass


def _is_private(address: str) -> bool:
    return any(ip_address(address) in ip_network(each) for each in _PRIVATE)


def _is_range(written: str) -> bool:
    try:
        ip_network(written, strict=False)
    except ValueError:
        return False
    return True


def excluded(pod: Json, connection: Connection) -> bool:
    """Whether a pod's iptables rules leave the connection alone."""
    address, port = connection.address, connection.port
    annotations = pod["metadata"].get("annotations", {})

    def listed(name: str) -> list[str]:
        return [each.strip() for each in annotations.get(name, "").split(",") if each.strip()]

    if str(port) in listed(_EXCLUDE + "Ports") or _within(address, listed(_EXCLUDE + "IPRanges")):
        return True
    if str(port) in listed(_INCLUDE + "Ports"):
        return False
    included = listed(_INCLUDE + "IPRanges") if _INCLUDE + "IPRanges" in annotations else ["*"]
    return included != ["*"] and not _within(address, included)


def _within(address: str, ranges: Iterable[str]) -> bool:
    return any(each == "*" or ip_address(address) in ip_network(each, strict=False) for each in ranges)
