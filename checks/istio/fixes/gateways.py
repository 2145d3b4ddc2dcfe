"""Changes of Gateways, and new Gateways.

New ones have the shapes of docs/domain/istio.md#canonical-configurations.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from checks.facts.changes import Apply, JsonPatch, MergePatch
from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import Gateway, VirtualService
from checks.istio.fixes.fields import json_pointer, name_for_host, networking_manifest
from checks.istio.fixes.rules import RuleKind, name_in, written_rules
from checks.istio.mesh.objects.hosts import qualified
from checks.istio.mesh.objects.routing_rules import MESH, gateway_name
from checks.istio.proxy.gateway_servers import GatewayServer
from checks.model.raw_values import items, number, text, texts

_KINDS: tuple[RuleKind, ...] = ("http", "tls", "tcp")


def pod_label(labels: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The labels by which a Gateway selects these pods.

    The add-on's label `istio` is preferred; without it, they are all labels that the pods share.
    """
    first = labels[0] if labels else {}
    shared = {key: value for key, value in first.items() if all(each.get(key) == value for each in labels)}
    return {"istio": shared["istio"]} if "istio" in shared else shared


def selecting(gateway: Gateway, labels: Sequence[Mapping[str, str]]) -> MergePatch:
    """The Gateway with a selector that matches pods with these labels."""
    wrong: dict[str, str | None] = {
        key: None for key, value in gateway.selector.items() if any(each.get(key) != value for each in labels)
    }
    return MergePatch(gateway, {"spec": {"selector": {**wrong, **pod_label(labels)}}})


def selecting_title(gateway: Gateway, namespace: str) -> str:
    """The title of that change; `namespace`: the egress gateway's."""
    return f"Patch {gateway.ref} to select the gateway's pods{owners_of(gateway, namespace)}"


def owners_of(thing: KubernetesObject, namespace: str) -> str:
    """The end of a title about an object of another namespace than the egress gateway's."""
    return "" if thing.namespace == namespace else f", in agreement with the owners of namespace {thing.namespace}"


def new_server(kind: RuleKind, port: int, hosts: Iterable[str], *, mesh_tls: bool = False) -> dict[str, Any]:
    """A server for requests of a kind; `mesh_tls`: it terminates mutual TLS of sidecars."""
    protocol = "TLS" if kind == "tls" else "TCP" if kind == "tcp" else "HTTPS" if mesh_tls else "HTTP"
    mode = "PASSTHROUGH" if kind == "tls" else "ISTIO_MUTUAL" if mesh_tls else ""
    hosts = list(hosts)
    name = f"{protocol.lower()}-{port}"
    server: dict[str, Any] = {"port": {"number": port, "name": name, "protocol": protocol}, "hosts": hosts}
    return {**server, "tls": {"mode": mode}} if mode else server


def new_gateway(full_name: str, selector: Mapping[str, str], server: Mapping[str, Any]) -> Apply:
    """A Gateway (`namespace/name`) with one server."""
    namespace, _, name = full_name.partition("/")
    spec = {"selector": dict(selector), "servers": [server]}
    return Apply(networking_manifest("Gateway", name, namespace, spec))


def with_own_server(server: GatewayServer, host: str) -> MergePatch:
    """The Gateway with a server for one host alone.

    It is added beside the server that has the host, on the same port.
    """
    servers = [dict(each) for each in items(server.gateway.raw, "spec", "servers")]
    kept = servers[server.index]
    port = {**kept.get("port", {}), "name": f"{server.server.port.name}-{name_for_host(host)}"[:63]}
    servers.append({**kept, "port": port, "hosts": [host]})
    servers[server.index] = {**kept, "hosts": [each for each in server.server.hosts if each != host]}
    return MergePatch(server.gateway, {"spec": {"servers": servers}})


def moved_rules(routes: VirtualService, server: GatewayServer, service: str, port: int) -> tuple[JsonPatch, ...]:
    """The VirtualService with its rules for a server on another port: to it, and at it."""
    old, operations = server.server.port.number, []
    for kind in _KINDS:
        for index, rule in enumerate(items(routes.raw, "spec", kind)):
            path = f"spec.{kind}[{index}]"
            for position, each in enumerate(items(rule, "route")):
                to = qualified(text(each, "destination", "host"), routes.namespace)
                if to == service and number(each, "destination", "port", "number") in (None, old):
                    operations.append(_replacing(f"{path}.route[{position}].destination.port", {"number": port}))
            for position, match in enumerate(items(rule, "match")):
                named = {gateway_name(each, routes.namespace) for each in texts(match, "gateways")}
                if number(match, "port") == old and server.name in named and MESH not in named:
                    operations.append(_replacing(f"{path}.match[{position}].port", port))
    return (JsonPatch(routes, tuple(operations)),) if operations else ()


def moved_server(server: GatewayServer, routes: Iterable[object], service: str, port: int) -> tuple[JsonPatch, ...]:
    """A server on another port, with the rules for it in these VirtualServices."""
    path = json_pointer(server.field("port.number"))
    moved = JsonPatch(server.written, ({"op": "add", "path": path, "value": port},))
    every = (each for each in dict.fromkeys(routes) if isinstance(each, VirtualService))
    return (moved, *(change for each in every for change in moved_rules(each, server, service, port)))


def _replacing(path: str, value: object) -> dict[str, object]:
    return {"op": "add", "path": json_pointer(path), "value": value}


def bound_to(routes: VirtualService, server: GatewayServer) -> MergePatch:
    """The VirtualService with the server's Gateway among its gateways."""
    return MergePatch(routes, {"spec": {"gateways": [name_in(server.name, routes), *routes.gateways]}})


def named_instead(routes: VirtualService, wrong: str, right: str) -> MergePatch:
    """The VirtualService with another Gateway (both `namespace/name`), also in its rules."""
    name = name_in(right, routes)

    def renamed(names: Iterable[str]) -> list[str]:
        return list(dict.fromkeys(name if gateway_name(each, routes.namespace) == wrong else each for each in names))

    spec: dict[str, Any] = {"gateways": renamed(routes.gateways)}
    if any(wrong in {gateway_name(each, routes.namespace) for each in _named(rule)} for rule in written_rules(routes)):
        for kind in _KINDS:
            if rules := items(routes.raw, "spec", kind):
                spec[kind] = [_with_matches(rule, renamed) for rule in rules]
    return MergePatch(routes, {"spec": spec})


def _named(rule: Mapping[str, Any]) -> list[str]:
    return [each for match in items(rule, "match") for each in texts(match, "gateways")]


def _with_matches(rule: Mapping[str, Any], renamed: Any) -> dict[str, Any]:
    matches = [
        {**match, "gateways": renamed(texts(match, "gateways"))} if match.get("gateways") else dict(match)
        for match in items(rule, "match")
    ]
    return {**rule, "match": matches} if matches else dict(rule)
