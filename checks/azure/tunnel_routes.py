"""User-defined routes between the nodes and the gateway nodes, in both directions.

Tunnels run from every node to the gateway nodes and back. Azure's own route for the virtual network applies unless a
user-defined route is as specific or more specific; a default route never is. The address range of the virtual network is
not read, so that a route that is less specific than the destination's subnet is only possibly the one that applies.

Source: docs/rulings.md#ruling-40; Azure documentation, "Virtual network traffic routing".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

from checks.azure.network import NotRead, route_table_of
from checks.azure.security_rules import networks_of
from checks.azure.user_routes import UserRoute, user_routes
from checks.facts.network_resources import RouteTable, Subnet
from checks.facts.view import Facts
from checks.model.commands import FW, change, quoted
from checks.model.findings import Action, Evidence, Observation, Severity, fail, warn


@dataclass(frozen=True, slots=True)
class TunnelRoute:
    """A route that drops or redirects packets from one subnet to another."""

    route: UserRoute
    source: Subnet
    destination: Subnet
    tunnels: str
    """The packets in a sentence: `Tunnel packets from subnet nodes to the gateway nodes`."""
    certain: bool
    """Whether no range of the virtual network can be more specific."""
    part: bool
    """Whether it is for a part of the destination's subnet."""

    def observation(self) -> Observation:
        """The finding: dropped packets fail if it is certain, otherwise it warns."""
        route, table = self.route, self.route.table
        evidence = [
            Evidence(self.source.ref, "routeTable.id", self.source.route_table_id),
            Evidence(table.ref, f"routes[{route.name}]", f"{route.prefix} to {route.hop}", "no such route"),
        ]
        by = f"route {route.name} of {table.ref} sends {route.prefix} to {route.hop}"
        if route.drops and self.certain and not self.part:
            summary = f"{self.tunnels} are dropped: {by} ({self.source.ref})."
            return fail(summary, subject=table.ref, evidence=evidence, actions=[route.show(), route.removal(_EXPECT)])
        condition = "" if self.certain else ", unless a range of the virtual network is more specific"
        effect = (
            f"are dropped{' in part' if self.part else ''}"
            if route.drops
            else f"go through {route.through}, those in the other direction do not"
        )
        actions = [route.show(), self._direct_route()]
        summary = f"{self.tunnels} {effect}{condition} ({by})."
        return warn(summary, subject=table.ref, evidence=evidence, actions=actions, severity=Severity.DEGRADES)

    def _direct_route(self) -> Action:
        table, prefix = self.route.table, self.destination.prefixes[0]
        where = ("--subscription", table.subscription) if table.subscription else ()
        words = ("--resource-group", table.resource_group, "--route-table-name", table.name, *where)
        return change(
            f"Add a direct route for {prefix} to {table.ref}, or send both directions through the same appliance",
            quoted(
                *(
                    "az",
                    "network",
                    "route-table",
                    "route",
                    "create",
                    *words,
                    "--name",
                    f"{self.destination.name}-direct",
                ),
                *("--address-prefix", prefix, "--next-hop-type", "VnetLocal"),
            ),
            FW,
            _EXPECT,
        )


_EXPECT = "tunnels are set up within a minute; diagnose again"


def tunnel_routes(
    facts: Facts, nodes: Sequence[Subnet], gateway: Subnet
) -> tuple[tuple[TunnelRoute, ...], tuple[NotRead, ...]]:
    """The routes that break or redirect tunnels, and the route tables that were not read.

    An appliance that is used in both directions is no fault.
    """
    found: list[TunnelRoute] = []
    not_read: list[NotRead] = []
    back_table = route_table_of(facts, gateway)
    if isinstance(back_table, NotRead):
        not_read.append(back_table)
    for subnet in nodes:
        table = route_table_of(facts, subnet)
        if isinstance(table, NotRead):
            not_read.append(table)
        there = list(_routes(table, subnet, gateway, f"Tunnel packets from {subnet.ref} to the gateway nodes"))
        back = list(_routes(back_table, gateway, subnet, f"Tunnel packets from the gateway nodes to {subnet.ref}"))
        same = {each.route.address for each in there} & {each.route.address for each in back}
        found += [each for each in (*there, *back) if each.route.drops or each.route.address not in same]
    return tuple(dict.fromkeys(found)), tuple(not_read)


def _routes(
    table: RouteTable | NotRead | None, source: Subnet, destination: Subnet, tunnels: str
) -> Iterator[TunnelRoute]:
    if not isinstance(table, RouteTable):
        return
    for network in networks_of(destination.prefixes):
        for route in _deciding(table, network):
            if route.changes_path and not route.is_default:
                length = networks_of([route.prefix])[0].prefixlen
                certain, part = length >= network.prefixlen, length > network.prefixlen
                yield TunnelRoute(route, source, destination, tunnels, certain, part)


def _deciding(table: RouteTable, network: IPv4Network) -> Iterator[UserRoute]:
    """The most specific route for the whole network, and all routes for parts of it."""
    routes = [(each, networks_of([each.prefix])[0]) for each in user_routes(table)]
    yield from (each for each, range_ in routes if range_ != network and range_.subnet_of(network))
    covering = [(each, range_) for each, range_ in routes if network.subnet_of(range_)]
    if covering:
        yield max(covering, key=lambda pair: pair[1].prefixlen)[0]
