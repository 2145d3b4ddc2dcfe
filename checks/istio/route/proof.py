"""The field that shows a break, as one `kubectl get` could confirm it."""

from collections.abc import Callable

from checks.istio.route.breaks import Break, Fault
from checks.istio.route.carried import Configuration
from checks.istio.route.corrections import written
from checks.istio.route.rules import KINDS
from checks.model.findings import Evidence

NOWHERE = "virtualservices.networking.istio.io"
"""Stands for the object that should be there."""


def proof(found: Configuration, broken: Break) -> Evidence:
    """The evidence of a break."""
    return _PROOFS.get(broken.fault, _destination)(found, broken)


def _resource(broken: Break) -> str:
    return broken.route.ref if broken.route else NOWHERE


def _no_route(_: Configuration, broken: Break) -> Evidence:
    return Evidence(NOWHERE, "spec.hosts", "(none)", broken.host)


def _server(found: Configuration, broken: Break) -> Evidence:
    if broken.server is None:
        return _no_route(found, broken)
    lost = f" (ignored: {broken.server.reason})" if broken.server.lost_to else ""
    observed = f"port {broken.server.port}: {', '.join(broken.server.server.hosts)}{lost}"
    expected = (
        broken.host if broken.server.port == broken.port or not broken.port else f"port {broken.port}: {broken.host}"
    )
    return Evidence(broken.server.gateway.ref, f"{broken.server.path}.hosts", observed, expected)


def _export(_: Configuration, broken: Break) -> Evidence:
    given = written(broken.route.export_to) if broken.route else ""
    return Evidence(_resource(broken), "spec.exportTo", given, "the namespaces that need it")


def _discovery(found: Configuration, broken: Break) -> Evidence:
    settings = next(iter(found.mesh.written), "MeshConfig")
    where = broken.route.namespace if broken.route else ""
    return Evidence(settings, "data.mesh", "discoverySelectors", f"a selector that matches {where}")


def _gateways(_: Configuration, broken: Break) -> Evidence:
    wanted = broken.server.name if broken.server else "a Gateway that exists"
    wanted = "mesh" if broken.fault is Fault.NOT_MESH else wanted
    given = ", ".join(broken.route.gateways) if broken.route else ""
    return Evidence(_resource(broken), "spec.gateways", given, wanted)


def _entry_port(_: Configuration, broken: Break) -> Evidence:
    entry, _sep, detail = broken.text.partition(" | ")
    if broken.fault is Fault.NO_DESTINATION_PORT:
        return Evidence(entry, "spec.ports", detail, str(broken.port))
    wanted = "TLS or HTTPS" if broken.rule is not None and broken.rule.kind == "tls" else "HTTP"
    return Evidence(entry, "spec.ports", f"{broken.port} {detail or '(none)'}", f"{broken.port} {wanted}")


def _port(_: Configuration, broken: Break) -> Evidence:
    at = broken.destination
    given = str(at.port) if at and at.port else "(not set)"
    return Evidence(
        _resource(broken), f"{at.path if at else 'spec'}.port.number", given, broken.text or str(broken.port)
    )


def _subset(_: Configuration, broken: Break) -> Evidence:
    at = broken.destination
    wanted = f"defined by {broken.text or 'a DestinationRule'}"
    return Evidence(_resource(broken), f"{at.path if at else 'spec'}.subset", at.subset if at else "", wanted)


def _kind(_: Configuration, broken: Break) -> Evidence:
    kinds = ", ".join(kind for kind in KINDS if broken.route is not None and getattr(broken.route, kind))
    server = broken.server
    wanted = f"{server.kind.routes} rules for {server.path} of {server.gateway.ref}" if server else ""
    return Evidence(_resource(broken), "spec", f"{kinds} rules", wanted)


def _ages(_: Configuration, broken: Break) -> Evidence:
    both = (broken.route, *broken.others)
    ages = "; ".join(f"{each.ref} {each.created:%Y-%m-%d %H:%M}" for each in both if each and each.created)
    return Evidence(broken.others[0].ref, "metadata.creationTimestamp", ages, "one VirtualService for the host")


def _match(_: Configuration, broken: Break) -> Evidence:
    if broken.rule is not None:
        return Evidence(_resource(broken), f"{broken.rule.path}.match", "no port", "a port")
    where = broken.server.name if broken.server else "mesh"
    kind = broken.server.kind.routes if broken.server else "http"
    return Evidence(_resource(broken), f"spec.{kind}[].match", "no match", f"gateways: {where}")


def _destination(found: Configuration, broken: Break) -> Evidence:
    at = broken.destination
    at_gateway = broken.server is not None
    wanted = broken.host if at_gateway else found.service
    if broken.fault is Fault.UNKNOWN_DESTINATION:
        wanted = "a host that a ServiceEntry declares"
    return Evidence(_resource(broken), f"{at.path if at else 'spec'}.host", at.written if at else "", wanted)


_PROOFS: dict[Fault, Callable[[Configuration, Break], Evidence]] = {
    Fault.NO_ROUTE: _no_route,
    Fault.NO_SERVER: _server,
    Fault.NO_OVERLAP: _server,
    Fault.UNUSED_SERVER: _server,
    Fault.NOT_SEEN_BY_CLIENTS: _export,
    Fault.NOT_SEEN_BY_GATEWAY: _export,
    Fault.NOT_DISCOVERED: _discovery,
    Fault.NOT_MESH: _gateways,
    Fault.NOT_BOUND: _gateways,
    Fault.NO_SUCH_GATEWAY: _gateways,
    Fault.WRONG_PROTOCOL: _entry_port,
    Fault.NO_DESTINATION_PORT: _entry_port,
    Fault.WRONG_PORT: _port,
    Fault.PORT_OMITTED: _port,
    Fault.NO_SUBSET: _subset,
    Fault.WRONG_KIND: _kind,
    Fault.DUPLICATE: _ages,
    Fault.ANY_PORT: _match,
    Fault.NO_MESH_RULE: _match,
    Fault.NO_GATEWAY_RULE: _match,
}
