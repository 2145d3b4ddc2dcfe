"""Routes of which it is not known whether, or how, they change the path to a destination."""

from collections.abc import Sequence

from checks.azure.flow_ends import Match, is_tag
from checks.azure.outbound_destinations import OutboundDestination, names_of
from checks.azure.service_tag_actions import show_tags
from checks.azure.user_routes import UserRoute, route_to, tag_routes, tag_share, user_routes
from checks.facts.network_resources import RouteTable, Subnet
from checks.model.findings import Evidence, Observation, unknown, warn


def possible_routes(table: RouteTable, destination: OutboundDestination) -> list[UserRoute]:
    """The routes for service tags that may contain the address, and change the path.

    Source: docs/rulings.md#ruling-39.
    """
    decided = route_to(table, destination)
    same = (decided.hop_type.lower(), decided.address) if decided is not None else None
    return [
        each
        for each in (tag_routes(table) if destination.host and destination.is_public else ())
        if each.changes_path and each != decided and (each.hop_type.lower(), each.address) != same
        if tag_share(each, destination) is Match.PART
    ]


def possibly_redirected(
    route: UserRoute, subnet: Subnet, egress_prefix: str, seen: Evidence, destinations: Sequence[OutboundDestination]
) -> Observation:
    """The finding about a route for a service tag that may contain the addresses.

    `seen` is more evidence.
    """
    table, names = route.table, names_of(destinations)
    one = len({each.host for each in destinations}) == 1
    condition = f"if {'its address is' if one else 'their addresses are'} in {route.prefix}"
    effect = (
        f"Traffic of the gateway nodes to {names} is dropped {condition}"
        if route.drops
        else f"{names} {'sees' if one else 'see'} the address of {route.through} instead of {egress_prefix} {condition}"
    )
    return warn(
        f"{effect}: route {route.name} of {table.ref} sends it from {subnet.ref} to {route.hop}.",
        subject=table.ref,
        evidence=[seen, Evidence(subnet.ref, "routeTable.id", subnet.route_table_id), route.evidence],
        actions=[route.show(), *show_tags(table, [route.prefix], names), route.correction(egress_prefix)],
    )


def unclear_routes(table: RouteTable, destinations: Sequence[OutboundDestination]) -> list[UserRoute]:
    """The routes for a destination with a next hop type that Azure does not document."""
    return [
        each
        for each in (*user_routes(table), *tag_routes(table))
        if each.has_unknown_hop
        if is_tag(each.prefix)
        or any((each.is_default if d.address is None else d.address in each.network) for d in destinations)
    ]


def unclear(route: UserRoute, subnet: Subnet) -> Observation:
    """The observation about a route whose effect is not known."""
    table, hop = route.table, route.hop_type or "(empty)"
    return unknown(
        f"Traffic of the gateway nodes to {route.prefix} is not checked: route {route.name} of {table.ref} has next hop type "
        f"{hop}, which egress-diag does not know.",
        subject=table.ref,
        evidence=[Evidence(subnet.ref, "routeTable.id", subnet.route_table_id), route.evidence],
        actions=[route.show()],
    )
