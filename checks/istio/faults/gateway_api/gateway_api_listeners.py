"""Missing listeners of Gateway API Gateways, and routes that are not attached to them."""

from collections.abc import Iterator

from checks.facts.fact import KubernetesObject
from checks.facts.gateway_api import KubernetesGateway, ListenerSet
from checks.facts.namespaces import Secret
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.fault import RouteFault
from checks.istio.faults.gateway.gateway_hop import GatewayHop, gateway_hop, rule_field
from checks.istio.faults.gateway.gateway_server import AT_SERVER
from checks.istio.faults.gateway_api.gateway_api_faults import (
    AddressElsewhere,
    ListenerPort,
    NoCertificate,
    NoGatewayRoute,
    NoListener,
    NotAttached,
    SetNotAllowed,
)
from checks.istio.faults.gateway_api.gateway_api_matches import unmatched_at_gateway
from checks.istio.fixes import gateway_api as api
from checks.istio.fixes.fields import appended, set_field
from checks.istio.fixes.listener_owners import gateway_of_set, listener_owners, owned_listeners
from checks.model.findings import Evidence
from checks.model.raw_values import Raw, items, number, text


def at_gateway_api_listener(broken: BrokenRequest) -> Iterator[RouteFault]:
    """Gateways without the right address or listener, and routes that are not attached."""
    host, egress = broken.request.host, broken.facts.gateway
    gateways = api.egress_gateways(broken)
    for gateway in () if gateways else api.gateways_with_host(broken):
        wanted = [{"type": "Hostname", "value": broken.service}]
        written = ", ".join(value for _, value in gateway.addresses) or "(none)"
        yield AddressElsewhere(
            f"{gateway.ref} of the Gateway API has a listener for {host}, but not {broken.service} as its address",
            (Evidence(gateway.ref, "spec.addresses", written, broken.service),),
            f"Set the address of {gateway.ref} to the Service of {egress.ref}",
            set_field(gateway, "spec.addresses", wanted),
            (gateway,),
        )
    found, hop = list(owned_listeners(broken)), gateway_hop(broken)
    meant = [each for each in found if text(each[1], "hostname") or hop is None or _has_port(each[1], hop)]
    for owner in () if meant else listener_owners(broken):
        yield from _listeners(broken, owner)
    for owner, listener in meant or found:
        yield from _not_allowed(owner, gateways)
        yield from _settings(broken, owner, listener)
        yield from _routes(broken, owner, listener)


def _has_port(listener: Raw, hop: GatewayHop) -> bool:
    """Whether sidecars send the request to the port of a listener."""
    return number(listener, "port") == hop.name.port


def _not_allowed(owner: KubernetesObject, gateways: tuple[KubernetesGateway, ...]) -> Iterator[RouteFault]:
    """A ListenerSet that its Gateway does not allow."""
    gateway = gateway_of_set(owner, gateways) if isinstance(owner, ListenerSet) else None
    if gateway is None:
        return
    field, allowed = "spec.allowedListeners", text(gateway.raw, "spec", "allowedListeners", "namespaces", "from")
    same = owner.namespace == gateway.namespace
    own = {"matchLabels": {"kubernetes.io/metadata.name": owner.namespace}}
    wanted = {"namespaces": {"from": "Same"} if same else {"from": "Selector", "selector": own}}
    yield SetNotAllowed(
        f"{gateway.ref} does not allow listeners of {owner.ref}",
        (Evidence(gateway.ref, f"{field}.namespaces.from", allowed or "None", "Same" if same else "Selector"),),
        f"Allow ListenerSets of namespace {owner.namespace}",
        set_field(gateway, field, wanted),
        (gateway, owner),
    )


def _settings(broken: BrokenRequest, gateway: KubernetesObject, listener: Raw) -> Iterator[RouteFault]:
    """The port of the listener for the host, and its certificate."""
    host, hop = broken.request.host, gateway_hop(broken)
    place = f"spec.listeners[{next(at for at, each in enumerate(api.listeners(gateway)) if each is listener)}]"
    port = number(listener, "port")
    if hop is not None and port != hop.name.port:
        yield ListenerPort(
            f"{place} of {gateway.ref} for {host} has port {port}, but {rule_field(hop.step)} routes to port {hop.name.port}",
            (Evidence(gateway.ref, f"{place}.port", str(port), str(hop.name.port)),),
            f"Set port {hop.name.port} on the listener",
            set_field(gateway, f"{place}.port", hop.name.port),
            (gateway,),
        )
    if text(listener, "protocol") == "TLS" and text(listener, "tls", "mode") != "Passthrough":
        references = items(listener, "tls", "certificateRefs")
        names = [f"{text(each, 'namespace') or gateway.namespace}/{text(each, 'name')}" for each in references]
        missing = [each for each in names if broken.facts.get(Secret, *reversed(each.split("/"))) is None]
        if broken.end.ending not in AT_SERVER or (names and not missing):
            return
        written = ", ".join(names) or "(none)"
        yield NoCertificate(
            f"{place} of {gateway.ref} terminates TLS for {host}, but "
            + (f"Secret {missing[0]} does not exist" if names else "names no certificate"),
            (
                Evidence(
                    gateway.ref, f"{place}.tls.certificateRefs", written, "a Secret with a certificate and its key"
                ),
            ),
            "Set mode Passthrough on the listener",
            set_field(gateway, f"{place}.tls", {"mode": "Passthrough"}),
            (gateway,),
        )


def _listeners(broken: BrokenRequest, gateway: KubernetesObject) -> Iterator[RouteFault]:
    host = broken.request.host
    for index, each in enumerate(api.listeners(gateway)):
        if api.takes_kind(each, broken):
            name = f"{text(each, 'name')}-{len(api.listeners(gateway))}"
            yield NoListener(
                f"No listener of {gateway.ref} of the Gateway API has the hostname {host}",
                (Evidence(gateway.ref, f"spec.listeners[{index}].hostname", api.written_hostnames(each), host),),
                f"Add a listener for {host}",
                appended(gateway, "spec.listeners", {**each, "name": name, "hostname": host}),
                (gateway,),
            )
            return


def _routes(broken: BrokenRequest, gateway: KubernetesObject, listener: Raw) -> Iterator[RouteFault]:
    """Routes of the host that are not attached to the Gateway, and their absence."""
    host = broken.request.host
    index = next(at for at, each in enumerate(api.listeners(gateway)) if each is listener)
    for route in api.routes_for(broken):
        if api.is_in_mesh(route):
            continue
        attached = api.attached_to(route, gateway)
        if route.hostnames and api.is_route_for(route, host) and not attached:
            parent = api.parent_of(gateway, route.namespace)
            yield NotAttached(
                f"{route.ref} for {host} does not name {gateway.ref} as its parent",
                (
                    Evidence(
                        route.ref, "spec.parentRefs", api.written_parents(route), f"{gateway.namespace}/{gateway.name}"
                    ),
                ),
                f"Attach {route.ref} to {gateway.ref}",
                set_field(route, "spec.parentRefs", [parent]),
                (route, gateway),
            )
        elif attached and not api.is_route_for(route, host) and api.leads_outside(route, host):
            yield NotAttached(
                f"{route.ref} sends requests to {host}, but does not have it in its hostnames",
                (Evidence(route.ref, "spec.hostnames", ", ".join(route.hostnames), host),),
                f"Add {host} to the hostnames of {route.ref}",
                appended(route, "spec.hostnames", host),
                (route,),
            )
        elif attached and api.is_route_for(route, host):
            yield from unmatched_at_gateway(broken, route, gateway, listener)
        if attached and route.namespace != gateway.namespace:
            path = f"spec.listeners[{index}]"
            allowed = text(listener, "allowedRoutes", "namespaces", "from") or "Same"
            yield NotAttached(
                f"{path} of {gateway.ref} does not allow routes of namespace {route.namespace}, such as {route.ref}",
                (
                    Evidence(
                        gateway.ref,
                        f"{path}.allowedRoutes.namespaces.from",
                        allowed,
                        f"a selector of {route.namespace}",
                    ),
                ),
                f"Allow routes of namespace {route.namespace}",
                set_field(gateway, f"{path}.allowedRoutes", api.allowing(listener, route.namespace)["allowedRoutes"]),
                (gateway, route),
            )
    entry = api.entry_of(broken)
    added = api.route_of_gateway(broken, gateway, "", entry) if entry is not None else None
    if added is not None:
        yield NoGatewayRoute(
            f"No route that is attached to {gateway.ref} of the Gateway API has the host {host}",
            (Evidence(gateway.ref, "attached routes", "(none)", f"a route for {host}"),),
            f"Create a route from {gateway.ref} to {host}",
            added,
            (gateway,),
        )
