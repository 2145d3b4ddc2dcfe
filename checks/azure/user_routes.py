"""Whether a route table drops or redirects traffic to a destination, and by which route."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

from checks.azure.flow_ends import Match, is_tag, networks_of, tag_match
from checks.azure.outbound_destinations import OutboundDestination, names_of
from checks.facts.network_resources import RouteTable, Subnet
from checks.knowledge.network_requirements import DETOURS, DROPS, NEXT_HOPS, PRIVATE
from checks.model.commands import FW, alternatives, change, inspect, quoted
from checks.model.findings import Action, Evidence, Observation, fail, warn


@dataclass(frozen=True, slots=True)
class UserRoute:
    """A user-defined route whose next hop is not the Internet."""

    table: RouteTable
    name: str
    prefix: str
    hop_type: str
    address: str

    @property
    def network(self) -> IPv4Network:
        """Its prefix."""
        return networks_of([self.prefix])[0]

    @property
    def is_public(self) -> bool:
        """Whether it is for addresses on the Internet."""
        return not any(self.network.subnet_of(each) for each in PRIVATE)

    @property
    def drops(self) -> bool:
        """Whether the next hop type drops traffic."""
        return self.hop_type.lower() == DROPS

    @property
    def changes_path(self) -> bool:
        """Whether it drops traffic, or sends it through an appliance or gateway."""
        return self.drops or self.hop_type.lower() in DETOURS

    @property
    def has_unknown_hop(self) -> bool:
        """Whether Azure does not document the next hop type, so that its effect is not known."""
        return self.hop_type.lower() not in NEXT_HOPS

    @property
    def hop(self) -> str:
        """The next hop: its type and, if it has one, its address."""
        return f"{self.hop_type} {self.address}".strip()

    @property
    def through(self) -> str:
        """The appliance or gateway at the next hop: `the firewall or appliance`."""
        return DETOURS.get(self.hop_type.lower(), self.hop)

    @property
    def evidence(self) -> Evidence:
        """The route, as `az network route-table route list` shows it."""
        expected = "next hop Internet" if self.is_default else "no such route"
        return Evidence(self.table.ref, f"routes[{self.name}]", f"{self.prefix} to {self.hop}", expected)

    def show(self) -> Action:
        """The action that lists the routes of the table."""
        words = ("list", *self._named(), "--output", "table")
        return inspect(
            f"List the routes of {self.table.ref}", quoted("az", "network", "route-table", "route", *words), FW
        )

    @property
    def is_default(self) -> bool:
        """Whether it is for 0.0.0.0/0 or half of it."""
        return _length(self.prefix) <= 1

    def correction(self, egress_prefix: str) -> Action:
        """The action after which destinations see the egress IP prefix.

        It sets the next hop of a default route to Internet, and removes any other route.
        """
        expect = f"destinations see an address of {egress_prefix}"
        if not self.is_default:
            return self.removal(expect)
        words = ("update", *self._named(), "--name", self.name, "--next-hop-type", "Internet")
        return change(
            f"Set the next hop of {self.prefix} to Internet, unless other traffic of the subnet needs this route",
            quoted("az", "network", "route-table", "route", *words),
            FW,
            expect,
        )

    def owner(self) -> Action:
        """The action that shows who set the route, and the tags of its table."""
        where = ("--subscription", self.table.subscription) if self.table.subscription else ()
        named = ("--resource-group", self.table.resource_group, "--name", self.table.name, *where)
        tags = quoted("az", "network", "route-table", "show", *named, "--query", "tags", "-o", "json")
        log = ("--resource-id", self.table.id, *where, "--offset", "90d", "--query", _CALLERS, "-o", "table")
        return inspect(
            f"Show the tags of {self.table.ref} and who changed it in the last 90 days",
            f"{tags} && {quoted('az', 'monitor', 'activity-log', 'list', *log)}",
            FW,
            f"an owner, who must agree to the next step: route {self.name} may drop the packets on purpose",
        )

    def removal(self, expect: str) -> Action:
        """The action that removes the route."""
        return change(
            f"Remove route {self.name} ({self.prefix} to {self.hop}), unless other traffic of the subnet needs this route",
            quoted("az", "network", "route-table", "route", "delete", *self._named(), "--name", self.name),
            FW,
            expect,
        )

    def _named(self) -> tuple[str, ...]:
        where = ("--subscription", self.table.subscription) if self.table.subscription else ()
        return ("--resource-group", self.table.resource_group, "--route-table-name", self.table.name, *where)


_CALLERS = "[].{time:eventTimestamp,caller:caller,operation:operationName.localizedValue}"
"""The columns of the activity log that name a person or program."""


def default_route(table: RouteTable) -> UserRoute | None:
    """The first default route of the table that drops or redirects traffic.

    None if there is none.
    """
    return next((each for each in user_routes(table) if each.is_default and each.changes_path), None)


def sends_to_the_internet(table: RouteTable) -> bool:
    """Whether a route for 0.0.0.0/0 leads to the Internet, and none redirects or drops a half."""
    direct = any(_length(each.prefix) == 0 and each.hop_type.lower() == "internet" for each in user_routes(table))
    return direct and default_route(table) is None


def route_to(table: RouteTable, destination: OutboundDestination) -> UserRoute | None:
    """The route that drops or redirects traffic to this destination, None if none does.

    The most specific route decides (docs/rulings.md#ruling-39). Only specific routes are known to apply to private
    addresses, because the routes of the virtual network itself are not visible. A route for a service tag is more specific
    than a default route.
    """
    if destination.address is None:
        found = [each for each in tag_routes(table) if tag_share(each, destination) is Match.FULL]
        if found:
            # A tag of one service is more specific than that of all of Azure.
            first = min(found, key=lambda each: each.prefix.lower().startswith("azurecloud"))
            return first if first.changes_path else None
        return default_route(table)
    covering = [each for each in user_routes(table) if destination.address in each.network]
    best = max(covering, key=lambda each: each.network.prefixlen, default=None)
    if best is None or not best.changes_path or (best.is_default and not destination.is_public):
        return None
    return best


def tag_share(route: UserRoute, destination: OutboundDestination) -> Match:
    """How much of a destination's addresses the service tag of a route contains."""
    if not destination.host:
        return Match.NONE
    known = destination.address is not None and not destination.observed
    return tag_match(route.prefix, destination.host, address_known=known)


def redirected(
    route: UserRoute, subnet: Subnet, egress_prefix: str, seen: Evidence, destinations: Sequence[OutboundDestination]
) -> Observation:
    """The finding about a route that drops or redirects traffic to destinations.

    `seen` is more evidence.
    """
    named = is_tag(route.prefix) or all(each.address for each in destinations)
    table, to = route.table.ref, names_of(destinations) if named else route.prefix
    evidence = [seen, Evidence(subnet.ref, "routeTable.id", subnet.route_table_id), route.evidence]
    actions = [route.show(), route.correction(egress_prefix)]
    if route.drops:
        summary = (
            f"Traffic of the gateway nodes to {to} is dropped: route {route.name} of {table} has no next hop "
            f"({subnet.ref})."
        )
        return fail(summary, subject=table, evidence=evidence, actions=actions)
    allow = f"On {route.through} allow {egress_prefix}; at destinations allow the public IP of {route.through}"
    return warn(
        f"Destinations see the address of {route.through} instead of {egress_prefix}: route {route.name} of {table} sends "
        f"{route.prefix} from {subnet.ref} to {route.hop}.",
        subject=table,
        evidence=evidence,
        actions=[
            route.show(),
            *alternatives(change(allow, url=FW, expect="requests are answered"), route.correction(egress_prefix)),
        ],
    )


def user_routes(table: RouteTable) -> list[UserRoute]:
    """The routes of a table for IPv4 ranges."""
    return [UserRoute(table, *each) for each in table.routes if networks_of([each[1]])]


def tag_routes(table: RouteTable) -> list[UserRoute]:
    """The routes of a table for service tags."""
    return [UserRoute(table, *each) for each in table.routes if is_tag(each[1])]


def _length(prefix: str) -> int:
    found = networks_of([prefix])
    return found[0].prefixlen if found else 32
