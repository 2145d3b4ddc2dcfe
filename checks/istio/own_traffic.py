"""Whether the bot's own traffic goes through an egress gateway that it diagnoses.

A bot whose messages to Slack go through a broken gateway cannot report that the gateway is broken.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from checks.facts.egress_gateway import gateway_entries
from checks.facts.istio_networking import VirtualService
from checks.facts.pods import Pod
from checks.facts.services import Service
from checks.istio.mesh.objects.hosts import hosts_overlap, qualified
from checks.istio.request.clients import has_sidecar
from checks.model.raw_values import Raw, items, text


@dataclass(frozen=True, slots=True)
class GatewayUse:
    """Traffic of a pod to `host` ("" for all hosts) goes through `gateway`, because of `cause`."""

    pod: str
    host: str
    gateway: str
    cause: str

    def __str__(self) -> str:
        destination = f" to {self.host}" if self.host else ""
        return f"traffic from pod {self.pod}{destination} goes through {self.gateway}, because of {self.cause}"


def installation_pods(pods: Iterable[Pod], name: str) -> tuple[Pod, ...]:
    """The pod of this name and the pods of the same installation.

    Empty if the pod is not in this cluster.
    """
    known = tuple(pods)
    own = next((pod for pod in known if pod.name == name), None)
    if own is None:
        return ()
    instance = own.labels.get("app.kubernetes.io/instance", "")
    return tuple(
        pod
        for pod in known
        if pod.namespace == own.namespace
        and (pod.name == name or (instance and pod.labels.get("app.kubernetes.io/instance") == instance))
    )


def gateway_uses(
    pods: Iterable[Pod], hosts: Collection[str], routes: Collection[VirtualService], services: Iterable[Service]
) -> Iterator[GatewayUse]:
    """Every object that sends these pods' traffic to these hosts through an egress gateway.

    The gateway is one of their cluster.
    """
    gateways = {_service_host(entry): entry for entry in gateway_entries(services)}
    for pod in pods:
        here = f"{pod.namespace}/{pod.name}"
        if configuration := pod.static_gateway_configuration:
            yield GatewayUse(here, "", f"StaticGatewayConfiguration {configuration}", "the pod's own annotation")
        if has_sidecar(pod):
            for host in hosts:
                yield from (
                    GatewayUse(here, host, f"egress gateway {gateways[to]}", route.ref)
                    for route in routes
                    if (to := _gateway_host(route, host, gateways)) is not None
                )


def _gateway_host(route: VirtualService, host: str, gateways: Collection[str]) -> str | None:
    """The egress gateway's host to which the route sends this host's traffic from sidecars.

    None if there is none.
    """
    if "mesh" not in route.gateways or not any(hosts_overlap(each.lower(), host.lower()) for each in route.hosts):
        return None
    for rule in (*route.http, *route.tls, *route.tcp):
        for to in _destinations(rule):
            if (found := qualified(to, route.namespace).lower()) in gateways:
                return found
    return None


def _destinations(rule: Raw) -> Iterator[str]:
    for branch in items(rule, "route"):
        if host := text(branch, "destination", "host"):
            yield host


def _service_host(entry: str) -> str:
    namespace, _, name = entry.partition("/")
    return f"{name}.{namespace}.svc.cluster.local"
