"""Why a pod's network could not be set up: the texts of `FailedCreatePodSandBox`, what they mean and which fault they follow.

Source: domain.md 3.2, from kube-egress-gateway `cmd/kube-egress-cni` and `controllers/cnimanager`; the wrapper is containerd's.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from checks.knowledge.component_logs import spoken
from checks.model.findings import Involved

NOT_READY = "egress-prefix-unassigned"
MISSING = "gateway-configuration-missing"
INVALID = "gateway-configuration-invalid"
COMPONENTS = "static-egress-components-unhealthy"
DISABLED = "static-egress-disabled"
POD_SUBNET = "pod-subnet-cni"
DUAL_STACK = "dual-stack-cluster"

CAUSES = (NOT_READY, MISSING, INVALID, COMPONENTS, DISABLED, POD_SUBNET, DUAL_STACK)
"""The checks that may find why a sandbox has no network (catalogue, the column "explains")."""


def sandbox(cause: str) -> Involved:
    """The object by which a finding about a pod's network and the fault behind it know each other: a text that proves one
    cause is never put down to another that happens to fail, too (Ruling 2)."""
    return Involved("sandbox", cause)


@dataclass(frozen=True, slots=True)
class SandboxError:
    """A known text of the static egress gateway's CNI plugin.

    `meaning` completes "…, because"; `causes` are the checks that find the fault behind it (none: it is its own); `fix`
    says what usually helps where no other finding does."""

    pattern: re.Pattern[str]
    meaning: str
    causes: tuple[str, ...] = ()
    fix: str = ""


@dataclass(frozen=True, slots=True)
class SandboxFailure:
    """One failure, taken apart: the plugin that failed ("" where the runtime gave up before any), its error without the
    sandbox's id, and what is known about it."""

    plugin: str
    error: str
    meaning: str
    causes: tuple[str, ...]
    fix: str = ""

    @property
    def from_components(self) -> bool:
        """Whether the static egress components on the pod's node may be at fault."""
        return COMPONENTS in self.causes

    @property
    def shown(self) -> str:
        """The text as evidence: without the wrapper, whose sandbox id is another one at each attempt."""
        return f'plugin type="{self.plugin}" failed: {self.error}' if self.plugin else self.error

    @property
    def about(self) -> frozenset[Involved]:
        """The causes that this text allows."""
        return frozenset(sandbox(each) for each in self.causes)


def _row(pattern: str, meaning: str, *causes: str, fix: str = "") -> SandboxError:
    return SandboxError(re.compile(pattern, re.IGNORECASE), meaning, causes, fix)


KNOWN: tuple[SandboxError, ...] = (
    _row(
        r"egress IP prefix is not ready yet",
        "the gateway's configuration has no egress IP prefix yet",
        NOT_READY,
        INVALID,
        POD_SUBNET,
        DUAL_STACK,
    ),
    _row(
        r"failed to retrieve StaticGatewayConfiguration \S+:.*(not found|no matches for kind|could not find)",
        "the configuration that the pod names does not exist in the pod's namespace",
        MISSING,
        DISABLED,
    ),
    _row(
        r"failed to retrieve StaticGatewayConfiguration",
        "the cni-manager on its node cannot read the configuration",
        COMPONENTS,
        MISSING,
    ),
    _row(
        r"(127\.0\.0\.1|localhost|\[::1\]):50051.*(connection refused|i/o timeout|deadline exceeded)",
        "the cni-manager on its node does not answer (127.0.0.1:50051), which blocks every new pod there",
        COMPONENTS,
        DISABLED,
    ),
    _row(
        r"failed to contact cni manager daemon|code = Unavailable|failed to get pod \(.*\) annotations.*DeadlineExceeded",
        "the CNI plugin does not reach the cni-manager on its node",
        COMPONENTS,
        DISABLED,
    ),
    _row(
        r"failed to (retrieve pod|get pod|update PodEndpoint|create PodEndpoint|delete PodEndpoint)",
        "the cni-manager on its node cannot read the pod or write its PodEndpoint (API server, permissions or a webhook)",
        COMPONENTS,
    ),
    _row(
        r"failed to parse CNI config|failed to load k8s metadata|failed to convert result to current version"
        r"|ipam should not be empty",
        "the CNI configuration on its node is damaged or chained wrongly",
        COMPONENTS,
        fix="Delete the cni-manager's pod on that node: the next one writes /etc/cni/net.d/01-egressgateway.conflist anew",
    ),
    _row(
        r"failed to parse gateway public key",
        "the configuration's status has a prefix but no valid WireGuard key yet",
        NOT_READY,
        INVALID,
    ),
    _row(
        r"failed to parse cidr",
        "an entry of spec.excludeCidrs is no CIDR, such as an address without a mask",
        INVALID,
        fix="Give every entry of spec.excludeCidrs a mask, such as 10.0.0.5/32",
    ),
    _row(
        r"failed to add WireGuard link",
        "the node cannot create a WireGuard link: its kernel lacks the module",
        fix="Use a node image of AKS that has the wireguard module; other images, hardened ones too, may lack it",
    ),
    _row(
        r"failed to move wireguard link|failed to find wg device|failed to configure wg device",
        "a WireGuard link of an earlier sandbox is in the way",
        fix="Delete the pod: its successor starts in a new network namespace",
    ),
    _row(
        r"ipam result is empty|failed to find pod ipv4 ip",
        "the cluster's own CNI gave the pod no IPv4 address",
        DUAL_STACK,
        POD_SUBNET,
    ),
    _row(
        r"no enough ipv6 addr",
        "the pod has no IPv6 link-local address, which the WireGuard route needs",
        fix="Allow IPv6 on the node (sysctl net.ipv6.conf.all.disable_ipv6 = 0); the cluster itself stays IPv4",
    ),
    _row(r"no enough ipv4 addr", "the pod's eth0 has no IPv4 address", DUAL_STACK, POD_SUBNET),
    _row(
        r"failed to find default route|failed to retrieve eth0 interface",
        "the cluster's own CNI sets up pods in a way that the static egress gateway does not support",
        POD_SUBNET,
        fix="Move to Azure CNI Overlay or to Azure CNI with node subnets, which are supported",
    ),
    _row(
        r"failed to setup pod routes",
        "routes or iptables rules could not be set in the pod",
        fix="Replace the node, unless its kernel, iptables rules or rp_filter show what to mend",
    ),
)
"""In the order in which they are tried: the first that fits decides."""

_PLUGIN = re.compile(
    r'plugin type="(?P<type>[^"]+)"(?: name="[^"]*")? failed \((?:add|check)\): (?P<error>.*)', re.DOTALL
)
_SANDBOX_ID = re.compile(r'(sandbox )"[0-9a-f]{6,}[^"]*"')
_RPC = re.compile(r"^.*?rpc error: code = \w+ desc = ", re.DOTALL)


def sandbox_failure(message: str) -> SandboxFailure:
    """What a `FailedCreatePodSandBox` message says."""
    found = _PLUGIN.search(message)
    if found is None:
        error = _SANDBOX_ID.sub(r"\1…", _RPC.sub("", message, count=1)).strip()
        return SandboxFailure("", error, f"the container runtime could not create its sandbox: {_short(error)}", ())
    plugin, error = found["type"], found["error"].strip()
    if not plugin.startswith("kube-egress-cni"):
        return SandboxFailure(
            plugin, error, f"the cluster's own CNI plugin {plugin} fails, not the static egress gateway", ()
        )
    known = first_known(error)
    if known is None:
        # An unknown text may follow from any of the causes; it is shown as it is.
        return SandboxFailure(plugin, error, f"the static egress gateway's CNI plugin says: {_short(error)}", CAUSES)
    return SandboxFailure(plugin, error, known.meaning, known.causes, known.fix)


def _short(error: str) -> str:
    words = " ".join(error.split()).rstrip(".")
    return words if len(words) <= 160 else f"{words[:160]}…"


def first_known(text: str) -> SandboxError | None:
    """The first row that fits a text, also one of the cni-manager's log, which has the same errors from the other side."""
    return next((row for row in KNOWN if row.pattern.search(text)), None)


def from_log(lines: Iterable[str]) -> SandboxFailure | None:
    """What the newest known error among a cni-manager's lines says (oldest first), or None."""
    newest: SandboxFailure | None = None
    for line in lines:
        if (known := first_known(line)) is not None:
            newest = SandboxFailure("kube-egress-cni", spoken(line), known.meaning, known.causes, known.fix)
    return newest
