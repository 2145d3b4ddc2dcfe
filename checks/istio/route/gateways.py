"""Which Gateways configure a gateway's proxies, and what becomes of their servers when they are merged (domain.md 5.2.6)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from checks.facts.istio_networking import Gateway, Server
from checks.facts.label_selectors import selects
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.istio.route.hosts import ServerHost, covers, matches, server_host
from checks.istio.route.registry import gateways_by_selector
from checks.istio.route.rules import RouteKind

Labels = Mapping[str, str]

TERMINATING = frozenset({"SIMPLE", "MUTUAL", "ISTIO_MUTUAL", "OPTIONAL_MUTUAL"})
"""Modes in which the gateway ends TLS and sees the request."""

SAME_HOST = "the same host on one TLS port"
"""Why a server is left out whose host an older one has; the host itself stays served."""

_HTTP = frozenset({"HTTP", "HTTP2", "GRPC", "GRPC-WEB"})


class ServerClass(StrEnum):
    """What a server does with a connection, which decides the kind of route that it asks."""

    HTTP = "plain HTTP"
    HTTPS = "HTTP in TLS that the gateway ends"
    PASSTHROUGH = "TLS passed through"
    TCP = "plain TCP"
    TLS = "TCP in TLS that the gateway ends"

    @property
    def routes(self) -> RouteKind:
        """The kind of VirtualService rule that it consults; others are silently ignored."""
        if self in (ServerClass.HTTP, ServerClass.HTTPS):
            return "http"
        return "tls" if self is ServerClass.PASSTHROUGH else "tcp"

    @property
    def encrypted(self) -> bool:
        """Whether clients must send TLS to it."""
        return self not in (ServerClass.HTTP, ServerClass.TCP)


def server_class(server: Server) -> ServerClass:
    """The class of a server, by protocol and TLS mode (Istio's IsHTTPServer, IsPassThroughServer)."""
    protocol = server.port.protocol
    if protocol in _HTTP:
        return ServerClass.HTTP
    if server.tls is None:
        # Istio's validation refuses HTTPS and TLS without a tls block; what slipped through listens in plain text.
        return ServerClass.HTTP if protocol == "HTTPS" else ServerClass.TCP
    if server.tls_mode not in TERMINATING:
        return ServerClass.PASSTHROUGH
    return ServerClass.HTTPS if protocol == "HTTPS" else ServerClass.TLS


@dataclass(frozen=True, slots=True)
class BoundServer:
    """A server of a Gateway on the gateway's proxies. `lost_to`: the server of an older Gateway on the same port because
    of which istiod leaves this one out, and `reason` why."""

    gateway: Gateway
    index: int
    server: Server
    hosts: tuple[ServerHost, ...]
    kind: ServerClass
    lost_to: "BoundServer | None" = None
    reason: str = ""

    @property
    def port(self) -> int:
        return self.server.port.number

    @property
    def path(self) -> str:
        return f"spec.servers[{self.index}]"

    @property
    def name(self) -> str:
        """`namespace/name` of its Gateway."""
        return f"{self.gateway.namespace}/{self.gateway.name}"

    def serves(self, host: str) -> bool:
        """Whether requests to this host are its own."""
        return any(covers(each.host, host) for each in self.hosts)

    def concerns(self, host: str) -> bool:
        """Whether it has anything to do with this host, wildcards on either side."""
        return any(matches(each.host, host) for each in self.hosts)


def proxy_labels(facts: Facts) -> tuple[Labels, ...]:
    """The labels that Gateways' selectors are compared with: of the gateway's pods, ready or not; with none, of its
    Deployments' templates (Ruling 10). Empty where there is neither. Reads Pod and Deployment. Raises Unreadable."""
    pods = facts.pods()
    found = [pod.labels for pod in pods] or [d.template_labels for d in facts.deployments()]
    distinct = {tuple(sorted((k, v) for k, v in each.items() if k != "pod-template-hash")): each for each in found}
    return tuple(distinct.values())


def selecting(facts: Facts, labels: Iterable[Labels]) -> tuple[Gateway, ...]:
    """The Gateways, of any namespace, that select a proxy with any of these labels; oldest first. Reads Gateway."""
    by_selector = gateways_by_selector(facts)
    found: dict[int, Gateway] = {}
    for each in labels:
        for label in (None, *sorted(each.items())):
            for gateway in by_selector.get(label, ()):
                if selects(gateway.selector, each):
                    found[id(gateway)] = gateway
    return tuple(sorted(found.values(), key=_age))


def _age(gateway: Gateway) -> tuple[str, str, str]:
    created = gateway.created
    return (created.isoformat() if created else "", gateway.name, gateway.namespace)


def ingress_selected(facts: Facts, gateway: Gateway) -> Pod | None:
    """A pod of an ingress gateway that this Gateway selects, too. Reads Pod, as far as it could be read."""
    ingress: tuple[Pod, ...] = facts.once("ingress gateways", lambda window: _ingress(window.readable(Pod)))
    return next((pod for pod in ingress if selects(gateway.selector, pod.labels)), None)


def _ingress(pods: Iterable[Pod]) -> tuple[Pod, ...]:
    found = {
        tuple(sorted((k, v) for k, v in pod.labels.items() if k != "pod-template-hash")): pod
        for pod in pods
        if pod.labels.get("istio", "").startswith("aks-istio-ingressgateway") or pod.namespace == "aks-istio-ingress"
        if pod.proxy is not None
    }
    return tuple(found.values())


def servers(gateways: Iterable[Gateway]) -> tuple[BoundServer, ...]:
    """The servers of these Gateways (oldest first) as istiod merges them: on one port the first decides between plain
    text and TLS, and a later TLS server with a host that is taken is left out (Istio's MergeGateways)."""
    merged: list[BoundServer] = []
    for gateway in gateways:
        for index, server in enumerate(gateway.servers):
            hosts = tuple(server_host(each, gateway.namespace) for each in server.hosts)
            bound = BoundServer(gateway, index, server, hosts, server_class(server))
            winner, reason = _conflict(bound, merged)
            merged.append(BoundServer(gateway, index, server, hosts, bound.kind, winner, reason))
    return tuple(merged)


def _conflict(bound: BoundServer, merged: list[BoundServer]) -> tuple[BoundServer | None, str]:
    here = [m for m in merged if m.lost_to is None and m.port == bound.port and m.server.bind == bound.server.bind]
    for other in here:
        if bound.kind.encrypted and not other.kind.encrypted:
            return other, "TLS after plain text on one port"
        if not bound.kind.encrypted and not other.kind.encrypted and other.kind is not bound.kind:
            return other, "HTTP and TCP on one port"
    for other in here:
        if bound.kind.encrypted and {h.host for h in bound.hosts} & {h.host for h in other.hosts}:
            return other, SAME_HOST
    return None, ""
