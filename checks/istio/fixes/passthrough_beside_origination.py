"""TLS of applications through a gateway that also originates TLS to the host.

Both kinds of requests leave the gateway for the same port of the destination. The TLS settings of the DestinationRule therefore
move to a subset that the http rules name, and the tls rules name none. Source: docs/domain/istio.md#tls-origination.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from checks.facts.changes import JsonPatch, MergePatch, ObjectChange
from checks.facts.istio_networking import DestinationRule, Gateway, VirtualService
from checks.istio.fixes.fields import appended
from checks.istio.fixes.gateways import new_server
from checks.istio.fixes.rules import (
    UnroutedRequest,
    gateway_servers,
    has_host,
    kind_of_server,
    name_in,
    rule_from_gateway,
    rule_to_gateway,
    server_for,
)
from checks.istio.fixes.service_ports import ports_for
from checks.istio.fixes.tls_settings import tls_removed
from checks.istio.mesh.objects.hosts import most_specific, qualified
from checks.istio.proxy.gateway_servers import GatewayServer
from checks.model.raw_values import items, mapping, text, texts

SUBSET = "originate-tls"
"""The name of the subset with the TLS settings."""


def passthrough_beside_origination(
    broken: UnroutedRequest, rule: DestinationRule, path: str
) -> Iterator[tuple[ObjectChange, ...]]:
    """The changes that route the application's own TLS through the gateway, in their order.

    `path` is the field with the TLS settings of the DestinationRule. No request fails in between: the settings are removed
    from the whole rule when every http rule names the subset. There are none for a rule with subsets, which would lose the
    settings, and for rules that another object owns.
    """
    routes = next((each.source for each in broken.to_gateway if each.http), None)
    if rule.subsets or not isinstance(routes, VirtualService):
        return
    policy = deepcopy(dict(rule.traffic_policy))
    added = MergePatch(rule, {"spec": {"subsets": [{"name": SUBSET, "trafficPolicy": policy}]}})
    others = (each.source for each in broken.every_virtual_service.all_rules())
    named = tuple(
        MergePatch(each, {"spec": {"http": http}})
        for each in dict.fromkeys(others)
        if isinstance(each, VirtualService) and each != routes and (http := _http_with_subset(each, rule))
    )
    for server, listening in _servers(broken):
        tls = [*_kept(broken, routes), *_rules(broken, server, routes)]
        http = _http_with_subset(routes, rule)
        routed = MergePatch(routes, {"spec": {**({"http": http} if http else {}), "tls": tls}})
        yield (added, *listening, *named, routed, tls_removed(rule, path))


def _servers(broken: UnroutedRequest) -> Iterator[tuple[GatewayServer, tuple[JsonPatch, ...]]]:
    """A server that passes TLS of the host through, and the change that adds it."""
    known = server_for(broken)
    if known is not None:
        yield known, ()
        return
    host = broken.request.host
    fitting = (each for each in gateway_servers(broken) if kind_of_server(each) != "tls" and has_host(each, host))
    gateway = next((each.gateway for each in fitting if type(each.gateway) is Gateway), None)
    if gateway is None:
        return
    for port in ports_for(broken):
        change = appended(gateway, "spec.servers", new_server("tls", port, [host]))
        changed = Gateway(change.applied(gateway.raw))
        yield GatewayServer(changed, len(changed.servers) - 1, changed.servers[-1], (host,), ""), (change,)


def _rules(broken: UnroutedRequest, server: GatewayServer, routes: VirtualService) -> list[dict[str, Any]]:
    hosts = routes.hosts
    return [
        rule_to_gateway(broken, server, hosts),
        rule_from_gateway(broken, server, name_in(server.name, routes), hosts),
    ]


def _kept(broken: UnroutedRequest, routes: VirtualService) -> list[dict[str, Any]]:
    """The tls rules for other server names, which stay."""
    host = broken.request.host
    return [
        deepcopy(dict(each))
        for each in routes.tls
        if not all(most_specific(host, list(texts(match, "sniHosts"))) for match in items(each, "match"))
    ]


def _http_with_subset(routes: VirtualService, rule: DestinationRule) -> list[dict[str, Any]]:
    """The http rules that name the subset; empty if none has such a destination."""
    wanted, found = qualified(rule.host, rule.namespace), False
    http = [deepcopy(dict(each)) for each in routes.http]
    for each in http:
        for route in each.get("route") or ():
            destination = mapping(route, "destination")
            if qualified(text(destination, "host"), routes.namespace) == wanted and not text(destination, "subset"):
                route["destination"] = {**destination, "subset": SUBSET}
                found = True
    return http if found else []
