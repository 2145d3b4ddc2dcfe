"""Log lines of the static egress gateway's components, and what they mean.

Source: domain.md 3.3 (cni-manager) and 3.4 (daemon-manager), from kube-egress-gateway `cmd/` and `controllers/`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from checks.facts.logs import Line
from checks.model.raw_values import text

CNI_MANAGER = "cni-manager"
DAEMON = "daemon-manager"


@dataclass(frozen=True, slots=True)
class KnownLine:
    """A line that tells something: `bad` ones a fault, the others that such a fault is over."""

    pattern: re.Pattern[str]
    meaning: str
    bad: bool = True


def _bad(pattern: str, meaning: str) -> KnownLine:
    return KnownLine(re.compile(pattern, re.IGNORECASE), meaning)


def _good(pattern: str, meaning: str) -> KnownLine:
    return KnownLine(re.compile(pattern, re.IGNORECASE), meaning, bad=False)


CNI_MANAGER_LINES: tuple[KnownLine, ...] = (
    _good(r"cni configuration file is ready, removing node taint", "it has written its CNI configuration"),
    _bad(r"failed to create cni config manager", "it cannot start: an exception CIDR among its arguments is not valid"),
    _bad(
        r"failed to regenerate cni conf|failed to find plugins in cni config|plugins field is not an array"
        r"|empty plugin list in cni config|failed to unmarshal cni config|failed to find network name in",
        "another file in /etc/cni/net.d is not usable, so it cannot write its own",
    ),
    _bad(
        r"Main CNI config file is missing|no existing cni plugin configuration file found",
        "the cluster's own CNI is not installed on the node yet",
    ),
    _bad(
        r"failed to remove node taint|keeping node taint|skip removing taint",
        "it leaves the taint cni-not-ready on the node",
    ),
    _bad(r"failed to listen|failed to serve", "port 50051 on the node is taken"),
    _bad(
        r"failed to start k8s client cache|failed to create k8s cluster object",
        "it does not reach the API server from the node",
    ),
)

DAEMON_LINES: tuple[KnownLine, ...] = (
    _good(r"Gateway configuration reconciled|Pod wireguard endpoint reconciled", "it serves"),
    _bad(
        r"status is nil for GatewayVMConfiguration|failed to find primary or secondary IP for node",
        "the node has no address of the prefix: it is new, or the prefix is full",
    ),
    _bad(
        r"failed to retrieve wireguard private key secret|failed to retrieve private key from secret",
        "it cannot read the Secret with the WireGuard key",
    ),
    _bad(
        r"failed to get network namespace ns-static-egress-gateway",
        "the gateway's network namespace is missing on the node, as after a reboot",
    ),
    _bad(
        r"imds does not provide subnet|failure of querying imds|failed to get instance metadata"
        r"|unable to retrieve node metadata",
        "the node's metadata service (169.254.169.254) does not answer",
    ),
    _bad(
        r"failed to (add ILB IP to eth0|parse ILB IP)", "the internal load balancer's address does not fit the subnet"
    ),
    _bad(
        r"failed to add peer to wireguard|failed to add pod route|failed to parse pod (IPv4 address|wireguard public key)",
        "it cannot add a pod as a WireGuard peer",
    ),
    _bad(r"failed to create wireguard link", "the node's kernel lacks the wireguard module"),
    _bad(
        r"failed to ensure chain|failed to restore iptables table", "another program changes the node's iptables rules"
    ),
    _bad(
        r"failed to start gateway lb health probe server",
        "port 8082 on the node is taken, so the load balancer takes it for down",
    ),
)


@dataclass(frozen=True, slots=True)
class Complaint:
    """The newest line of a component about a fault that no later line takes back, and what it means."""

    line: Line
    meaning: str

    @property
    def text(self) -> str:
        """What it says, without the time, which would make the same complaint look like a new one."""
        return spoken(self.line.text)


def spoken(written: str) -> str:
    """A line of the operator (zap, JSON) as message and error; other lines without their time."""
    if written.startswith("{"):
        try:
            raw = orjson.loads(written)
        except orjson.JSONDecodeError:
            return written
        said = ": ".join(part for part in (text(raw, "msg"), text(raw, "error")) if part)
        return said or written
    return Line(None, written).message


def complaint(component: str, lines: Iterable[Line]) -> Complaint | None:
    """What a component's log complains about at its end, or None."""
    table = CNI_MANAGER_LINES if component == CNI_MANAGER else DAEMON_LINES
    newest: Complaint | None = None
    for line in lines:
        for known in table:
            if known.pattern.search(line.text):
                newest = Complaint(line, known.meaning) if known.bad else None
                break
    return newest
