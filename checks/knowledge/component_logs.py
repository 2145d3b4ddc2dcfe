"""Log lines of the cni-manager and the daemon-manager, and their meaning.

Both belong to the static egress gateway.

Source: docs/domain/operator-messages.md#cni-manager-log and #daemon-manager-log.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from checks.facts.logs import Line
from checks.model.raw_values import text

_CNI_MANAGER = "cni-manager"


@dataclass(frozen=True, slots=True)
class _KnownLine:
    """A known line.

    `bad` lines report a fault, the others report that earlier faults have ended.
    """

    pattern: re.Pattern[str]
    meaning: str
    bad: bool = True


def _bad(pattern: str, meaning: str) -> _KnownLine:
    return _KnownLine(re.compile(pattern, re.IGNORECASE), meaning)


def _good(pattern: str, meaning: str) -> _KnownLine:
    return _KnownLine(re.compile(pattern, re.IGNORECASE), meaning, bad=False)


_CNI_MANAGER_LINES: tuple[_KnownLine, ...] = (
    _good(r"cni configuration file is ready, removing node taint", "it wrote its CNI configuration"),
    _bad(
        r"failed to create cni config manager", "it cannot start: a CIDR in its --exception-cidrs argument is invalid"
    ),
    _bad(
        r"failed to regenerate cni conf|failed to find plugins in cni config|plugins field is not an array"
        r"|empty plugin list in cni config|failed to unmarshal cni config|failed to find network name in",
        "the first other file in /etc/cni/net.d is not usable, so it cannot write its own",
    ),
    _bad(
        r"Main CNI config file is missing|no existing cni plugin configuration file found",
        "the cluster's own CNI is not installed on the node yet",
    ),
    _bad(
        r"failed to remove node taint|keeping node taint|skip removing taint",
        "it does not remove the taint cni-not-ready from the node",
    ),
    _bad(r"failed to listen|failed to serve", "port 50051 on the node is in use"),
    _bad(
        r"failed to start k8s client cache|failed to create k8s cluster object",
        "it cannot reach the API server from the node",
    ),
)

_DAEMON_LINES: tuple[_KnownLine, ...] = (
    _good(r"Gateway configuration reconciled|Pod wireguard endpoint reconciled", "it configured the gateway"),
    _bad(
        r"status is nil for GatewayVMConfiguration|failed to find primary or secondary IP for node",
        "the node has no address of the egress IP prefix: it is new, or the prefix has no free address",
    ),
    _bad(
        r"failed to retrieve wireguard private key secret|failed to retrieve private key from secret",
        "it cannot read the Secret with the WireGuard key",
    ),
    _bad(
        r"failed to get network namespace ns-static-egress-gateway",
        "the network namespace ns-static-egress-gateway is missing on the node, for example after a reboot",
    ),
    _bad(
        r"imds does not provide subnet|failure of querying imds|failed to get instance metadata"
        r"|unable to retrieve node metadata",
        "the node's metadata service (169.254.169.254) does not answer",
    ),
    _bad(
        r"failed to (add ILB IP to eth0|parse ILB IP)",
        "the internal load balancer's address is not in the node's subnet",
    ),
    _bad(
        r"failed to add peer to wireguard|failed to add pod route|failed to parse pod (IPv4 address|wireguard public key)",
        "it cannot add a pod as a WireGuard peer",
    ),
    _bad(r"failed to create wireguard link", "the node's kernel lacks the wireguard module"),
    _bad(
        r"failed to ensure chain|failed to restore iptables table",
        "it cannot change the node's iptables rules, because another program changes them",
    ),
    _bad(
        r"failed to start gateway lb health probe server",
        "port 8082 on the node is in use, so the load balancer marks the node down",
    ),
)


@dataclass(frozen=True, slots=True)
class LogFault:
    """The newest log line of a component that reports a current fault, and its meaning.

    No later line ends the fault.
    """

    line: Line
    meaning: str

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


def log_fault(component: str, lines: Iterable[Line]) -> LogFault | None:
    """The fault that a component's log reports at its end, None if it reports none."""
    table = _CNI_MANAGER_LINES if component == _CNI_MANAGER else _DAEMON_LINES
    newest: LogFault | None = None
    for line in lines:
        for known in table:
            if known.pattern.search(line.text):
                newest = LogFault(line, known.meaning) if known.bad else None
                break
    return newest
