"""Hosts inside the cluster.

They are names and addresses of its own Services, whose traffic uses no egress gateway.
."""

from collections.abc import Iterator
from dataclasses import dataclass

from checks.facts.fact import Unreadable
from checks.facts.istio_networking import ServiceEntry
from checks.facts.pods import Pod
from checks.facts.services import Service
from checks.facts.view import Facts
from checks.istio.configured.client_namespaces import client_namespaces
from checks.istio.configured.configured_hosts import configured_hosts
from checks.istio.configured.routing_index import destinations_in, routing_index
from checks.istio.mesh.objects.hosts import DOMAIN, hosts_overlap, is_address, is_wildcard
from checks.model.requested_host import requested_host

_SUFFIXES = (f".svc.{DOMAIN}", ".svc")
_UNUSED = "its traffic is not meant to use an egress gateway"


@dataclass(frozen=True, slots=True)
class ClusterHost:
    """A host inside the cluster: its full name or address, and a sentence about it.

    The sentence has no full stop.
    """

    host: str
    sentence: str


def cluster_host(facts: Facts) -> ClusterHost | None:
    """The host of the question if it is inside the cluster.

    None for hosts outside, and for one that an object routes to the gateway or opens a server for. An ExternalName
    Service is a name of a host outside.
    """
    question = facts.question
    if not question.host:
        return None
    return facts.once("cluster host", _of_question, (str(facts.gateway), question.host, question.client))


def _of_question(facts: Facts) -> ClusterHost | None:
    name = requested_host(facts.question.host or "").name
    found = _at_address(facts, name) if is_address(name) else _named(facts, name)
    return None if found is None or _is_routed(facts, found.host) else found


def _at_address(facts: Facts, address: str) -> ClusterHost | None:
    for service in facts.readable(Service):
        if service.cluster_ip == address:
            return ClusterHost(address, f"{address} is the cluster IP address of {service.ref}: {_UNUSED}")
    for pod in facts.readable(Pod):
        if pod.ip == address and not pod.host_network and not pod.finished:
            return ClusterHost(address, f"{address} is the address of {pod.ref}: {_UNUSED}")
    return None


def _named(facts: Facts, name: str) -> ClusterHost | None:
    if any(name in map(str.lower, each.hosts) for each in facts.readable(ServiceEntry)):
        return None
    services = {each.host: each for each in facts.readable(Service)}
    for full in _full_names(facts, name):
        service = services.get(full)
        if service is not None and service.type == "ExternalName":
            return None
        if service is not None and full == facts.gateway.service_host:
            return ClusterHost(full, f"{name} is the Service of {facts.gateway.ref}, and no host that it routes")
        if service is not None:
            return ClusterHost(full, f"{name} is {service.ref} of the cluster: {_UNUSED}")
    if not name.endswith(_SUFFIXES):
        return None
    unknown = "" if is_wildcard(name) or facts.gap(Service) is not None else ", but no Service has it"
    return ClusterHost(name, f"{name} is a name inside the cluster{unknown}: {_UNUSED}")


def _full_names(facts: Facts, name: str) -> Iterator[str]:
    """The Services that a name can mean.

    A pod's DNS completes short names, and endpoints of a Service can have names of their own.
    """
    suffix = next((each for each in _SUFFIXES if name.endswith(each)), "")
    labels = name.removesuffix(suffix).split(".")
    if suffix and len(labels) > 1:
        # The last two labels are the Service and its namespace; others name one of its endpoints.
        yield f"{'.'.join(labels[-2:])}.svc.{DOMAIN}"
    elif len(labels) == 2:
        yield f"{name}.svc.{DOMAIN}"
    elif len(labels) == 1:
        yield from (f"{name}.{namespace}.svc.{DOMAIN}" for namespace in client_namespaces(facts))


def _is_routed(facts: Facts, host: str) -> bool:
    """Whether a rule leads the host to the gateway, or a server of the gateway names it."""
    rules = routing_index(facts).about(host)
    if any(to == facts.gateway.service_host for routes in rules for _, to in destinations_in(routes)):
        return True
    try:
        servers = configured_hosts(facts).servers_for(host)
    except Unreadable:
        return False
    return any(each != "*" and hosts_overlap(each, host) for server in servers for each in server.host_names)
