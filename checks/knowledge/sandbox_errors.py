"""Reasons why the network of a pod could not be set up.

They are texts of `FailedCreatePodSandBox` events, with their meaning and possible causes.

Source: docs/domain/operator-messages.md#sandbox-errors.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from checks.knowledge.component_logs import log_message
from checks.model.findings import Involved


class NodeStep(StrEnum):
    """The kind of step that ends a failure of a pod's network."""

    NEW_MANAGER = "new cni-manager"
    NEW_POD = "new pod"
    NEW_MACHINE = "new machine"
    NODE_IMAGE = "node image"
    ENABLE_IPV6 = "enable IPv6"
    RECONCILE = "reconcile"
    CORRECT_RANGES = "correct ranges"


class SandboxCause(StrEnum):
    """A fault that explains why a sandbox has no network, by the slug of its check.

    A test compares them with the edges of the catalogue.
    """

    PREFIX_UNASSIGNED = "egress-prefix-unassigned"
    CONFIGURATION_MISSING = "gateway-configuration-missing"
    CONFIGURATION_INVALID = "gateway-configuration-invalid"
    COMPONENTS_UNHEALTHY = "static-egress-components-unhealthy"
    FEATURE_DISABLED = "static-egress-disabled"
    POD_SUBNET = "pod-subnet-cni"
    DUAL_STACK = "dual-stack-cluster"


NO_CHECK = "none"
"""In place of a cause: the text matches none that a check finds."""

PLUGIN = "kube-egress-cni"
"""The beginning of the names of the static egress gateway's CNI plugins."""


def sandbox(cause: str) -> Involved:
    """The object that a finding about a pod's network shares with its cause.

    The cause is given by the slug of the check.

    A text that matches a cause that failed is not explained by another check that also fails (docs/rulings.md#ruling-27).
    """
    return Involved("sandbox", cause)


@dataclass(frozen=True, slots=True)
class _SandboxError:
    """A known text of the static egress gateway's CNI plugin.

    `meaning` completes "…: …"; `causes` are the faults whose checks find it (none: the text itself is the
    fault); `fix` is the usual fix if no other finding has one."""

    pattern: re.Pattern[str]
    meaning: str
    causes: tuple[SandboxCause, ...] = ()
    fix: str = ""
    step: NodeStep | None = None


@dataclass(frozen=True, slots=True)
class SandboxFailure:
    """The parts of one failure: plugin, error, meaning, possible causes and fix.

    The plugin that failed is "" if the runtime failed before any plugin; its error is without the sandbox ID.
    """

    plugin: str
    error: str
    meaning: str
    causes: tuple[SandboxCause, ...]
    fix: str = ""
    step: NodeStep | None = None
    """The kind of the fix's step, None if it is not known."""

    @property
    def from_components(self) -> bool:
        """Whether the static egress gateway's components on the pod's node are a possible cause."""
        return SandboxCause.COMPONENTS_UNHEALTHY in self.causes

    @property
    def shown(self) -> str:
        """The text as evidence, without the wrapper: its sandbox ID differs at each attempt."""
        return f'plugin type="{self.plugin}" failed: {self.error}' if self.plugin else self.error

    @property
    def about(self) -> frozenset[Involved]:
        """The causes that the text matches, as objects for `about`."""
        own = (NO_CHECK,) if self.plugin.startswith(PLUGIN) else ()
        return frozenset(sandbox(each) for each in self.causes or own)


def _row(
    pattern: str, meaning: str, *causes: SandboxCause, fix: str = "", step: NodeStep | None = None
) -> _SandboxError:
    return _SandboxError(re.compile(pattern, re.IGNORECASE), meaning, causes, fix, step)


_KNOWN: tuple[_SandboxError, ...] = (
    _row(
        r"egress IP prefix is not ready yet",
        "the StaticGatewayConfiguration has no egress IP prefix yet",
        SandboxCause.PREFIX_UNASSIGNED,
        SandboxCause.CONFIGURATION_INVALID,
        SandboxCause.POD_SUBNET,
        SandboxCause.DUAL_STACK,
    ),
    _row(
        r"failed to retrieve StaticGatewayConfiguration \S+:.*(not found|no matches for kind|could not find)",
        "the StaticGatewayConfiguration that the pod names does not exist in its namespace",
        SandboxCause.CONFIGURATION_MISSING,
        SandboxCause.FEATURE_DISABLED,
    ),
    _row(
        r"failed to retrieve StaticGatewayConfiguration",
        "the cni-manager on the node cannot read the StaticGatewayConfiguration",
        SandboxCause.COMPONENTS_UNHEALTHY,
        SandboxCause.CONFIGURATION_MISSING,
        step=NodeStep.NEW_MANAGER,
    ),
    _row(
        r"(127\.0\.0\.1|localhost|\[::1\]):50051.*(connection refused|i/o timeout|deadline exceeded)",
        "the cni-manager on the node does not answer on 127.0.0.1:50051, which blocks every new pod there",
        SandboxCause.COMPONENTS_UNHEALTHY,
        SandboxCause.FEATURE_DISABLED,
        step=NodeStep.NEW_MANAGER,
    ),
    _row(
        r"failed to contact cni manager daemon|code = Unavailable|failed to get pod \(.*\) annotations.*DeadlineExceeded",
        "the CNI plugin cannot reach the cni-manager on the node",
        SandboxCause.COMPONENTS_UNHEALTHY,
        SandboxCause.FEATURE_DISABLED,
        step=NodeStep.NEW_MANAGER,
    ),
    _row(
        r"podendpoints\S* .*is forbidden: User|cannot (create|update|get|patch) resource \"podendpoints\"",
        "the service account of the cni-manager may not write the pod's PodEndpoint",
        SandboxCause.COMPONENTS_UNHEALTHY,
        fix="Reconcile the cluster: AKS writes the roles of its components again",
        step=NodeStep.RECONCILE,
    ),
    _row(
        r"failed to (retrieve pod|get pod|update PodEndpoint|create PodEndpoint|delete PodEndpoint)",
        "the cni-manager on the node cannot read the pod or write its PodEndpoint (API server, permissions or a webhook)",
        SandboxCause.COMPONENTS_UNHEALTHY,
    ),
    _row(
        r"failed to parse CNI config|failed to load k8s metadata|failed to convert result to current version"
        r"|ipam should not be empty",
        "the CNI configuration on the node is damaged or wrongly combined with another plugin",
        SandboxCause.COMPONENTS_UNHEALTHY,
        fix="Delete the cni-manager pod on that node: its replacement writes /etc/cni/net.d/01-egressgateway.conflist again",
        step=NodeStep.NEW_MANAGER,
    ),
    _row(
        r"failed to parse gateway public key",
        "the status of the StaticGatewayConfiguration has a prefix but no valid WireGuard key yet",
        SandboxCause.PREFIX_UNASSIGNED,
        SandboxCause.CONFIGURATION_INVALID,
    ),
    _row(
        r"failed to parse cidr",
        "an entry of spec.excludeCidrs is not a CIDR, for example an address without a mask",
        SandboxCause.CONFIGURATION_INVALID,
        fix="Add a mask to every entry of spec.excludeCidrs, for example 10.0.0.5/32",
        step=NodeStep.CORRECT_RANGES,
    ),
    _row(
        r"failed to add WireGuard link",
        "the node cannot create a WireGuard link: the kernel lacks the wireguard module",
        fix="Use an AKS node image with the wireguard module; custom and hardened images can lack it",
        step=NodeStep.NODE_IMAGE,
    ),
    _row(
        r"failed to move wireguard link|failed to find wg device|failed to configure wg device",
        "a WireGuard link of an earlier sandbox still exists",
        fix="Delete the pod: its replacement starts in a new network namespace",
        step=NodeStep.NEW_POD,
    ),
    _row(
        r"ipam result is empty|failed to find pod ipv4 ip",
        "the cluster's CNI plugin assigned no IPv4 address",
        SandboxCause.DUAL_STACK,
        SandboxCause.POD_SUBNET,
    ),
    _row(
        r"no enough ipv6 addr",
        "the pod has no IPv6 link-local address, which the WireGuard route needs",
        fix="Allow IPv6 on the node (sysctl net.ipv6.conf.all.disable_ipv6 = 0); the cluster itself stays IPv4",
        step=NodeStep.ENABLE_IPV6,
    ),
    _row(
        r"no enough ipv4 addr", "the pod's eth0 has no IPv4 address", SandboxCause.DUAL_STACK, SandboxCause.POD_SUBNET
    ),
    _row(
        r"failed to find default route|failed to retrieve eth0 interface",
        "the cluster's CNI plugin sets up pods in a way that the static egress gateway does not support",
        SandboxCause.POD_SUBNET,
        fix="Move to a cluster with Azure CNI Overlay or Azure CNI with node subnets, which are supported",
    ),
    _row(
        r"failed to setup pod routes",
        "routes or iptables rules could not be set in the pod",
        fix="Replace the node if its kernel, iptables rules and rp_filter settings show no cause",
        step=NodeStep.NEW_MACHINE,
    ),
)
"""The first row that matches decides."""

_NO_PLUGIN = re.compile(r"cni plugin not initialized|no networks found in /etc/cni/net.d", re.IGNORECASE)
_PLUGIN = re.compile(
    r'plugin type="(?P<type>[^"]+)"(?: name="[^"]*")? failed \((?:add|check)\): (?P<error>.*)', re.DOTALL
)
_SANDBOX_ID = re.compile(r'(sandbox )"[0-9a-f]{6,}[^"]*"')
_RPC = re.compile(r"^.*?rpc error: code = \w+ desc = ", re.DOTALL)


def sandbox_failure(message: str) -> SandboxFailure:
    """The failure in a `FailedCreatePodSandBox` message."""
    found = _PLUGIN.search(message)
    if found is None:
        error = _SANDBOX_ID.sub(r"\1…", _RPC.sub("", message, count=1)).strip()
        # The network plugin of the node is installed at its start.
        step = NodeStep.NEW_MACHINE if _NO_PLUGIN.search(error) else None
        meaning = f"the container runtime could not create its sandbox: {_short(error)}"
        return SandboxFailure("", error, meaning, (), "", step)
    plugin, error = found["type"], found["error"].strip()
    if not plugin.startswith(PLUGIN):
        return SandboxFailure(
            plugin, error, f"the cluster's CNI plugin {plugin} failed, not the static egress gateway", ()
        )
    known = _first_known(error)
    if known is None:
        # An unknown text can come from any of the causes.
        return SandboxFailure(
            plugin, error, f"the static egress gateway's CNI plugin failed: {_short(error)}", tuple(SandboxCause)
        )
    return SandboxFailure(plugin, error, known.meaning, known.causes, known.fix, known.step)


def _short(error: str) -> str:
    words = " ".join(error.split()).rstrip(".")
    return words if len(words) <= 160 else f"{words[:160]}…"


def _first_known(text: str) -> _SandboxError | None:
    """The first row that matches a text of the CNI plugin or of the cni-manager's log.

    Both have the same errors.
    """
    return next((row for row in _KNOWN if row.pattern.search(text)), None)


def failure_in_log(lines: Iterable[str]) -> SandboxFailure | None:
    """The newest known error among a cni-manager's log lines.

    The lines are oldest first. None if there is none.
    """
    newest: SandboxFailure | None = None
    for line in lines:
        if (known := _first_known(line)) is not None:
            newest = SandboxFailure(
                "kube-egress-cni", log_message(line), known.meaning, known.causes, known.fix, known.step
            )
    return newest
