"""Where a subnet's route table sends what is meant for the Internet, when it does not simply leave."""

from dataclasses import dataclass

from checks.azure.security_rules import networks_of
from checks.facts.network_resources import RouteTable
from checks.knowledge.network import DETOURS, DROPS
from checks.model.commands import FW, change, look, quoted
from checks.model.findings import Action, Evidence


@dataclass(frozen=True, slots=True)
class WayOut:
    """The route that takes the Internet's addresses elsewhere."""

    table: RouteTable
    name: str
    prefix: str
    hop_type: str
    address: str

    @property
    def drops(self) -> bool:
        """Whether it drops the traffic."""
        return self.hop_type.lower() == DROPS

    @property
    def hop(self) -> str:
        """The next hop as people name it: its type, and its address where it has one."""
        return f"{self.hop_type} {self.address}".strip()

    @property
    def through(self) -> str:
        """What the traffic goes through, in words."""
        return DETOURS.get(self.hop_type.lower(), self.hop)

    @property
    def evidence(self) -> Evidence:
        """The route, as `az network route-table route list` shows it."""
        return Evidence(self.table.ref, f"routes[{self.name}]", f"{self.prefix} to {self.hop}", "next hop Internet")

    def show(self) -> Action:
        """Lists the routes."""
        words = ("list", *self._named(), "--output", "table")
        return look(f"List the routes of {self.table.ref}", quoted("az", "network", "route-table", "route", *words), FW)

    def straighten(self, egress_range: str) -> Action:
        """Lets the traffic leave straight."""
        words = ("update", *self._named(), "--name", self.name, "--next-hop-type", "Internet")
        return change(
            f"Let {self.prefix} leave for the Internet, if nothing else in the subnet needs this route",
            quoted("az", "network", "route-table", "route", *words),
            FW,
            f"destinations see an address of {egress_range}",
        )

    def _named(self) -> tuple[str, ...]:
        where = ("--subscription", self.table.subscription) if self.table.subscription else ()
        return ("--resource-group", self.table.resource_group, "--route-table-name", self.table.name, *where)


def way_out(table: RouteTable) -> WayOut | None:
    """The route for 0.0.0.0/0, or for a half of it, that does not leave straight; None where there is none."""
    for name, prefix, hop_type, address in table.routes:
        nets = networks_of([prefix])
        if nets and nets[0].prefixlen <= 1 and hop_type.lower() in (*DETOURS, DROPS):
            return WayOut(table, name, prefix, hop_type, address)
    return None
