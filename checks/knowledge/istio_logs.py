"""Log lines of the gateway's proxies and of istiod.

Each line has its meaning, its check, and what usually fixes it.

Sources: docs/domain/istio.md#log-lines; Istio's `pilot/pkg/xds`, `pilot/pkg/model` and `pkg/istio-agent`. Plain lines
are `time level [scope] message` with tabs, JSON lines have the same text: match `Line.message`, which reads both.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from checks.facts.logs import Line, LogText


class ProxyFault(StrEnum):
    """A fault for which a proxy is not ready, by the slug of its check."""

    ISTIOD_UNHEALTHY = "istiod-unhealthy"
    CONFIGURATION_REJECTED = "proxy-configuration-rejected"
    CERTIFICATE_FAILING = "workload-certificate-failing"


@dataclass(frozen=True, slots=True)
class LogLine:
    """A known line: its pattern, its meaning, its usual fix, and the fault that it shows."""

    pattern: re.Pattern[str]
    meaning: str
    fix: str = ""
    fault: ProxyFault | None = None


NOT_READY_REASONS: tuple[LogLine, ...] = (
    LogLine(
        re.compile(r"config not received from XDS server"),
        "no configuration has arrived from istiod",
        "allow traffic from the pods to port 15012 of istiod: a network security group, or a default route that sends the "
        "service CIDR through the static egress gateway, may block it",
        fault=ProxyFault.ISTIOD_UNHEALTHY,
    ),
    LogLine(
        re.compile(r"config received from XDS server, but was rejected"),
        "Envoy rejected the configuration that istiod sent",
        "correct the object that the ACK ERROR line of istiod names",
        fault=ProxyFault.CONFIGURATION_REJECTED,
    ),
    LogLine(
        re.compile(r"config not fully received from XDS server"),
        "only part of the configuration has arrived",
        "provide the resource that the listener or cluster waits for, often the Secret of a credentialName",
        fault=ProxyFault.CONFIGURATION_REJECTED,
    ),
    LogLine(
        re.compile(r"server is not live, current state is"),
        "Envoy is not live",
        "delete the pod if it is not live after a minute: Envoy starts or drains within seconds",
    ),
    LogLine(
        re.compile(r"workers have not yet started"),
        "Envoy's workers have not started: listeners or clusters are still warming",
        "provide the resource that the listener or cluster waits for, often the Secret of a credentialName",
        fault=ProxyFault.CONFIGURATION_REJECTED,
    ),
)
"""Reasons that follow `Envoy proxy is NOT ready: `."""

READINESS_FAILURES: tuple[LogLine, ...] = (
    LogLine(
        re.compile(r"failed to warm certificate|failed to generate workload certificate|cannot generate .*certificate"),
        "the proxy gets no workload certificate",
        fault=ProxyFault.CERTIFICATE_FAILING,
    ),
    LogLine(
        re.compile(r"failed to connect to upstream \S+:15012"),
        "istiod is not reachable on port 15012",
        fault=ProxyFault.ISTIOD_UNHEALTHY,
    ),
    LogLine(
        re.compile(r"(?:Stream|Delta)AggregatedResources gRPC config stream (?:to \S+ )?closed: 14"),
        "the stream to istiod is closed (gRPC 14, unavailable)",
        fault=ProxyFault.ISTIOD_UNHEALTHY,
    ),
)
"""Lines of a proxy that show why it is not ready."""

CERTIFICATE_FAILS = re.compile(
    r"failed to warm certificate|failed to generate workload certificate|cannot generate .*certificate"
    r"|failed to sign CSR|CSR signing error|create certificate: "
)
CERTIFICATE_MADE = re.compile(
    r"generated new workload certificate|returned (?:delayed )?workload certificate from cache|Envoy proxy is ready"
)
"""Lines that follow a success: a proxy is ready only after it has its certificate."""

CREDENTIALS: tuple[LogLine, ...] = (
    LogLine(
        re.compile(r"failed to fetch (?:key and certificate|ca certificate) for (?P<resource>\S+?):? "),
        "istiod does not find the Secret of a credentialName",
    ),
    LogLine(
        re.compile(r"found secret, but didn't have expected keys"),
        "the Secret of a credentialName lacks the keys that Istio reads",
    ),
    LogLine(
        re.compile(r'found keys "cert" and "key", but they were empty'),
        "the Secret of a credentialName has empty keys",
    ),
    LogLine(
        re.compile(r"is not authorized to read secrets|attempted to access unauthorized certificates"),
        "the gateway's service account may not read the Secret of a credentialName",
    ),
    LogLine(
        re.compile(r"is not authorized to receive credscontroller"),
        "istiod sends this proxy no credentials: it is not connected over mutual TLS",
    ),
    LogLine(
        re.compile(r"invalid certificates: |pem decode failed|certificate is expired or not yet valid"),
        "the certificate in the Secret of a credentialName is invalid or expired",
    ),
)
"""Lines of istiod about credentials.

They are evidence of EG511, never of EG503 (docs/rulings.md#ruling-20).
"""

MERGE: tuple[LogLine, ...] = (
    LogLine(
        re.compile(
            r"skipping server on gateway (?P<gateway>\S+) port (?P<port>\S+?): "
            r"conflict with existing server (?P<other>\S+)"
        ),
        "istiod ignores a server that conflicts with an older Gateway's on the same port",
        "use the port in only one Gateway, or the same protocol in both servers",
    ),
    LogLine(
        re.compile(r"skipping server on gateway (?P<gateway>[^\s,]+), duplicate host names: (?P<other>.*)"),
        "istiod ignores a TLS server whose hosts an older Gateway has on the same port",
        "name each host in only one Gateway",
    ),
    LogLine(
        re.compile(
            r"skipping VirtualService \S+ rule #\S+ on server port (?P<port>\d+) of gateway (?P<gateway>[^\s,]+), "
            r"duplicate SNI host names"
        ),
        "istiod ignores a TLS rule whose sniHosts an earlier rule has",
        "name each SNI host in only one rule",
    ),
)
"""Lines of istiod about conflicting Gateways.

They name the Gateway, sometimes without its namespace.
"""

PRIVILEGED_PORT = LogLine(
    re.compile(r"skipping privileged gateway port (?P<port>\d+) for node (?P<proxy>\S+) as it is an unprivileged pod"),
    "istiod opens no listener below port 1024: the pod may not bind it",
    "use a server port whose targetPort in the gateway's Service is 1024 or above",
)

_ACK_ERROR = re.compile(r"ADS:(?P<type>\w+): ACK ERROR (?P<connection>\S+) (?P<code>\w+):(?P<detail>.*)", re.DOTALL)
_CONNECTION = re.compile(r"(?P<pod>[^.\s]+)\.(?P<namespace>\S+)-(?P<count>\d+)")
_PUSH = re.compile(r"(?P<type>\w+): PUSH(?: INC)?(?: request)? for node:(?P<pod>[^.\s]+)\.(?P<namespace>\S+) ")
_READY = re.compile(r"Envoy proxy is ready")
_NOT_READY = re.compile(r"Envoy proxy is NOT ready: (?P<reason>.*?)(?:: cds updates: .*)?$")

RESOURCE_TYPES = {
    "LDS": "listeners",
    "CDS": "clusters",
    "RDS": "routes",
    "EDS": "endpoints",
    "SDS": "certificates",
    "ECDS": "extensions",
    "NDS": "name table",
    "PCDS": "proxy configuration",
}
"""The resources of each discovery service."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """A proxy's newest log line about its readiness.

    `reason` is "" if the proxy is ready; it has no counters, which differ at each probe.
    """

    line: Line
    reason: str = ""

    @property
    def ready(self) -> bool:
        return not self.reason


@dataclass(frozen=True, slots=True)
class Rejection:
    """`ADS:…: ACK ERROR`: a proxy rejected configuration from istiod (NACK).

    `pod` is (namespace, name).
    """

    pod: tuple[str, str]
    type: str
    code: str
    detail: str

    @property
    def resources(self) -> str:
        return RESOURCE_TYPES.get(self.type, self.type)


def readiness(log: LogText) -> Readiness | None:
    """The newest line about readiness; None if the log window has none.

    Istio writes the line once for each change and at each failed probe, and logs rotate: its absence proves nothing."""
    for line in log.containing("Envoy proxy is"):
        if found := _NOT_READY.search(line.message):
            return Readiness(line, found["reason"].strip() or "no reason given")
        if _READY.search(line.message):
            return Readiness(line)
    return None


def why_not_ready(reason: str) -> LogLine:
    """The row for a reason; an unknown reason gets a row with its own text."""
    for row in NOT_READY_REASONS:
        if row.pattern.search(reason):
            return row
    return LogLine(re.compile(re.escape(reason)), reason)


def readiness_failures(log: LogText) -> tuple[tuple[LogLine, Line], ...]:
    """The newest line of each known failure in the log, in the table's order."""
    newest: dict[LogLine, Line] = {}
    for line in log.containing("certificate", "upstream", "gRPC config stream"):
        for row in READINESS_FAILURES:
            if row not in newest and row.pattern.search(line.text):
                newest[row] = line
    return tuple((row, newest[row]) for row in READINESS_FAILURES if row in newest)


def rejection(message: str) -> Rejection | None:
    """A parsed ACK ERROR line; None for any other.

    The connection id is `pod.namespace-n` (`pilot/pkg/xds`).
    """
    found = _ACK_ERROR.search(message)
    if found is None:
        return None
    connection = _CONNECTION.fullmatch(found["connection"])
    if connection is None:
        return None
    return Rejection(
        (connection["namespace"], connection["pod"]), found["type"], found["code"], found["detail"].strip()
    )


def pushed(message: str) -> tuple[tuple[str, str], str] | None:
    """((namespace, pod), type) of a line about a push to a proxy."""
    found = _PUSH.search(message)
    return ((found["namespace"], found["pod"]), found["type"]) if found else None


def certificate_failure(log: LogText) -> Line | None:
    """The newest line about the workload certificate, if it is a failure.

    None if the newest line is a success, or if there is none.
    """
    for line in log.containing("certificate", "CSR", "Envoy proxy is ready"):
        if CERTIFICATE_FAILS.search(line.text):
            return line
        if CERTIFICATE_MADE.search(line.text):
            return None
    return None
