"""Changes with which an AuthorizationPolicy allows a request at the gateway."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from checks.facts.changes import JsonPatch, MergePatch, ObjectChange
from checks.facts.istio_networking import Gateway
from checks.facts.istio_policies import AuthorizationPolicy
from checks.istio.faults.gateway.gateway_hop import GatewayHop, HostRules
from checks.istio.faults.tls.server_tls import TlsMissing
from checks.istio.fixes.fields import json_pointer
from checks.istio.fixes.rules import gateway_servers, name_in
from checks.istio.mesh.objects.routing_rules import MESH, gateway_name
from checks.istio.proxy.gateway_servers import GatewayServer
from checks.istio.request.authorization import DownstreamPeer, has_http_fields
from checks.istio.request.client_request import as_written
from checks.model.json_patches import unchanged
from checks.model.raw_values import Raw, items, mapping, texts


def excluding(
    policy: AuthorizationPolicy, matching: Iterable[int], host: str, peer: DownstreamPeer, *, by_port: bool = False
) -> MergePatch:
    """A DENY policy whose rules at these positions do not match the host.

    `by_port`: they match nothing on the request's port. They deny the rest as before.
    """
    positions = set(matching)
    rules = [
        _excluded(rule, as_written(host), peer, by_port) if at in positions else dict(rule)
        for at, rule in enumerate(policy.rules)
    ]
    return MergePatch(policy, {"spec": {"rules": rules}})


def has_no_effect_on_port(
    policy: AuthorizationPolicy, matching: Iterable[int], hop: GatewayHop, peer: DownstreamPeer
) -> bool:
    """Whether these rules match only HTTP requests, which the port never gets."""
    servers = (each for each in gateway_servers(hop.broken) if _port(each) == hop.name.port)
    if peer.request is not None or any(each.is_http for each in servers):
        return False
    return all(has_http_fields(policy.rules[index]) for index in matching)


def _excluded(rule: Raw, host: str, peer: DownstreamPeer, by_port: bool) -> dict[str, Any]:
    """The rule with an exception: by authority, by SNI, or for plain TCP by port."""
    if peer.request is None and peer.server_name and not by_port:
        exception = {"key": "connection.sni", "notValues": [as_written(peer.server_name)]}
        return {**rule, "when": [*items(rule, "when"), exception]}
    field, values = ("notPorts", [str(peer.port)]) if peer.request is None else ("notHosts", authorities(host))
    operations = [mapping(each, "operation") for each in items(rule, "to")] or [{}]
    to = [{"operation": {**each, field: [*texts(each, field), *values]}} for each in operations]
    return {**rule, "to": to}


def authorities(host: str) -> list[str]:
    """The authorities of a host in rules, with any port; a pattern has one asterisk."""
    return [host] if host.startswith("*") else [host, f"{host}:*"]


def with_identities(hop: GatewayHop) -> Iterator[tuple[ObjectChange, ...]]:
    """Mutual TLS from sidecars to the gateway, by which clients have identities.

    Only for a server that shares its port with no other: all servers of a port have one protocol.
    """
    for server in hop.on_port:
        shared = [each for each in gateway_servers(hop.broken) if _port(each) == _port(server) and each != server]
        if shared or type(server.gateway) is not Gateway or not (server.is_http or server.passthrough):
            continue
        rules = () if server.is_http else tuple(_as_tcp(hop.routes, server))
        for fix in TlsMissing(hop, server).fixes(hop.broken):
            yield (_terminating(server), *rules, *fix.changes)


def _port(server: GatewayServer) -> int:
    return server.server.port.number


def _terminating(server: GatewayServer) -> JsonPatch:
    """The server with mutual TLS of sidecars."""
    port = mapping(server.server.raw, "port")
    pointer = json_pointer(server.place)
    protocol = "HTTPS" if server.is_http else "TLS"
    operations: list[dict[str, object]] = [
        unchanged(f"{pointer}/hosts", list(server.server.hosts)),
        {"op": "add", "path": f"{pointer}/port", "value": {**port, "protocol": protocol}},
        {"op": "add", "path": f"{pointer}/tls", "value": {"mode": "ISTIO_MUTUAL"}},
    ]
    return JsonPatch(server.written, tuple(operations))


def _as_tcp(routes: Iterable[HostRules], server: GatewayServer) -> Iterator[MergePatch]:
    """The rules for a server that passed TLS through, as tcp rules."""
    for each in routes:
        source, kept, moved = each.source, [], []
        for rule in source.tls:
            own = [match for match in items(rule, "match") if _names(match, server, source.namespace)]
            others = [match for match in items(rule, "match") if match not in own]
            if others or not own:
                kept.append({**rule, "match": others} if own else dict(rule))
            if own:
                match = {"gateways": [name_in(server.name, source)], "port": _port(server)}
                moved.append({"match": [match], "route": list(items(rule, "route"))})
        if moved:
            yield MergePatch(source, {"spec": {"tls": kept or None, "tcp": [*map(dict, source.tcp), *moved]}})


def _names(match: Mapping[str, Any], server: GatewayServer, namespace: str) -> bool:
    names = {gateway_name(each, namespace) for each in texts(match, "gateways")}
    return server.name in names and MESH not in names
