"""All objects of the Gateway API that route a host through a gateway."""

from collections.abc import Iterator

from checks.facts.changes import ObjectChange
from checks.facts.istio_networking import Gateway, ServiceEntry
from checks.istio.fixes import gateway_api as api
from checks.istio.fixes.entries import entry_for
from checks.istio.fixes.fields import appended
from checks.istio.fixes.listener_owners import owned_listeners
from checks.istio.fixes.rules import UnroutedRequest, gateway_servers, kind_of_scheme
from checks.istio.fixes.service_ports import ports_for
from checks.model.raw_values import number, text


def is_configured_by_gateway_api(broken: UnroutedRequest) -> bool:
    """Whether only Gateways of the Gateway API configure the gateway.

    They have its Service as their address.
    """
    istio = any(type(each.gateway) is Gateway for each in gateway_servers(broken))
    return bool(api.egress_gateways(broken)) and not istio


def whole_gateway_api_routes(broken: UnroutedRequest) -> Iterator[tuple[ObjectChange, ...]]:
    """The changes that route the host: its ServiceEntry, a listener, and a route at each hop.

    They use a listener of a Gateway or ListenerSet that has the host, or a new one. Plain TCP connections share none.
    """
    declared, shared = api.entry_of(broken), kind_of_scheme(broken.request.scheme) != "tcp"
    created = entry_for(broken)
    entry, first = declared or ServiceEntry(created.manifest), () if declared is not None else (created,)
    for owner, listener in owned_listeners(broken) if shared else ():
        outside = api.route_of_gateway(broken, owner, "", entry)
        if outside is not None:
            yield (*first, api.mesh_route(broken, entry, number(listener, "port") or 0), outside)
    for gateway in api.egress_gateways(broken):
        for port in ports_for(broken):
            wanted = api.new_listener(broken.request.scheme, broken.request.host, port)
            outside = api.route_of_gateway(broken, gateway, "" if shared else text(wanted, "name"), entry)
            if outside is not None:
                added = appended(gateway, "spec.listeners", wanted)
                yield (*first, added, api.mesh_route(broken, entry, port), outside)
