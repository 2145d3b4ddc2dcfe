"""Corrections of Gateways: one that selects the pods, one that is there at all, a server where requests arrive."""

from dataclasses import replace

from checks.facts.changes import Apply, JsonPatch, MergePatch, ObjectWrite
from checks.facts.fact import KubernetesObject
from checks.facts.services import Service
from checks.facts.view import Facts
from checks.istio.route.breaks import Break, Fault
from checks.istio.route.carried import Configuration
from checks.istio.route.clients import Clients
from checks.istio.route.corrections import manifest, object_name, pointer, replaced
from checks.istio.route.destination_rules import effective
from checks.istio.route.needs import routes_about
from checks.istio.route.passage import passage
from checks.istio.route.registry import gateway_named, rules
from checks.istio.route.rules import MESH, gateway_refs
from checks.istio.route.sidecar_hop import Arrival
from checks.istio.route.virtual_services import hosts_of

Mended = tuple[str, tuple[ObjectWrite, ...]]


def label_of(found: Configuration) -> dict[str, str]:
    """The label that the add-on gives a gateway's pods to be selected by."""
    labels = dict(found.labels[0]) if found.labels else {}
    return {"istio": labels["istio"]} if "istio" in labels else labels


def selecting(found: Configuration, facts: Facts, thing: KubernetesObject | None) -> Mended:
    """The Gateway, selecting the gateway's pods."""
    gateway = gateway_named(facts, f"{thing.namespace}/{thing.name}") if thing is not None else None
    if gateway is None or not found.labels:
        return "", ()
    actual = found.labels[0]
    wrong: dict[str, str | None] = {k: None for k, v in gateway.selector.items() if actual.get(k) != v}
    change = MergePatch(gateway, {"spec": {"selector": {**wrong, **label_of(found)}}})
    return f"Patch {gateway.ref} to select the gateway's pods", (change,)


def opened(facts: Facts, found: Configuration, broken: Break) -> Mended | None:
    """A break at the server that a Gateway has to mend: there is none, or its server opens a port that the gateway's
    Service does not have. None where something else mends it."""
    if broken.fault not in (Fault.NO_SUCH_GATEWAY, Fault.NO_SERVER):
        return None
    arrival = next((each.arrival for each in passage(facts, broken.host).crossings), None)
    if arrival is None:
        return None
    if not found.all_servers and found.labels:
        return "Create the Gateway", (Apply(_gateway(facts, found, broken, arrival)),)
    server = broken.server
    service = next((s for s in facts.readable(Service, facts.gateway.namespace) if s.name == facts.gateway.name), None)
    if server is None or service is None or not server.serves(broken.host):
        return None
    offered = {each.port for each in service.ports}
    if server.port in offered or arrival.gateway_port not in offered:
        return None
    change = replaced(server.gateway, f"{server.path}.port.number", arrival.gateway_port)
    return f"Open port {arrival.gateway_port}, which the gateway's Service has", (change,)


def prepared(facts: Facts, found: Configuration, broken: Break) -> Mended:
    """What has to be there before a break can be mended: a server for the host. One of a Gateway that the VirtualServices
    name takes it, too; where there is no Gateway at all, one is created."""
    bound = {ref for route in routes_about(found, broken.host) for ref in gateway_refs(route)}
    near = next((s for s in found.all_servers if s.lost_to is None and s.name in bound), None)
    if near is not None and not near.serves(broken.host):
        operation = {"op": "add", "path": pointer(f"{near.path}.hosts", "-"), "value": broken.host}
        return f"Add {broken.host} to the Gateway's server", (JsonPatch(near.gateway, (operation,)),)
    if found.all_servers or not found.labels:
        return "", ()
    for route in routes_about(found, broken.host):
        for rule in rules(facts, route):
            for each in rule.destinations:
                if each.host == found.service:
                    client = broken.clients[0] if broken.clients else Clients(route.namespace, (route.namespace,))
                    port = each.port or (443 if rule.kind == "tls" else 80)
                    named = replace(broken, text=next((ref for ref in gateway_refs(route) if ref != MESH), ""))
                    arrival = Arrival(client, rule.kind, port, rule, each, port)
                    return "Create the Gateway", (Apply(_gateway(facts, found, named, arrival)),)
    return "", ()


def named_instead(found: Configuration, broken: Break) -> Break:
    """The break of a Gateway that does not exist, with the server that was meant: one that takes the host though it is left
    out, else one on the port."""
    servers = found.all_servers
    meant = next((s for s in servers if s.serves(broken.host)), None) or next(
        (s for s in servers if s.port == broken.port), None
    )
    return replace(broken, server=meant) if broken.server is None and meant is not None else broken


def _gateway(facts: Facts, found: Configuration, broken: Break, arrival: Arrival) -> dict[str, object]:
    """The Gateway that the VirtualService names, with the server that fits what sidecars send."""
    namespace, name = facts.gateway.namespace, f"{facts.gateway.name}-{object_name(broken.host)}"[:63]
    if "/" in broken.text:
        namespace, _, name = broken.text.partition("/")
    used = effective(facts, found.service, arrival.clients.namespace, facts.gateway.namespace, found.mesh)
    tls = used.tls(arrival.gateway_port, arrival.destination.subset) if used else None
    protocol, mode = "HTTP", ""
    if arrival.kind == "tls":
        protocol, mode = "TLS", "PASSTHROUGH"
    elif tls is not None and tls.encrypts:
        protocol, mode = "HTTPS", "ISTIO_MUTUAL"
    server: dict[str, object] = {
        "port": {
            "number": arrival.gateway_port,
            "name": f"{protocol.lower()}-{arrival.gateway_port}",
            "protocol": protocol,
        },
        "hosts": _hosts(found, broken, f"{namespace}/{name}"),
    }
    if mode:
        server["tls"] = {"mode": mode}
    return dict(manifest("Gateway", name, namespace, {"selector": label_of(found), "servers": [server]}))


def _hosts(found: Configuration, broken: Break, name: str) -> list[str]:
    """The host, and those of all VirtualServices that name the Gateway."""
    named = (each for route in found.routes if name in gateway_refs(route) for each in hosts_of(route))
    return list(dict.fromkeys((broken.host, *named)))
