"""Which connections between pods does an egress gateway need?

They are subject to NetworkPolicies: from clients to the gateway, and from both to DNS and istiod. Packets in the tunnel are
not (docs/domain.md#outer-packets).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from checks.facts.istio_networking import ROOT_NAMESPACE, Gateway
from checks.facts.label_selectors import selects
from checks.facts.pods import Pod
from checks.facts.services import Service, ServicePort
from checks.facts.view import Facts
from checks.istio.configured.client_namespaces import requested_client, requested_pods, sidecar_pods
from checks.istio.configured.configured_hosts import common_host
from checks.istio.request.clients import workload_of
from checks.kubernetes.pod_connections import PodConnection
from checks.model.requested_host import split_host

_STATUS_PORT = 15021
"""The port of a gateway's health checks, which clients do not use."""

ISTIOD_PORT = 15012
"""The port from which proxies get their configuration."""

DNS_LABELS = {"k8s-app": "kube-dns"}
DNS_NAMESPACE = "kube-system"
_DNS = Pod(
    {
        "metadata": {"name": "coredns", "namespace": DNS_NAMESPACE, "labels": DNS_LABELS},
        "spec": {
            "containers": [{"name": "coredns", "ports": [{"name": "dns", "containerPort": 53, "protocol": "UDP"}]}]
        },
    }
)
"""The DNS pod of every AKS cluster, if none was read."""


@dataclass(frozen=True, slots=True)
class GatewayPorts:
    """The ports of the gateway's Service to which clients connect.

    `each_needed`: a Gateway opens every one of them; else any one may be the port that clients use."""

    ports: tuple[ServicePort, ...]
    each_needed: bool
    hosts: tuple[str, ...]
    """The hosts of these servers."""


def gateway_ports(facts: Facts, pods: Iterable[Pod]) -> GatewayPorts:
    """The ports of the Gateways that select these pods.

    If the question names a host, they are its ports. Raises Unreadable.
    """
    service = facts.get(Service, facts.gateway.name, facts.gateway.namespace)
    host = split_host(facts.question.host)[0] if facts.question.host else ""
    servers = [
        server
        for gateway in facts.all(Gateway)
        if any(selects(gateway.selector, pod.labels) for pod in pods)
        for server in gateway.servers
        if not host or any(common_host(host, each) for each in server.host_names)
    ]
    opened = {server.port.number for server in servers}
    hosts = (host,) if host else tuple(dict.fromkeys(name for server in servers for name in server.host_names))
    offered = [each for each in service.ports if each.protocol == "TCP"] if service is not None else []
    used = tuple(each for each in offered if each.port in opened)
    return GatewayPorts(used or tuple(each for each in offered if each.port != _STATUS_PORT), bool(used), hosts)


def client_workloads(facts: Facts) -> Mapping[str, Pod]:
    """A pod of each workload of the question's client.

    If it names no client, every workload with sidecars is one. Raises Unreadable.
    """
    return facts.once("client workloads", _client_workloads, facts.question.client)


def _client_workloads(facts: Facts) -> Mapping[str, Pod]:
    namespace, workload = requested_client(facts)
    if namespace:
        pods = list(requested_pods(facts, namespace, workload))
    else:
        facts.all(Pod)
        pods = [pod for group in sidecar_pods(facts).values() for pod in group]
    found = {f"{pod.namespace}/{workload_of(pod)}": pod for pod in reversed(pods)}
    return dict(sorted(found.items()))


def connections_to_gateway(client: Pod, pods: Iterable[Pod], port: ServicePort) -> tuple[PodConnection, ...]:
    """The connections of a client through a port of the gateway's Service."""
    numbers = ((pod, _target(pod, port)) for pod in pods)
    return tuple(PodConnection(client, pod, number) for pod, number in numbers if number is not None)


def connections_to_istiod(facts: Facts, pod: Pod) -> tuple[PodConnection, ...]:
    """The connections of a proxy to the istiod pods of its revision. Raises Unreadable."""
    return tuple(
        PodConnection(pod, each, ISTIOD_PORT)
        for each in facts.in_namespace(Pod, ROOT_NAMESPACE)
        if each.labels.get("app") == "istiod" and each.revision == pod.revision and each.deleted is None
    )


def connections_to_dns(facts: Facts, pod: Pod) -> tuple[PodConnection, ...]:
    """The connection of a pod to the cluster's DNS. Raises Unreadable."""
    found = [each for each in facts.in_namespace(Pod, DNS_NAMESPACE) if selects(DNS_LABELS, each.labels)]
    return (PodConnection(pod, found[0] if found else _DNS, 53, "UDP"),)


def _target(pod: Pod, port: ServicePort) -> int | None:
    if port.target.isdecimal():
        return int(port.target)
    return pod.named_ports.get((port.protocol, port.target)) if port.target else port.port
