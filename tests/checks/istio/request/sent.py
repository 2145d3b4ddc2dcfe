"""Requests sent over a small mesh, and the places at which they arrive."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from checks.facts.pods import Pod
from checks.istio.request.client_request import ClientRequest, Clients
from checks.istio.request.routing import Routing
from checks.model.requested_host import USUAL_PORTS
from tests.checks.istio.faults.diagnosed import facts_about
from tests.clusters.compose import Cluster, before, compose, named

BASE = "base"
"""A cluster with clients in team-a and team-b.

Its egress gateway is in team-egress, for edition.cnn.com.
"""
SHOP = "shop.example"
GATEWAY = "egw.team-egress.svc.cluster.local"

Manifest = Mapping[str, Any]


def made(
    kind: str,
    name: str,
    spec: Mapping[str, Any],
    namespace: str = "team-a",
    age: str = "10d",
    group: str = "networking",
) -> dict[str, Any]:
    """An Istio object; `age` decides which is older."""
    created = before(named(BASE).captured_at, age)
    metadata = {"name": name, "namespace": namespace, "creationTimestamp": created}
    return {"apiVersion": f"{group}.istio.io/v1", "kind": kind, "metadata": metadata, "spec": dict(spec)}


def entry(
    host: str, namespace: str = "team-a", age: str = "10d", at: str = "", port: int = 80, name: str = "", **spec: Any
) -> dict[str, Any]:
    """A ServiceEntry for HTTP on a port; with `at` its endpoint has another name."""
    protocol = {443: "TLS"}.get(port, "HTTP")
    ports = [{"number": port, "name": f"{protocol.lower()}-{port}", "protocol": protocol}]
    endpoints = {"endpoints": [{"address": at}]} if at else {}
    whole = {"hosts": [host], "ports": ports, "resolution": "DNS", "location": "MESH_EXTERNAL", **endpoints, **spec}
    return made("ServiceEntry", name or f"{host.strip('*.').replace('.', '-')}-{age}", whole, namespace, age)


def to(host: str, port: int = 80, **more: Any) -> dict[str, Any]:
    """A destination of a rule."""
    destination = {key: more.pop(key) for key in ("subset",) if key in more}
    return {"destination": {"host": host, "port": {"number": port}, **destination}, **more}


def routed(
    name: str, host: str, destination: str, namespace: str = "team-a", age: str = "10d", **spec: Any
) -> dict[str, Any]:
    """A VirtualService for sidecars that routes a host to a destination."""
    whole = {"hosts": [host], "http": [{"route": [to(destination)]}], **spec}
    return made("VirtualService", name, whole, namespace, age)


def encrypted(
    name: str, host: str, mode: str, namespace: str = "team-a", age: str = "10d", **spec: Any
) -> dict[str, Any]:
    """A DestinationRule with a TLS mode: SIMPLE cannot work on port 80, DISABLE does."""
    return made("DestinationRule", name, {"host": host, "trafficPolicy": tls(mode), **spec}, namespace, age)


def tls(mode: str, **more: Any) -> dict[str, Any]:
    """A traffic policy with a TLS mode."""
    return {"tls": {"mode": mode, **more}}


def of_version(revision: str) -> Cluster:
    """The cluster with another revision of the mesh, for example asm-1-31."""
    base = named(BASE)
    return replace(
        base, objects=tuple(orjson.loads(orjson.dumps(base.objects).replace(b"asm-1-30", revision.encode())))
    )


TLS_FAILS = "TLS to a plain text port"
OLD, NEW = entry("old.example"), entry("new.example")
"""Two destinations."""


def arrivals(
    *objects: Manifest,
    url: str = f"http://{SHOP}",
    client: str = "team-a",
    on: Cluster | None = None,
    path: str = "/",
    headers: Mapping[str, str] | None = None,
) -> dict[str, float]:
    """The shares of a request in percent, by where they arrive.

    `host:port`, or the reason why they do not arrive.
    """
    scheme, _, authority = url.partition("://")
    host, _, port = authority.partition(":")
    facts = facts_about(compose(on or named(BASE), {"add": list(objects)}), host, None)
    routing = Routing(facts)
    pod = next(each for each in facts.all(Pod) if each.namespace == client and each.proxy is not None)
    request = ClientRequest(
        scheme,
        host,
        int(port or USUAL_PORTS[scheme]),
        Clients((client,), pod, (pod,)),
        path,
        headers=tuple((headers or {}).items()),
    )
    found: dict[str, float] = {}
    for end in routing.outcome(request).ends:
        where = f"{end.destination}:{end.port}" if end.destination and not end.reason else end.reason
        found[where] = round(found.get(where, 0) + end.share, 1)
    return found


def arrives(*objects: Manifest, **request: Any) -> str:
    """The place at which all of a request arrives, or why it does not."""
    [only] = arrivals(*objects, **request)
    return only


def pods_of(namespace: str, change: Callable[[Any], object]) -> Cluster:
    """The cluster with a change of every pod of a namespace."""
    objects = copy.deepcopy(named(BASE).objects)
    for each in objects:
        if each["kind"] == "Pod" and each["metadata"]["namespace"] == namespace:
            change(each)
    return replace(named(BASE), objects=objects)


def mesh_settings(config_map: str, settings: str) -> Cluster:
    """The cluster with more settings in a ConfigMap of the mesh configuration."""
    objects = copy.deepcopy(named(BASE).objects)
    for each in objects:
        if each["kind"] == "ConfigMap" and each["metadata"]["name"] == config_map:
            each["data"]["mesh"] += settings
    return replace(named(BASE), objects=objects)
