"""The smallest change that puts a broken route right: of the object that is there, or a whole one where there is none."""

from collections.abc import Callable

from checks.facts.changes import Apply, JsonPatch, MergePatch, ObjectWrite
from checks.facts.view import Facts
from checks.istio.route import route_repairs
from checks.istio.route.breaks import Break, Fault
from checks.istio.route.canonical import Case, Raw
from checks.istio.route.carried import Configuration
from checks.istio.route.corrections import manifest, object_name, pointer, replaced
from checks.istio.route.destination_rules import effective
from checks.istio.route.service_entries import entries_for

Mend = Callable[[Case], tuple[ObjectWrite, ...]]


def repair(facts: Facts, found: Configuration, broken: Break) -> tuple[ObjectWrite, ...]:
    """What mends this break; empty where only a person can know."""
    mend = _MENDS.get(broken.fault)
    return mend(Case(facts, found, broken)) if mend else ()


def _define_subset(case: Case) -> tuple[ObjectWrite, ...]:
    """The subset, with the TLS that the server it leads to expects."""
    at, namespace = case.broken.destination, case.facts.gateway.namespace
    if at is None:
        return ()
    subset: Raw = {"name": at.subset}
    server = case.server
    if server is not None and server.server.tls_mode == "ISTIO_MUTUAL":
        tls = {"mode": "ISTIO_MUTUAL", "sni": case.broken.host}
        subset["trafficPolicy"] = {"portLevelSettings": [{"port": {"number": server.port}, "tls": tls}]}
    client = case.broken.clients[0].namespace if case.broken.clients else namespace
    used = effective(case.facts, case.found.service, client, namespace, case.found.mesh)
    if used is not None:
        rule = used.rules[0]
        return (MergePatch(rule, {"spec": {"subsets": [*(dict(each) for each in rule.subsets), subset]}}),)
    spec = {"host": case.found.service, "subsets": [subset]}
    return (Apply(manifest("DestinationRule", f"egressgateway-for-{object_name(at.subset)}", namespace, spec)),)


def _list_host(case: Case) -> tuple[ObjectWrite, ...]:
    server = case.broken.server
    if server is None:
        return ()
    operation = {"op": "add", "path": pointer(f"{server.path}.hosts", "-"), "value": case.broken.host}
    return (JsonPatch(server.gateway, (operation,)),)


def _open_port(case: Case) -> tuple[ObjectWrite, ...]:
    """The host where it arrives: the rule sends it to the port of a server that asks such rules, or a server on that port
    takes it, too."""
    server, broken = case.broken.server, case.broken
    if server is None or server.lost_to is not None:
        return ()
    meant = broken.destination is not None and broken.destination.path.startswith(f"spec.{server.kind.routes}[")
    if meant and server.serves(broken.host) and broken.route is not None and broken.destination is not None:
        return (replaced(broken.route, f"{broken.destination.path}.port", {"number": server.port}),)
    if server.port == broken.port:
        return _list_host(case)
    tls: Raw = {"tls": {"mode": "PASSTHROUGH"}} if broken.port == 443 else {}
    name, protocol = ("tls", "TLS") if tls else ("http", "HTTP")
    port = {"number": broken.port, "name": f"{name}-{object_name(broken.host)}"[:63], "protocol": protocol}
    value = {"port": port, "hosts": [broken.host], **tls}
    return (JsonPatch(server.gateway, ({"op": "add", "path": pointer("spec.servers", "-"), "value": value},)),)


def _protocol(case: Case, port: int) -> str:
    if case.broken.rule is not None and case.broken.rule.kind == "tls":
        return "TLS"
    return "HTTPS" if port == 443 else "HTTP"


def _port(case: Case, number: int) -> Raw:
    protocol = _protocol(case, number)
    return {"name": f"{protocol.lower()}-{number}", "number": number, "protocol": protocol}


def _declare(case: Case) -> tuple[ObjectWrite, ...]:
    """The destination in a ServiceEntry; or the host itself as the destination, where that one is declared."""
    at, host = case.broken.destination, case.broken.host
    if at is None or case.broken.route is None:
        return ()
    if at.host != host and any(each.host == host for each in entries_for(case.facts, host)):
        return (replaced(case.broken.route, f"{at.path}.host", host),)
    ports = [_port(case, at.port or 80)]
    spec = {"hosts": [at.host], "location": "MESH_EXTERNAL", "ports": ports, "resolution": "DNS"}
    return (Apply(manifest("ServiceEntry", object_name(at.host), case.facts.gateway.namespace, spec)),)


def _declare_port(case: Case) -> tuple[ObjectWrite, ...]:
    at = case.broken.destination
    entries = [e for e in entries_for(case.facts, at.host) if e.host == at.host] if at else []
    if not entries:
        return ()
    operation = {"op": "add", "path": "/spec/ports/-", "value": _port(case, case.broken.port)}
    return (JsonPatch(entries[0].entry, (operation,)),)


def _right_protocol(case: Case) -> tuple[ObjectWrite, ...]:
    named = case.broken.text.partition(" | ")[0]
    entry = next((e.entry for e in entries_for(case.facts, case.broken.host) if e.ref == named), None)
    if entry is None:
        return ()
    for index, port in enumerate(entry.ports):
        if port.number == case.broken.port:
            return (replaced(entry, f"spec.ports[{index}].protocol", _protocol(case, case.broken.port)),)
    return (JsonPatch(entry, ({"op": "add", "path": "/spec/ports/-", "value": _port(case, case.broken.port)},)),)


_MENDS: dict[Fault, Mend] = {
    Fault.NO_ROUTE: route_repairs.whole_route,
    Fault.NOT_MESH: route_repairs.for_sidecars,
    Fault.NOT_SEEN_BY_CLIENTS: route_repairs.exported,
    Fault.NO_MESH_RULE: route_repairs.add_mesh_rule,
    Fault.ELSEWHERE: route_repairs.add_mesh_rule,
    Fault.WRONG_NAME: route_repairs.right_name,
    Fault.WRONG_PORT: route_repairs.right_port,
    Fault.NO_SUBSET: _define_subset,
    Fault.WRONG_PROTOCOL: _right_protocol,
    Fault.NO_SERVER: _open_port,
    Fault.WRONG_KIND: route_repairs.right_kind,
    Fault.NO_SUCH_GATEWAY: route_repairs.right_gateway,
    Fault.NOT_BOUND: route_repairs.bind,
    Fault.NO_OVERLAP: _list_host,
    Fault.NOT_SEEN_BY_GATEWAY: route_repairs.exported,
    Fault.NO_GATEWAY_RULE: route_repairs.add_gateway_rule,
    Fault.LOOP: route_repairs.scope_to_mesh,
    Fault.UNKNOWN_DESTINATION: _declare,
    Fault.NO_DESTINATION_PORT: _declare_port,
    Fault.PORT_OMITTED: route_repairs.name_port,
    Fault.ANY_PORT: route_repairs.match_port,
    Fault.PARTLY_ELSEWHERE: route_repairs.all_through,
}
