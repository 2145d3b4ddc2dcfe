"""The destinations that routing objects declare for a host.

A request that arrives at one of them has arrived at the right place. Rules for `*` and routes without host names apply to
whatever reaches a gateway. They declare their destinations for the hosts that their Gateway names, and for hosts whose
own rules send to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from tests.istiod.walker.network import is_address

Json = dict[str, Any]


def covers(pattern: str, host: str) -> bool:
    """Whether a host of a routing object names the host, perhaps by a wildcard for its domain.

    A bare `*` names no host.
    """
    pattern, host = pattern.rpartition("/")[2].lower(), host.lower()
    if pattern == host:
        return True
    return pattern.startswith("*.") and host.endswith(pattern[1:]) and len(host) > len(pattern) - 1


@dataclass(frozen=True, slots=True)
class _Place:
    """A port of a Gateway with rules for every host, and the hosts that its server names."""

    services: frozenset[str]  # the Services in front of it
    ports: frozenset[int]  # the ports of those Services
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Rules:
    """Destinations, and what they are declared for: hosts, or whatever arrives at a place."""

    hosts: tuple[str, ...]
    places: tuple[_Place, ...]
    destinations: tuple[tuple[str, int], ...]


def declared(objects: Iterable[Json], host: str) -> frozenset[str]:
    """The services that VirtualServices and Gateway API routes declare for a host.

    They are host names; the ServiceEntries for the host itself are included.
    """
    kept = list(objects)
    names = {host, *_behind(kept, host)}
    every = [*_virtual_services(kept), *_routes(kept)]
    found = {
        pattern
        for each in kept
        if each["kind"] == "ServiceEntry"
        for pattern in each["spec"].get("hosts") or ()
        if any(covers(pattern, name) for name in names)
    }
    found |= {
        each["spec"]["externalName"]
        for each in kept
        if each["kind"] == "Service"
        and each["spec"].get("type") == "ExternalName"
        and host == _service_host(each["metadata"]["name"], each["metadata"]["namespace"])
    }
    sent: set[tuple[str, int]] = set()
    for rules in every:
        served = (name for place in rules.places for name in place.hosts)
        if any(covers(pattern, name) for pattern in (*rules.hosts, *served) for name in names):
            sent |= set(rules.destinations)
    before = -1
    while before != len(sent):
        before = len(sent)
        for rules in every:
            if any(_sends(sent, place) for place in rules.places):
                sent |= set(rules.destinations)
    return frozenset(found | {name for name, _ in sent})


def _behind(objects: Iterable[Json], host: str) -> Iterator[str]:
    """The hosts of ServiceEntries that list this address, or a range around it."""
    if not is_address(host):
        return
    for each in objects:
        written = each["spec"].get("addresses") or () if each["kind"] == "ServiceEntry" else ()
        if any(ip_address(host) in ip_network(address, strict=False) for address in written):
            yield from each["spec"].get("hosts") or ()


def _sends(sent: Iterable[tuple[str, int]], place: _Place) -> bool:
    return any(name in place.services and (not port or port in place.ports) for name, port in sent)


def _virtual_services(objects: list[Json]) -> Iterator[_Rules]:
    services = [each for each in objects if each["kind"] == "VirtualService"]
    delegates = {(each["metadata"]["namespace"], each["metadata"]["name"]): each for each in services}
    for each in services:
        hosts = tuple(each["spec"].get("hosts") or ())
        places = tuple(_istio_places(each, objects)) if "*" in hosts else ()
        yield _Rules(hosts, places, tuple(_destinations(each, delegates)))


def _destinations(service: Json, delegates: dict[tuple[str, str], Json]) -> Iterator[tuple[str, int]]:
    spec, namespace = service["spec"], service["metadata"]["namespace"]
    for kind in ("http", "tls", "tcp"):
        for rule in spec.get(kind) or ():
            for each in rule.get("route") or ():
                destination = each.get("destination") or {}
                name = destination.get("host", "")
                port = (destination.get("port") or {}).get("number", 0)
                yield name if "." in name else f"{name}.{namespace}.svc.cluster.local", port
            delegate = rule.get("delegate")
            if delegate:
                other = delegates.get((delegate.get("namespace") or namespace, delegate["name"]))
                if other is not None and other is not service:
                    yield from _destinations(other, {})


def _istio_places(service: Json, objects: list[Json]) -> Iterator[_Place]:
    """The servers of the Gateways that a VirtualService names.

    They listen on the target ports of Services.
    """
    namespace = service["metadata"]["namespace"]
    named = {
        tuple(each.replace("./", f"{namespace}/").split("/")) if "/" in each else (namespace, each)
        for each in service["spec"].get("gateways") or ()
    }
    for gateway in objects:
        if gateway["kind"] != "Gateway" or not gateway["apiVersion"].startswith("networking.istio.io"):
            continue
        if (gateway["metadata"]["namespace"], gateway["metadata"]["name"]) not in named:
            continue
        for server in gateway["spec"].get("servers") or ():
            number = server["port"]["number"]
            services = frozenset(_in_front(gateway["spec"].get("selector") or {}, objects))
            ports = frozenset(port for name in services for port in _ports_to(name, number, objects))
            yield _Place(services, ports, tuple(each for each in server.get("hosts") or () if each != "*"))


def _in_front(selector: Json, objects: list[Json]) -> Iterator[str]:
    """The Services that select a pod which the Gateway selects."""
    pods = [
        (each["metadata"]["namespace"], each["metadata"].get("labels") or {})
        for each in objects
        if each["kind"] == "Pod"
    ]
    pods = [each for each in pods if selector.items() <= each[1].items()]
    for each in objects:
        wanted = (each.get("spec") or {}).get("selector") or {}
        place = each["metadata"].get("namespace", "")
        selected = any(namespace == place and wanted.items() <= labels.items() for namespace, labels in pods)
        if each["kind"] == "Service" and wanted and selected:
            yield _service_host(each["metadata"]["name"], place)


def _ports_to(service: str, number: int, objects: list[Json]) -> Iterator[int]:
    """The ports of a Service that lead to a Gateway's port: by number or by an unknown name."""
    for each in objects:
        if each["kind"] == "Service" and service == _service_host(
            each["metadata"]["name"], each["metadata"].get("namespace", "")
        ):
            for port in each["spec"].get("ports") or ():
                target = port.get("targetPort", port["port"])
                if number in (target, port["port"]) or isinstance(target, str):
                    yield port["port"]


def _service_host(name: str, namespace: str) -> str:
    return f"{name}.{namespace}.svc.cluster.local"


def _routes(objects: list[Json]) -> Iterator[_Rules]:
    entries = {
        (each["metadata"]["namespace"], each["metadata"]["name"]): tuple(each["spec"].get("hosts") or ())
        for each in objects
        if each["kind"] == "ServiceEntry"
    }
    for route in objects:
        if route["kind"] not in ("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute"):
            continue
        spec, namespace = route["spec"], route["metadata"]["namespace"]
        hosts: list[str] = []
        places: list[_Place] = []
        for parent in spec.get("parentRefs") or ():
            key = (parent.get("namespace", namespace), parent["name"])
            if parent.get("kind") == "ServiceEntry" or parent.get("group") == "networking.istio.io":
                hosts += entries.get(key, ())
            elif parent.get("kind") == "Service":
                hosts.append(_service_host(key[1], key[0]))
            elif spec.get("hostnames"):
                hosts += spec["hostnames"]
            else:
                places += _listeners(parent, key, objects)
        yield _Rules(tuple(hosts), tuple(places), tuple(_backends(spec, namespace)))


def _listeners(parent: Json, key: tuple[str, str], objects: list[Json]) -> Iterator[_Place]:
    """The listeners of a Gateway or ListenerSet to which a route attaches.

    They listen on ports of Services.
    """
    kind = parent.get("kind", "Gateway")
    for each in objects:
        if each["kind"] != kind or not each["apiVersion"].startswith("gateway.networking"):
            continue
        if (each["metadata"]["namespace"], each["metadata"]["name"]) != key:
            continue
        gateway = _gateway_of(each, objects) if kind == "ListenerSet" else each
        for listener in each["spec"].get("listeners") or () if gateway is not None else ():
            if parent.get("sectionName", listener["name"]) != listener["name"]:
                continue
            default = {"HTTP": 80, "HTTPS": 443}.get(listener["protocol"], 0)
            port = listener.get("port") or default
            if parent.get("port", port) != port:
                continue
            # The hostname of a TCP listener has no meaning.
            named = (listener["hostname"],) if listener.get("hostname") and listener["protocol"] != "TCP" else ()
            assert gateway is not None
            yield _Place(frozenset(_services(gateway)), frozenset({port}), named)


def _gateway_of(listener_set: Json, objects: list[Json]) -> Json | None:
    parent = listener_set["spec"]["parentRef"]
    key = (parent.get("namespace", listener_set["metadata"]["namespace"]), parent["name"])
    return next(
        (
            each
            for each in objects
            if each["kind"] == "Gateway"
            and each["apiVersion"].startswith("gateway.networking")
            and (each["metadata"]["namespace"], each["metadata"]["name"]) == key
        ),
        None,
    )


def _services(gateway: Json) -> Iterator[str]:
    namespace, name = gateway["metadata"]["namespace"], gateway["metadata"]["name"]
    yield _service_host(f"{name}-{gateway['spec']['gatewayClassName']}", namespace)
    for each in gateway["spec"].get("addresses") or ():
        value = each.get("value", "")
        yield value if "." in value else _service_host(value, namespace)


def _backends(spec: Json, namespace: str) -> Iterator[tuple[str, int]]:
    for rule in spec.get("rules") or ():
        for each in rule.get("backendRefs") or ():
            if each.get("kind") == "Hostname":
                yield each["name"], each.get("port", 0)
            elif each.get("kind", "Service") == "Service":
                yield _service_host(each["name"], each.get("namespace", namespace)), each.get("port", 0)
