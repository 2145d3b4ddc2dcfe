"""Effects of the gateway subnet's route table and the outbound type on a gateway's traffic."""

from collections.abc import Callable, Iterator, Sequence

from checks.azure.allow_lists import allow_prefix, allowed_prefix
from checks.azure.network import NotRead
from checks.azure.outbound_destinations import OutboundDestination
from checks.azure.possible_routes import possible_routes, possibly_redirected, unclear, unclear_routes
from checks.azure.subnet_service_endpoints import service_endpoint_of
from checks.azure.user_routes import (
    UserRoute,
    default_route,
    redirected,
    route_to,
    sends_to_the_internet,
    tag_routes,
    user_routes,
)
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.network_resources import RouteTable, Subnet
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.network_requirements import OUTBOUND_TYPES, USER_ROUTES
from checks.model.commands import OUTBOUND, az_aks, inspect
from checks.model.findings import Evidence, Observation, warn


def redirections(
    facts: Facts,
    configuration: StaticGatewayConfiguration,
    subnet: Subnet | NotRead,
    table: RouteTable | NotRead | None,
    destinations: Callable[[], Sequence[OutboundDestination]],
    observed: Callable[[OutboundDestination], Sequence[OutboundDestination]],
) -> Iterator[Observation]:
    """The routes, otherwise the outbound type, that drop or redirect traffic.

    `destinations` is called only if the table has routes, `observed` only if it has routes for public addresses: it returns
    a destination with the addresses that the access log shows.
    """
    if isinstance(table, RouteTable) and isinstance(subnet, Subnet):
        used = destinations() if user_routes(table) or tag_routes(table) else ()
        by_address = any(not each.is_default and each.is_public for each in user_routes(table))
        known = [other for each in used for other in _with_addresses(each, observed if by_address else None)]
        found = list(_by_route(configuration, subnet, table, known))
        yield from found
        if found or sends_to_the_internet(table):
            return
    if configuration.provisions_public_ips:
        yield from _by_outbound_type(facts, configuration, subnet, table)


def _with_addresses(
    destination: OutboundDestination,
    observed: Callable[[OutboundDestination], Sequence[OutboundDestination]] | None,
) -> Sequence[OutboundDestination]:
    if observed is None or not destination.host or destination.address is not None:
        return (destination,)
    return observed(destination) or (destination,)


def _by_route(
    configuration: StaticGatewayConfiguration,
    subnet: Subnet,
    table: RouteTable,
    destinations: Sequence[OutboundDestination],
) -> Iterator[Observation]:
    decided: dict[UserRoute, list[OutboundDestination]] = {}
    possible: dict[UserRoute, list[OutboundDestination]] = {}
    for each in destinations:
        if (route := route_to(table, each)) is not None:
            decided.setdefault(route, []).append(each)
        for route in possible_routes(table, each):
            possible.setdefault(route, []).append(each)
    prefix, seen = configuration.egress_prefix, allowed_prefix(configuration)
    for finding, routes in ((redirected, decided), (possibly_redirected, possible)):
        for route, some in routes.items():
            # Private-IP mode creates no outbound route: such gateways need a route through an appliance.
            if route.drops or configuration.provisions_public_ips:
                yield finding(route, subnet, prefix, seen, some)
    for route in unclear_routes(table, destinations):
        yield unclear(route, subnet)


def _by_outbound_type(
    facts: Facts,
    configuration: StaticGatewayConfiguration,
    subnet: Subnet | NotRead,
    table: RouteTable | NotRead | None,
) -> Iterator[Observation]:
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    effect = OUTBOUND_TYPES.get(cluster.outbound_type.lower()) if cluster else None
    if cluster is None or not effect or follows_azure_routes(cluster, table):
        return
    kind = cluster.outbound_type
    show = az_aks(facts.cluster, "show", "--query", "networkProfile.outboundType")
    yield warn(
        f"Traffic from {configuration.egress_prefix} {effect} (outbound type {kind} of {cluster.ref}).",
        subject=cluster.ref,
        evidence=[
            allowed_prefix(configuration),
            Evidence(cluster.ref, "networkProfile.outboundType", kind, "loadBalancer"),
        ],
        actions=[
            inspect("Show the outbound type", show),
            *allow_prefix(facts, configuration, subnet, OUTBOUND),
        ],
    )


def follows_azure_routes(cluster: ManagedCluster, table: RouteTable | NotRead | None) -> bool:
    """Whether outbound type userDefinedRouting has no effect.

    It has none if the route table of the subnet was read and has no default route elsewhere.
    """
    routed = cluster.outbound_type.lower() == USER_ROUTES
    return routed and isinstance(table, RouteTable) and default_route(table) is None


def may_override_nat(subnet: Subnet, table: RouteTable | NotRead | None) -> bool:
    """Whether routes or service endpoints override a NAT gateway for some destinations.

    Source: Azure documentation, "What is Azure NAT Gateway?".
    """
    routes = [*user_routes(table), *tag_routes(table)] if isinstance(table, RouteTable) else []
    return bool(subnet.service_endpoints) or any(each.changes_path for each in routes)


def translated(
    subnet: Subnet, table: RouteTable | NotRead | None, destinations: Sequence[OutboundDestination]
) -> list[OutboundDestination]:
    """The public destinations that no route and no service endpoint redirects."""
    return [
        each
        for each in destinations
        if each.is_public and service_endpoint_of(subnet, each) is None
        if not isinstance(table, RouteTable) or route_to(table, each) is None
    ]
