"""Service endpoints of the gateway node pool's subnet.

They change the source address that a service sees.

Source: Azure documentation, "Azure virtual network service endpoints": the source IP addresses of the subnet's machines
switch from public to private ones, and the route to the service overrides user-defined routes and NAT gateways.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from checks.azure.outbound_destinations import OutboundDestination, names_of
from checks.facts.network_resources import Subnet
from checks.knowledge.network_requirements import SERVICE_ENDPOINT_DOMAINS
from checks.model.commands import SERVICE_ENDPOINTS, alternatives, change, inspect, quoted
from checks.model.findings import Action, Evidence, Observation, warn


@dataclass(frozen=True, slots=True)
class ServiceEndpoint:
    """An endpoint of a subnet for an Azure service.

    `regions` are those in which it applies, () for all.
    """

    subnet: Subnet
    service: str
    regions: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its name in messages: `the service endpoint for Microsoft.Storage`."""
        return f"the service endpoint for {self.service}"

    @property
    def seen(self) -> str:
        """The source address that the service sees."""
        return f"a private address of {self.subnet.ref}"

    @property
    def evidence(self) -> Evidence:
        """The endpoint in the subnet."""
        applies = ", ".join(self.regions) or "all regions"
        return Evidence(self.subnet.ref, "serviceEndpoints[*].service", f"{self.service} ({applies})", "(none)")

    def observation(self, destinations: Sequence[OutboundDestination], prefix: str, seen: Evidence) -> Observation:
        """The finding about hosts of the service, with `seen` as evidence."""
        names = names_of(destinations)
        verb = "sees" if len({each.host for each in destinations}) == 1 else "see"
        where = f" in {' and '.join(self.regions)}" if self.regions else ""
        return warn(
            f"{names} {verb} {self.seen} instead of {prefix}: the subnet has a service endpoint for {self.service}{where}.",
            subject=self.subnet.ref,
            evidence=[seen, self.evidence],
            actions=[
                inspect(
                    f"Show the service endpoints of {self.subnet.ref}",
                    quoted(
                        "az",
                        "network",
                        "vnet",
                        "subnet",
                        "show",
                        "--ids",
                        self.subnet.id,
                        "--query",
                        "serviceEndpoints",
                    ),
                    SERVICE_ENDPOINTS,
                ),
                *alternatives(
                    change(
                        f"Allow {self.subnet.ref} in the firewall of {names} with a virtual network rule: a rule for {prefix} "
                        "has no effect",
                        url=SERVICE_ENDPOINTS,
                        expect=f"requests to {names} are answered",
                    ),
                    self._removal(prefix),
                ),
            ],
        )

    def _removal(self, prefix: str) -> Action:
        kept = [service for service, _ in self.subnet.service_endpoints if service != self.service]
        words = ("--service-endpoints", *kept) if kept else ("--remove", "serviceEndpoints")
        return change(
            f"Remove {self.name} from {self.subnet.ref}, unless other node pools use the subnet; open connections to the "
            "service are closed",
            quoted("az", "network", "vnet", "subnet", "update", "--ids", self.subnet.id, *words),
            SERVICE_ENDPOINTS,
            f"the service sees an address of {prefix}",
        )


def service_endpoints(subnet: Subnet) -> Iterator[ServiceEndpoint]:
    """The endpoints of the subnet for services whose hosts are known."""
    for service, regions in subnet.service_endpoints:
        if service.lower() in SERVICE_ENDPOINT_DOMAINS:
            yield ServiceEndpoint(subnet, service, tuple(each for each in regions if each != "*"))


def service_endpoint_of(subnet: Subnet, destination: OutboundDestination) -> ServiceEndpoint | None:
    """The endpoint that applies to this destination, None if none does."""
    host = f".{destination.host.lower().rstrip('.')}"
    if not destination.is_public:
        return None
    for each in service_endpoints(subnet):
        if any(host.endswith(f".{domain}") for domain in SERVICE_ENDPOINT_DOMAINS[each.service.lower()]):
            return each
    return None
