"""Public issues worth naming beside a finding, by the check whose symptom they describe (domain.md 3.7)."""

from dataclasses import dataclass

from checks.model.findings import Action, Effect

_KEG, _AKS, _CLI = "Azure/kube-egress-gateway", "Azure/AKS", "Azure/azure-cli"


@dataclass(frozen=True, slots=True)
class KnownIssue:
    """One public issue: where it stands, what is seen, and the checks that see it. `fixed` names the version or month
    of the mend, "" where none is known."""

    repository: str
    number: int
    symptom: str
    checks: tuple[str, ...]
    fixed: str = ""

    @property
    def ref(self) -> str:
        """How people cite it."""
        return f"{self.repository}#{self.number}"

    @property
    def url(self) -> str:
        """Its page; pull requests are found under the same address."""
        return f"https://github.com/{self.repository}/issues/{self.number}"


KNOWN_ISSUES: tuple[KnownIssue, ...] = (
    KnownIssue(
        _KEG,
        759,
        "while cni-manager is down no new pod of the node gets a network, annotated or not",
        ("pod-network-setup-fails", "static-egress-components-unhealthy"),
    ),
    KnownIssue(_KEG, 775, "on kubenet pods keep the default route of eth0", ("cni-mode-unproven",)),
    KnownIssue(
        _KEG,
        1035,
        "a policy engine refuses cni-manager, and its taint stays on the nodes",
        ("static-egress-components-unhealthy", "admission-webhook-blocks"),
    ),
    KnownIssue(
        _KEG,
        1227,
        "a configuration that is created again gets a new prefix with a new name",
        ("pods-older-than-configuration",),
    ),
    KnownIssue(
        _KEG,
        1295,
        "a gateway pool in another subnet than the system pool has no connectivity",
        ("gateway-dataplane-not-ready",),
        fixed="December 2025",
    ),
    KnownIssue(
        _KEG,
        1299,
        "GatewayStatus keeps peers of pods that are gone",
        ("gateway-dataplane-not-ready",),
        fixed="December 2025",
    ),
    KnownIssue(
        _KEG,
        1329,
        "a gateway pool with a subnet of its own cannot reach the virtual network",
        ("gateway-dataplane-not-ready", "tunnel-ports-blocked"),
    ),
    KnownIssue(
        _KEG,
        1356,
        "the node metadata and node-local DNS addresses are not excluded by default",
        ("gateway-configuration-invalid",),
        fixed="v0.1.6",
    ),
    KnownIssue(
        _KEG,
        1359,
        "node image upgrades are not supported on gateway pools of VirtualMachines",
        ("gateway-pool-unhealthy",),
    ),
    KnownIssue(
        _KEG,
        1381,
        "addresses of NICs in VirtualMachines pools drift until the next reconcile",
        ("gateway-pool-unhealthy",),
        fixed="July 2026",
    ),
    KnownIssue(
        _AKS,
        4311,
        "REGISTRY_ONLY shows as an empty outboundTrafficPolicy in dumps",
        ("outbound-policy-bypasses",),
    ),
    KnownIssue(_AKS, 5165, "AKS may rewrite the nodes' CNI configuration files", ("pod-network-setup-fails",)),
    KnownIssue(_AKS, 5658, "private addresses for the gateway are a preview", ("private-ip-mode-unmet",)),
    KnownIssue(
        _CLI,
        28809,
        "an API version older than the feature refuses egress gateways",
        ("gateway-not-in-profile",),
    ),
)


def issues_of(slug: str) -> tuple[KnownIssue, ...]:
    """The issues whose symptom the check sees."""
    return tuple(each for each in KNOWN_ISSUES if slug in each.checks)


def issue_actions(slug: str, *numbers: int) -> tuple[Action, ...]:
    """One action for each issue of the check (or only those with these numbers): what to compare the finding with."""
    return tuple(
        Action(
            f"Compare with {each.ref}: {each.symptom}" + (f" (fixed: {each.fixed})" if each.fixed else ""),
            effect=Effect.READS,
            url=each.url,
        )
        for each in issues_of(slug)
        if not numbers or each.number in numbers
    )
