"""The destinations that routing objects declare for a host.

A request that arrives at one of them has arrived at the right place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

Json = dict[str, Any]


def covers(pattern: str, host: str) -> bool:
    """Whether a host of a routing object, perhaps a wildcard, covers the host."""
    pattern, host = pattern.rpartition("/")[2].lower(), host.lower()
    if pattern in (host, "*"):
        return True
    return pattern.startswith("*.") and host.endswith(pattern[1:]) and len(host) > len(pattern) - 1


def declared(objects: Iterable[Json], host: str) -> frozenset[str]:
    """The services that VirtualServices and Gateway API routes declare for a host.

    They are host names; the ServiceEntries for the host itself are included.
    """
    kept = list(objects)
    found: set[str] = set()
    delegates = {
        (each["metadata"]["namespace"], each["metadata"]["name"]): each
        for each in kept
        if each["kind"] == "VirtualService"
    }
    for each in kept:
        spec = each.get("spec") or {}
        match each["kind"]:
            case "VirtualService" if any(covers(pattern, host) for pattern in spec.get("hosts") or ()):
                found |= set(_destinations(each, delegates))
            case "ServiceEntry":
                found |= {pattern for pattern in spec.get("hosts") or () if covers(pattern, host)}
            case "HTTPRoute" | "GRPCRoute" | "TLSRoute" | "TCPRoute" if _route_covers(
                spec, host, each["metadata"]["namespace"], kept
            ):
                found |= set(_backends(spec, each["metadata"]["namespace"]))
            case _:
                pass
    return frozenset(found)


def _destinations(service: Json, delegates: dict[tuple[str, str], Json]) -> Iterator[str]:
    spec, namespace = service["spec"], service["metadata"]["namespace"]
    for kind in ("http", "tls", "tcp"):
        for rule in spec.get(kind) or ():
            for each in rule.get("route") or ():
                name = (each.get("destination") or {}).get("host", "")
                yield name if "." in name else f"{name}.{namespace}.svc.cluster.local"
            delegate = rule.get("delegate")
            if delegate:
                other = delegates.get((delegate.get("namespace") or namespace, delegate["name"]))
                if other is not None and other is not service:
                    yield from _destinations(other, {})


def _route_covers(spec: Json, host: str, namespace: str, objects: Iterable[Json]) -> bool:
    if any(covers(pattern, host) for pattern in spec.get("hostnames") or ()):
        return True
    parents = spec.get("parentRefs") or ()
    entries = {
        (parent.get("namespace", namespace), parent["name"])
        for parent in parents
        if parent.get("kind") == "ServiceEntry" or parent.get("group") == "networking.istio.io"
    }
    services = {
        f"{each['name']}.{each.get('namespace', namespace)}.svc.cluster.local"
        for each in parents
        if each.get("kind") == "Service"
    }
    if services:
        return host in services
    for each in objects:
        if each["kind"] == "ServiceEntry" and (each["metadata"]["namespace"], each["metadata"]["name"]) in entries:
            return any(covers(pattern, host) for pattern in each["spec"].get("hosts") or ())
    return not spec.get("hostnames") and not entries


def _backends(spec: Json, namespace: str) -> Iterator[str]:
    for rule in spec.get("rules") or ():
        for each in rule.get("backendRefs") or ():
            if each.get("kind") == "Hostname":
                yield each["name"]
            elif each.get("kind", "Service") == "Service":
                yield f"{each['name']}.{each.get('namespace', namespace)}.svc.cluster.local"
