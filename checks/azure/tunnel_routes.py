"""User-defined routes between the nodes and the gateway nodes, in both directions.

Tunnels run from every node to the load balancer of the gateway nodes and back. Azure's own route for the virtual network
applies unless a user-defined route is as specific or more specific; a default route never is. The address range of the
virtual network is not read, so that a route that is less specific than the destination's subnet is only possibly the one
that applies. Which route applies is decided for the addresses in use; only if they are not known, for the whole subnet.

Source: docs/rulings.md#ruling-40; Azure documentation, "Virtual network traffic routing".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network

from checks.azure.flow_ends import networks_of
from checks.azure.network import NotRead, route_table_of
from checks.azure.used_addresses import RunningNodes, UsedAddress, node_addresses, tunnel_network
from checks.azure.user_routes import UserRoute, user_routes
from checks.facts.fact import Gap
from checks.facts.network_resources import RouteTable, Subnet
from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.kubernetes.node_fixes import move_pods
from checks.model.commands import FW, alternatives, change, quoted
from checks.model.findings import Action, Evidence, Observation, Severity, fail, unknown, warn


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
    part: bool = False
    """Whether it is for a part of a subnet whose addresses in use are not known."""
    blocks: bool = True
    """Whether a tunnel of the gateway's pods is affected, and not only those of future pods."""
    single: IPv4Network | None = None
    """The only address to which the packets go, if it is known."""
    nodes: tuple[UsedAddress, ...] = ()
    """The affected nodes, unless all nodes of a subnet are."""
    pods: tuple[Pod, ...] = ()
    """The gateway's pods on these nodes, () if none of its pods is on another node."""
    hidden: Gap | None = None
    """The failed read that hides whether tunnels of the gateway's pods are in this part."""

    def observation(self) -> Observation:
        """The finding: dropped packets fail if it is certain, otherwise it warns."""
        route, table = self.route, self.route.table
        evidence = [
            Evidence(self.source.ref, "routeTable.id", self.source.route_table_id),
            Evidence(table.ref, f"routes[{route.name}]", f"{route.prefix} to {route.hop}", "no such route"),
            *(each.evidence for each in self.nodes),
        ]
        by = f"route {route.name} of {table.ref} sends {route.prefix} to {route.hop}"
        if self.hidden is not None or route.has_unknown_hop:
            reason = str(self.hidden or "")
            summary = f"{self.tunnels} are not checked: {reason or 'this next hop type is not known'} ({by})."
            return unknown(summary, subject=table.ref, evidence=evidence, actions=[route.show()], reason=reason)
        if route.drops and self.certain and not self.part:
            summary = f"{self.tunnels} are dropped: {by} ({self.source.ref})."
            moves = [move_pods(sorted({each.node for each in self.pods}), self.pods, FW)] if self.pods else []
            actions = [route.show(), route.owner(), *alternatives(route.removal(_EXPECT), *moves)]
            if self.blocks:
                return fail(summary, subject=table.ref, evidence=evidence, actions=actions)
            return warn(summary, subject=table.ref, evidence=evidence, actions=actions, severity=Severity.DEGRADES)
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
        """Add a more specific direct route; if none is possible, remove this one."""
        table, range_ = self.route.table, self.route.network
        networks = networks_of(self.destination.prefixes)
        subnet = next((each for each in networks if range_.overlaps(each)), networks[0])
        direct = next((each for each in (subnet, self.single) if each and each.prefixlen > range_.prefixlen), None)
        if direct is None:
            return self.route.removal(_EXPECT)
        where = ("--subscription", table.subscription) if table.subscription else ()
        words = ("--resource-group", table.resource_group, "--route-table-name", table.name, *where)
        name = f"{self.destination.name}-direct"
        hop = ("--name", name, "--address-prefix", str(direct), "--next-hop-type", "VnetLocal")
        return change(
            f"Add a direct route for {direct} to {table.ref}, or send both directions through the same appliance",
            quoted("az", "network", "route-table", "route", "create", *words, *hop),
            FW,
            _EXPECT,
        )


_EXPECT = "tunnels are set up within a minute; diagnose again"


def tunnel_routes(
    facts: Facts,
    configuration: StaticGatewayConfiguration,
    nodes: Sequence[Subnet],
    gateway: Subnet,
    running: RunningNodes,
) -> tuple[tuple[TunnelRoute, ...], tuple[NotRead, ...]]:
    """The routes that break or redirect tunnels, and the route tables that were not read.

    An appliance that is used in both directions is no fault.
    """
    found: list[TunnelRoute] = []
    not_read: list[NotRead] = []
    back_table = route_table_of(facts, gateway)
    if isinstance(back_table, NotRead):
        not_read.append(back_table)
    tunnel = tunnel_network(configuration)
    for subnet in nodes:
        table = route_table_of(facts, subnet)
        if isinstance(table, NotRead):
            not_read.append(table)
        if not (isinstance(table, RouteTable) or isinstance(back_table, RouteTable)):
            continue
        used = node_addresses(facts, subnet)
        there = list(_there(table, subnet, gateway, tunnel, used, running))
        back = list(_back(back_table, gateway, subnet, used, running))
        same = {each.route.address for each in there} & {each.route.address for each in back}
        found += [each for each in (*there, *back) if each.route.drops or each.route.address not in same]
    return tuple(dict.fromkeys(found)), tuple(not_read)


def _there(
    table: RouteTable | NotRead | None,
    source: Subnet,
    gateway: Subnet,
    tunnel: IPv4Network | None,
    used: tuple[UsedAddress, ...] | Gap | None,
    running: RunningNodes,
) -> Iterator[TunnelRoute]:
    """The routes of a subnet's nodes to the load balancer of the gateway nodes."""
    packets = "Tunnel packets from {} to the gateway nodes"
    if tunnel is None:
        yield from _to_ranges(table, source, gateway, packets.format(source.ref))
        return
    route = _most_specific(table, tunnel)
    if route is None:
        return
    found = TunnelRoute(route, source, gateway, packets.format(source.ref), _certain(route, gateway), single=tunnel)
    yield from _of_pods(found, used, packets, running)


def _back(
    table: RouteTable | NotRead | None,
    gateway: Subnet,
    subnet: Subnet,
    used: tuple[UsedAddress, ...] | Gap | None,
    running: RunningNodes,
) -> Iterator[TunnelRoute]:
    """The routes of the gateway nodes to the nodes of a subnet."""
    packets = "Tunnel packets from the gateway nodes to {}"
    if used is None or isinstance(used, Gap):
        for one in _to_ranges(table, gateway, subnet, packets.format(subnet.ref)):
            yield replace(one, hidden=used if one.part else None)
        return
    by_route: dict[UserRoute, list[UsedAddress]] = {}
    for each in used:
        if (route := _most_specific(table, each.network)) is not None:
            by_route.setdefault(route, []).append(each)
    for route, nodes in by_route.items():
        certain = _certain(route, subnet)
        found = TunnelRoute(route, gateway, subnet, packets.format(subnet.ref), certain)
        whole = len(nodes) == len(used) and any(each.subnet_of(route.network) for each in networks_of(subnet.prefixes))
        yield from _of_pods(found, tuple(nodes), packets, running, whole=whole)


def _of_pods(
    found: TunnelRoute,
    nodes: tuple[UsedAddress, ...] | Gap | None,
    packets: str,
    running: RunningNodes,
    *,
    whole: bool = True,
) -> Iterator[TunnelRoute]:
    """The route with the share of the gateway's pods that it affects.

    `nodes` are the affected nodes.
    """
    names = running.names
    if nodes is None or isinstance(nodes, Gap):
        yield found
        return
    of_pods = tuple(each for each in nodes if each.node in names)
    if running.gap is not None and not whole:
        yield replace(found, hidden=running.gap)
    elif names and not of_pods:
        if nodes:
            named = nodes[0].node if len(nodes) == 1 else f"{len(nodes)} nodes"
            where = packets.format(f"{named}, where no pod of the gateway runs now,")
            yield replace(found, tunnels=where, blocks=False, nodes=nodes)
    elif names and (not whole or len(of_pods) < len(names)):
        where = packets.format(f"{len(of_pods)} of {len(names)} nodes with pods of the gateway")
        concerned = {each.node for each in of_pods}
        pods = tuple(each for each in running.pods if each.node in concerned) if concerned < names else ()
        yield replace(found, tunnels=where, nodes=of_pods, pods=pods)
    elif whole:
        yield found
    else:
        where = packets.format(f"{len(nodes)} nodes of {found.destination.ref}")
        yield replace(found, tunnels=where, blocks=False, nodes=nodes)


def _certain(route: UserRoute, destination: Subnet) -> bool:
    """Whether the route is at least as specific as the destination's subnet."""
    networks = [each for each in networks_of(destination.prefixes) if each.overlaps(route.network)]
    return all(route.network.prefixlen >= each.prefixlen for each in networks)


def _most_specific(table: RouteTable | NotRead | None, wanted: IPv4Network) -> UserRoute | None:
    """The most specific route for an address, if it drops or redirects packets.

    None if that is a default route.
    """
    if not isinstance(table, RouteTable):
        return None
    covering = [each for each in user_routes(table) if wanted.subnet_of(each.network)]
    best = max(covering, key=lambda each: each.network.prefixlen, default=None)
    changes = best is not None and (best.changes_path or best.has_unknown_hop)
    return best if changes and best is not None and not best.is_default else None


def _to_ranges(
    table: RouteTable | NotRead | None, source: Subnet, destination: Subnet, tunnels: str
) -> Iterator[TunnelRoute]:
    """The routes to a subnet of which no address in use is known.

    They are those for the whole subnet and for parts of it.
    """
    if not isinstance(table, RouteTable):
        return
    for network in networks_of(destination.prefixes):
        parts = [each for each in user_routes(table) if each.network != network and each.network.subnet_of(network)]
        for route in parts:
            if route.changes_path or route.has_unknown_hop:
                yield TunnelRoute(route, source, destination, tunnels, certain=True, part=True)
        whole = _most_specific(table, network)
        if whole is not None:
            yield TunnelRoute(whole, source, destination, tunnels, whole.network.prefixlen >= network.prefixlen)
