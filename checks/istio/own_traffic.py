"""Whether a pod's own traffic to a host leaves through an egress gateway that this bot diagnoses. Pure.

A bot whose messages to Slack go through the gateway that is broken cannot tell anybody that it is broken.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from checks.facts.egress_gateway import gateway_entries
from checks.facts.istio_networking import VirtualService
from checks.facts.pods import Pod
from checks.facts.services import Service
from checks.istio.route.clients import is_sidecar
from checks.istio.route.hosts import canonical, matches, resolve, service_host
from checks.model.raw_values import Raw, items, text


@dataclass(frozen=True, slots=True)
class Detour:
    """Traffic of a pod to `host` (empty: to everywhere) goes through `gateway`, because of `cause`."""

    pod: str
    host: str
    gateway: str
    cause: str

    def __str__(self) -> str:
        where = f"to {self.host} " if self.host else ""
        return f"traffic {where}from pod {self.pod} goes through {self.gateway}, because of {self.cause}"


def pods_beside(pods: Iterable[Pod], name: str) -> tuple[Pod, ...]:
    """The pod of this name and those of the same installation: the bot runs beside the worker. Empty where the pod is not
    in this cluster."""
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


def detours(
    pods: Iterable[Pod], hosts: Collection[str], routes: Collection[VirtualService], services: Iterable[Service]
) -> Iterator[Detour]:
    """Each way on which these pods' traffic to these hosts meets an egress gateway of their cluster."""
    gateways = {service_host(*reversed(entry.split("/", 1))): entry for entry in gateway_entries(services)}
    for pod in pods:
        here = f"{pod.namespace}/{pod.name}"
        if configuration := pod.static_gateway_configuration:
            yield Detour(here, "", f"StaticGatewayConfiguration {configuration}", "the pod's own annotation")
        if is_sidecar(pod):
            for host in hosts:
                yield from (
                    Detour(here, host, f"egress gateway {gateways[to]}", route.ref)
                    for route in routes
                    if (to := _led_to(route, host, gateways)) is not None
                )


def _led_to(route: VirtualService, host: str, gateways: Collection[str]) -> str | None:
    """The egress gateway's host to which sidecars send this host's traffic by the route."""
    if "mesh" not in route.gateways or not any(matches(canonical(each), host) for each in route.hosts):
        return None
    for rule in (*route.http, *route.tls, *route.tcp):
        for to in _destinations(rule):
            if (found := resolve(to, route.namespace)) in gateways:
                return found
    return None


def _destinations(rule: Raw) -> Iterator[str]:
    for branch in items(rule, "route"):
        if host := text(branch, "destination", "host"):
            yield canonical(host)
