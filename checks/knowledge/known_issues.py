"""Public issues that findings cite, one constant for each.

Source: docs/domain/operator-messages.md#known-issues.
"""

from dataclasses import dataclass

from checks.model.findings import Action, Effect


@dataclass(frozen=True, slots=True)
class KnownIssue:
    """A public issue or pull request: its symptom, and when it was fixed.

    The date or version of its fix, "" if it is open.
    """

    repository: str
    number: int
    symptom: str
    fixed: str = ""

    @property
    def ref(self) -> str:
        """The citation: `Azure/kube-egress-gateway#1381`."""
        return f"{self.repository}#{self.number}"

    @property
    def url(self) -> str:
        """Its page; GitHub redirects to the pull request of the same number."""
        return f"https://github.com/{self.repository}/issues/{self.number}"

    @property
    def compare(self) -> Action:
        """The action to compare a finding with this issue."""
        fixed = f" (fixed: {self.fixed})" if self.fixed else ""
        return Action(f"Compare with {self.ref}: {self.symptom}{fixed}", effect=Effect.READS, url=self.url)


_OPERATOR = "Azure/kube-egress-gateway"

PUBLIC_IP_NAMES_COLLIDE = KnownIssue(
    _OPERATOR,
    1227,
    "public IP names collide when several StaticGatewayConfigurations share a VirtualMachines pool",
    fixed="v0.1.3, October 2025",
)
NO_CONNECTIVITY_ACROSS_SUBNETS = KnownIssue(
    _OPERATOR,
    1295,
    "a gateway node pool in another subnet than the system pool has no connectivity",
    fixed="December 2025",
)
VIRTUAL_NETWORK_UNREACHABLE = KnownIssue(
    _OPERATOR, 1329, "a gateway node pool with a subnet of its own cannot reach the virtual network"
)
IP_CONFIGURATIONS_REMOVED = KnownIssue(
    _OPERATOR,
    1381,
    "node image upgrades and model rollouts remove the egress ipConfig from nodes of VMSS pools",
    fixed="July 2026; v0.1.8 restores it within 5 minutes",
)
PRIVATE_IP_MODE_PREVIEW = KnownIssue("Azure/AKS", 4936, "private-IP mode of static egress gateways is in preview")
