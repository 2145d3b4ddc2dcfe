"""Mending VirtualServices: the smallest change of the one that is there, or a whole one."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from checks.facts.changes import Apply, JsonPatch, MergePatch, ObjectWrite
from checks.istio.route.breaks import Fault
from checks.istio.route.canonical import (
    Case,
    Raw,
    all_rules,
    dialled,
    from_gateway,
    to_gateway,
    written_name,
    written_rules,
)
from checks.istio.route.clients import client_namespaces
from checks.istio.route.corrections import exported_also, manifest, object_name, pointer, replaced
from checks.istio.route.needs import routes_about
from checks.istio.route.registry import services
from checks.istio.route.rules import MESH, gateway_ref, gateway_refs
from checks.model.raw_values import items, mapping, texts

Changes = tuple[ObjectWrite, ...]


def whole_route(case: Case) -> Changes:
    """A VirtualService with both rules; where no server takes the host yet, the host on one, too."""
    before: Changes = ()
    server = case.server
    if server is None:
        server = next((s for s in case.found.servers if s.lost_to is None), None)
        if server is None:
            return ()
        operation = {"op": "add", "path": pointer(f"{server.path}.hosts", "-"), "value": case.broken.host}
        before = (JsonPatch(server.gateway, (operation,)),)
    namespace = case.facts.gateway.namespace
    gateway = server.gateway.name if server.gateway.namespace == namespace else server.name
    spec = {
        "hosts": [case.broken.host],
        "gateways": [gateway, MESH],
        server.kind.routes: [to_gateway(case, server), from_gateway(case, server, gateway)],
    }
    name = f"{object_name(case.broken.host)}-through-{case.facts.gateway.name}"
    return (*before, Apply(manifest("VirtualService", name, namespace, spec)))


def for_sidecars(case: Case) -> Changes:
    """`mesh` among its gateways; where no rule sends to the gateway that rule, and the others for the gateway alone."""
    route, server = case.broken.route, case.server
    if route is None:
        return ()
    body: Raw = {"gateways": [*route.gateways, MESH]}
    if server is not None:
        rules = written_rules(route, server.kind.routes)
        if not any(_goes_to(each, case.found.service) for each in rules):
            scoped = [_scoped(each, [written_name(server.name, route)]) for each in rules]
            body[server.kind.routes] = [to_gateway(case, server), *scoped]
    return (MergePatch(route, {"spec": body}),)


def _goes_to(rule: Mapping[str, Any], service: str) -> bool:
    return any(mapping(each, "destination").get("host") == service for each in items(rule, "route"))


def _scoped(rule: Mapping[str, Any], gateways: list[str]) -> Raw:
    """The rule, for these gateways only where it names none."""
    copied: Raw = deepcopy(dict(rule))
    copied["match"] = [
        {**each, "gateways": each.get("gateways") or gateways} for each in items(copied, "match") or ({},)
    ]
    return copied


def exported(case: Case) -> Changes:
    """Exported to those who do not see it."""
    route = case.broken.route
    if route is None:
        return ()
    blind = [name for group in case.broken.clients for name in group.members] or list(client_namespaces(case.facts))
    if case.broken.fault is Fault.NOT_SEEN_BY_GATEWAY:
        blind = [case.facts.gateway.namespace]
    return (exported_also(route, blind),)


def add_mesh_rule(case: Case) -> Changes:
    """The rule for sidecars before all others of the VirtualService that they ask; and a VirtualService for the gateway
    where none is bound to it."""
    server, route = case.server, case.broken.route
    if server is None or route is None:
        return ()
    kind = server.kind.routes
    rule = to_gateway(case, server)
    first = (
        replaced(route, f"spec.{kind}[0]", rule)
        if written_rules(route, kind)
        else replaced(route, f"spec.{kind}", [rule])
    )
    bound = any(server.name in gateway_refs(each) for each in routes_about(case.found, case.broken.host))
    return (first,) if bound else (first, *whole_route(case))


def right_name(case: Case) -> Changes:
    """The full name of the gateway's Service; at the gateway that of the destination."""
    if case.broken.route is None or case.broken.destination is None:
        return ()
    right = case.broken.host if case.broken.server is not None else case.found.service
    return (replaced(case.broken.route, f"{case.broken.destination.path}.host", right),)


def right_port(case: Case) -> Changes:
    """A port that the Service has, and on which a server takes the host."""
    route, at = case.broken.route, case.broken.destination
    if route is None or at is None:
        return ()
    service = services(case.facts).get(case.found.service)
    offered = {each.port for each in service.ports} if service else {80, 443}
    live = (s.port for s in case.found.all_servers if s.lost_to is None and s.serves(case.broken.host))
    kind = case.broken.rule.kind if case.broken.rule else "http"
    port = next((each for each in live if each in offered), dialled(kind))
    return (replaced(route, f"{at.path}.port", {"number": port}),)


def right_kind(case: Case) -> Changes:
    """The rules in the kind that the server asks, in the place of the others."""
    server, route = case.broken.server, case.broken.route
    if server is None or route is None:
        return ()
    kind = server.kind.routes
    wrong: Raw = {
        other: None for other in ("http", "tls", "tcp") if other != kind and mapping(route.raw, "spec").get(other)
    }
    gateway = written_name(server.name, route)
    return (
        MergePatch(route, {"spec": {**wrong, kind: [to_gateway(case, server), from_gateway(case, server, gateway)]}}),
    )


def right_gateway(case: Case) -> Changes:
    """The Gateway that does take the host in the place of the one that does not exist, also in the rules."""
    route, server = case.broken.route, case.server
    if route is None or server is None:
        return ()
    right = written_name(server.name, route)

    def renamed(written: str) -> str:
        return right if gateway_ref(written, route.namespace) == case.broken.text else written

    spec: Raw = {"gateways": [renamed(each) for each in route.gateways]}
    for kind in ("http", "tls", "tcp"):
        rules: list[Raw] = [deepcopy(dict(each)) for each in items(route.raw, "spec", kind)]
        before = deepcopy(rules)
        for rule in (each for each in rules if items(each, "match")):
            matches = [dict(each) for each in items(rule, "match")]
            for match in (each for each in matches if each.get("gateways")):
                match["gateways"] = [renamed(each) for each in texts(match, "gateways")]
            rule["match"] = matches
        if rules != before:
            spec[kind] = rules
    return (MergePatch(route, {"spec": spec}),)


def bind(case: Case) -> Changes:
    """The Gateway among its gateways, and a rule for it where none names it."""
    route, server = case.broken.route, case.broken.server
    if route is None or server is None:
        return ()
    name, kind = written_name(server.name, route), server.kind.routes
    body: Raw = {"gateways": [name, *route.gateways]}
    named = (each for rule in all_rules(route) for match in items(rule, "match") for each in texts(match, "gateways"))
    if name not in tuple(named):
        rules = [_scoped(each, [MESH]) for each in written_rules(route, kind)]
        body[kind] = [*rules, from_gateway(case, server, name)]
    return (MergePatch(route, {"spec": body}),)


def add_gateway_rule(case: Case) -> Changes:
    """The rule for the gateway after all others."""
    server, route = case.broken.server, case.broken.route
    if server is None or route is None:
        return ()
    rule = from_gateway(case, server, written_name(server.name, route))
    return (JsonPatch(route, ({"op": "add", "path": pointer(f"spec.{server.kind.routes}", "-"), "value": rule},)),)


def scope_to_mesh(case: Case) -> Changes:
    """The looping rule for sidecars only, with a rule for the gateway after it where there is none."""
    rule, route, server = case.broken.rule, case.broken.route, case.broken.server
    if rule is None or route is None or server is None:
        return ()
    rules = [deepcopy(dict(each)) for each in written_rules(route, rule.kind)]
    matches = items(rules[rule.index], "match") or ({"port": dialled(rule.kind)},)
    rules[rule.index]["match"] = [{**each, "gateways": [MESH]} for each in matches]
    if all(_goes_to(each, case.found.service) for each in rules):
        rules.append(from_gateway(case, server, written_name(server.name, route)))
    return (MergePatch(route, {"spec": {rule.kind: rules}}),)


def name_port(case: Case) -> Changes:
    """The port that the destination leaves out."""
    route, at, server = case.broken.route, case.broken.destination, case.broken.server
    if route is None or at is None:
        return ()
    port = (
        case.broken.port
        if server is None
        else from_gateway(case, server, "")["route"][0]["destination"]["port"]["number"]
    )
    return (replaced(route, f"{at.path}.port", {"number": port}),)


def match_port(case: Case) -> Changes:
    """The port that the rule for sidecars leaves out."""
    route, rule = case.broken.route, case.broken.rule
    if route is None or rule is None:
        return ()
    matches = items(written_rules(route, rule.kind)[rule.index], "match") or ({"gateways": [MESH]},)
    return (replaced(route, f"{rule.path}.match", [{**each, "port": dialled(rule.kind)} for each in matches]),)


def all_through(case: Case) -> Changes:
    """Only the gateway's Service among the destinations of the rule."""
    route, rule = case.broken.route, case.broken.rule
    if route is None or rule is None:
        return ()
    kept = [
        dict(each)
        for each in items(written_rules(route, rule.kind)[rule.index], "route")
        if _goes_to({"route": [each]}, case.found.service)
    ]
    return (replaced(route, f"{rule.path}.route", [{"destination": mapping(each, "destination")} for each in kept]),)
