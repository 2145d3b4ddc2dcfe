"""Log lines of the cni-manager and the daemon-manager, and their meaning.

Both belong to the static egress gateway.

Source: docs/domain/operator-messages.md#cni-manager-log and #daemon-manager-log.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import orjson

from checks.facts.logs import Line
from checks.model.raw_values import text

_CNI_MANAGER = "cni-manager"


class FixKind(StrEnum):
    """The kind of step that ends a fault."""

    RECONCILE = "reconcile"
    """AKS sets what is wrong again."""
    NEW_MACHINE = "new machine"
    """A change on the node is gone with its machine."""
    NEWER_OPERATOR = "newer operator"
    CONFIGURE_NODES = "configure nodes"
    """Scale the pool by one node and back."""
    NEW_KEY = "new key"
    EXCLUDE_NODES = "exclude nodes"
    """Keep another program off the nodes."""
    RESTART_GATEWAY = "restart gateway"
    NODE_IMAGE = "node image"


NO_WIREGUARD = "the node's kernel lacks the wireguard module"
"""The meaning of the line that a gateway node without WireGuard writes."""


@dataclass(frozen=True, slots=True)
class _KnownLine:
    """A known line.

    `bad` lines report a fault, the others report that earlier faults have ended. `fix` is the fix of a fault that a new
    pod does not end, `fix_kind` the kind of the fix's step.

    `of_node`: with this fault the node serves no StaticGatewayConfiguration. `of_one`: it does not serve
    the one that the line names.
    """

    pattern: re.Pattern[str]
    meaning: str
    bad: bool = True
    fix: str = ""
    fix_kind: FixKind | None = None
    of_node: bool = False
    of_one: bool = False


def _bad(
    pattern: str,
    meaning: str,
    fix: str = "",
    fix_kind: FixKind | None = None,
    *,
    of_node: bool = False,
    of_one: bool = False,
) -> _KnownLine:
    return _KnownLine(re.compile(pattern, re.IGNORECASE), meaning, True, fix, fix_kind, of_node, of_one)


def _good(pattern: str, meaning: str) -> _KnownLine:
    return _KnownLine(re.compile(pattern, re.IGNORECASE), meaning, bad=False)


_CNI_MANAGER_LINES: tuple[_KnownLine, ...] = (
    _good(r"cni configuration file is ready, removing node taint", "it wrote its CNI configuration"),
    _bad(
        r"failed to create cni config manager",
        "it cannot start: a CIDR in its --exception-cidrs argument is invalid",
        "Reconcile the cluster: AKS sets --exception-cidrs of the DaemonSet again",
        FixKind.RECONCILE,
    ),
    _bad(
        r"failed to regenerate cni conf|failed to find plugins in cni config|plugins field is not an array"
        r"|empty plugin list in cni config|failed to unmarshal cni config|failed to find network name in",
        "the first other file in /etc/cni/net.d is not usable, so it cannot write its own",
        "Correct or remove the first other file in /etc/cni/net.d of the node, and the program that wrote it",
        FixKind.NEW_MACHINE,
    ),
    _bad(
        r"Main CNI config file is missing|no existing cni plugin configuration file found",
        "the cluster's own CNI is not installed on the node yet",
        "Restart the pods of the cluster's network plugin on the node, or reimage the node",
        FixKind.NEW_MACHINE,
    ),
    _bad(
        r"failed to remove node taint|keeping node taint|skip removing taint",
        "it does not remove the taint cni-not-ready from the node",
    ),
    _bad(
        r"failed to listen|failed to serve",
        "port 50051 on the node is in use",
        "Move the program that uses port 50051 off the node, or to another port",
    ),
    _bad(
        r"failed to start k8s client cache|failed to create k8s cluster object",
        "it cannot reach the API server from the node",
        "Allow the node to reach the API server (firewall, private DNS zone, route table)",
    ),
)

_DAEMON_LINES: tuple[_KnownLine, ...] = (
    _good(r"Gateway configuration reconciled|Pod wireguard endpoint reconciled", "it configured the gateway"),
    _bad(
        r"status is nil for GatewayVMConfiguration|failed to find primary or secondary IP for node",
        "the node has no address of the egress IP prefix: it is new, or the prefix has no free address",
        "Scale the gateway node pool by one node and back, within its prefix: the controller then configures its nodes again",
        FixKind.CONFIGURE_NODES,
    ),
    _bad(
        r"failed to retrieve wireguard private key secret|failed to retrieve private key from secret",
        "it cannot read the Secret with the WireGuard key",
        "Change a label of the StaticGatewayConfiguration: the controller then creates its key Secret again; then restart the "
        "gateway, whose pods keep the old key",
        FixKind.NEW_KEY,
        of_one=True,
    ),
    _bad(
        r"failed to get network namespace ns-static-egress-gateway",
        "the network namespace ns-static-egress-gateway is missing on the node, for example after a reboot",
        of_node=True,
    ),
    _bad(
        r"imds does not provide subnet|failure of querying imds|failed to get instance metadata"
        r"|unable to retrieve node metadata",
        "the node's metadata service (169.254.169.254) does not answer",
        "Allow the node's processes to reach 169.254.169.254 without a proxy (iptables rules, NO_PROXY)",
        FixKind.NEW_MACHINE,
        of_node=True,
    ),
    _bad(
        r"failed to (add ILB IP to eth0|parse ILB IP)",
        "the internal load balancer's address is not in the node's subnet",
        "Upgrade the cluster: an operator since December 2025 supports a gateway node pool in another subnet",
        FixKind.NEWER_OPERATOR,
        of_node=True,
    ),
    _bad(
        r"failed to add peer to wireguard|failed to add pod route|failed to parse pod (IPv4 address|wireguard public key)",
        "it cannot add a pod as a WireGuard peer",
        "Restart the gateway: its pods get new PodEndpoints",
        FixKind.RESTART_GATEWAY,
    ),
    _bad(
        r"failed to create wireguard link",
        NO_WIREGUARD,
        "Use another node image or OS SKU for the pool",
        FixKind.NODE_IMAGE,
        of_node=True,
    ),
    _bad(
        r"failed to ensure chain|failed to restore iptables table",
        "it cannot change the node's iptables rules, because another program changes them",
        "Exclude the gateway nodes from the program that changes iptables rules, such as another network agent",
        FixKind.EXCLUDE_NODES,
        of_node=True,
    ),
    _bad(
        r"failed to start gateway lb health probe server",
        "port 8082 on the node is in use, so the load balancer marks the node down",
        "Exclude the gateway nodes from the program that uses port 8082, or let it use another port",
        FixKind.EXCLUDE_NODES,
        of_node=True,
    ),
)


@dataclass(frozen=True, slots=True)
class LogFault:
    """The newest log line of a component that reports a current fault, and its meaning.

    No later line ends the fault.
    """

    line: Line
    meaning: str
    fix: str = ""
    """The fix, "" if a new pod ends the fault."""
    fix_kind: FixKind | None = None
    """The kind of the fix's step, None if it is not known."""
    of_node: bool = False
    """Whether the node then serves no StaticGatewayConfiguration."""
    of_one: bool = False
    """Whether the node then does not serve the StaticGatewayConfiguration that the line names."""

    def stops(self, namespace: str, name: str) -> bool:
        """Whether the node does not serve this StaticGatewayConfiguration because of the fault."""
        written = self.line.text
        named = f"{namespace}/{name}" in written or (f'"name":"{name}"' in written and f'"{namespace}"' in written)
        return self.of_node or (self.of_one and named)

    @property
    def text(self) -> str:
        """The line without its time, so that a repeated line is the same evidence."""
        return log_message(self.line.text)


def log_message(written: str) -> str:
    """Message and error of a JSON log line of the operator; any other line without its time."""
    if written.startswith("{"):
        try:
            raw = orjson.loads(written)
        except orjson.JSONDecodeError:
            return written
        message = ": ".join(part for part in (text(raw, "msg"), text(raw, "error")) if part)
        return message or written
    return Line(None, written).message


_REWRITTEN = re.compile(r"detected changes in cni configuration directory, regenerating", re.IGNORECASE)
_REWRITES = 5
"""More changes of the CNI configuration than this in ten minutes are not a start."""
_WINDOW = timedelta(minutes=10)


def _rewritten(lines: Sequence[Line]) -> LogFault | None:
    """The fault that another program keeps writing the CNI configuration."""
    found = [line for line in lines if line.at is not None and _REWRITTEN.search(line.text)]
    newest = found[-1].at if found else None
    if newest is None or sum(1 for line in found if line.at is not None and newest - line.at < _WINDOW) <= _REWRITES:
        return None
    return LogFault(
        found[-1],
        "another program keeps writing the CNI configuration in /etc/cni/net.d",
        "Move the program that writes to /etc/cni/net.d off the node, such as another network agent",
    )


def _fault_of(line: Line, known: _KnownLine) -> LogFault:
    return LogFault(line, known.meaning, known.fix, known.fix_kind, known.of_node, known.of_one)


def log_fault(component: str, lines: Iterable[Line]) -> LogFault | None:
    """The fault that a component's log reports at its end, None if it reports none."""
    table = _CNI_MANAGER_LINES if component == _CNI_MANAGER else _DAEMON_LINES
    newest: LogFault | None = None
    lines = tuple(lines)
    for line in lines:
        for known in table:
            if known.pattern.search(line.text):
                newest = _fault_of(line, known) if known.bad else None
                break
    return newest or (_rewritten(lines) if component == _CNI_MANAGER else None)
