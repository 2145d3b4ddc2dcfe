"""Whether a route table drops or redirects traffic to the Internet, and by which route."""

from dataclasses import dataclass

from checks.azure.security_rules import networks_of
from checks.facts.network_resources import RouteTable, Subnet
from checks.knowledge.network_requirements import DETOURS, DROPS
from checks.model.commands import FW, change, inspect, quoted
from checks.model.findings import Action, Evidence, Observation, fail, warn


@dataclass(frozen=True, slots=True)
class DefaultRoute:
    """A route for 0.0.0.0/0, or half of it, whose next hop is not the Internet."""

    table: RouteTable
    name: str
    prefix: str
    hop_type: str
    address: str

    @property
    def drops(self) -> bool:
        """Whether the next hop type drops traffic."""
        return self.hop_type.lower() == DROPS

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
        return Evidence(self.table.ref, f"routes[{self.name}]", f"{self.prefix} to {self.hop}", "next hop Internet")

    def show(self) -> Action:
        """The action that lists the routes of the table."""
        words = ("list", *self._named(), "--output", "table")
        return inspect(
            f"List the routes of {self.table.ref}", quoted("az", "network", "route-table", "route", *words), FW
        )

    def bypass(self, egress_prefix: str) -> Action:
        """The action that sets the next hop to Internet.

        Destinations then see the egress IP prefix.
        """
        words = ("update", *self._named(), "--name", self.name, "--next-hop-type", "Internet")
        return change(
            f"Set the next hop of {self.prefix} to Internet, unless other traffic of the subnet needs this route",
            quoted("az", "network", "route-table", "route", *words),
            FW,
            f"destinations see an address of {egress_prefix}",
        )

    def _named(self) -> tuple[str, ...]:
        where = ("--subscription", self.table.subscription) if self.table.subscription else ()
        return ("--resource-group", self.table.resource_group, "--route-table-name", self.table.name, *where)


def default_route(table: RouteTable) -> DefaultRoute | None:
    """The first default route of the table that drops or redirects traffic.

    None if there is none.
    """
    for name, prefix, hop_type, address in table.routes:
        nets = networks_of([prefix])
        if nets and nets[0].prefixlen <= 1 and hop_type.lower() in (*DETOURS, DROPS):
            return DefaultRoute(table, name, prefix, hop_type, address)
    return None


def redirected(route: DefaultRoute, subnet: Subnet, egress_prefix: str, seen: Evidence) -> Observation:
    """The finding about a default route that drops or redirects traffic from the prefix.

    `seen` is more evidence.
    """
    table = route.table.ref
    evidence = [seen, Evidence(subnet.ref, "routeTable.id", subnet.route_table_id), route.evidence]
    actions = [route.show(), route.bypass(egress_prefix)]
    if route.drops:
        summary = (
            f"Traffic of the gateway nodes to {route.prefix} is dropped: route {route.name} of {table} has no next hop "
            f"({subnet.ref})."
        )
        return fail(summary, subject=table, evidence=evidence, actions=actions)
    allow = f"On {route.through} allow {egress_prefix}; at destinations allow the public IP of {route.through}"
    return warn(
        f"Destinations see the address of {route.through} instead of {egress_prefix}: route {route.name} of {table} sends "
        f"{route.prefix} from {subnet.ref} to {route.hop}.",
        subject=table,
        evidence=evidence,
        actions=[route.show(), change(allow, url=FW), route.bypass(egress_prefix)],
    )
