"""Log lines of the gateway's proxies and of istiod: what each means, which check it belongs to, what usually fixes it.

Texts: domain.md 5.6, 5.2.6 and 5.2.10, from Istio's `pilot/pkg/xds`, `pilot/pkg/model` and `pkg/istio-agent`. Plain
lines are `time level [scope] message` with tabs, JSON lines carry the same words: match `Line.message`, which reads both.
"""

import re
from dataclasses import dataclass

from checks.facts.logs import Line, LogText


@dataclass(frozen=True, slots=True)
class LogLine:
    """A known line: how to recognise it, what it means, the check that it belongs to, and what usually fixes it."""

    pattern: re.Pattern[str]
    meaning: str
    maps_to: str
    fix: str = ""


NOT_READY: tuple[LogLine, ...] = (
    LogLine(
        re.compile(r"config not received from XDS server"),
        "no configuration has arrived from istiod",
        "istiod-unhealthy",
        "let the pods reach port 15012 of istiod again: a security group, or a default route that takes the service range "
        "through the static egress gateway, may stand between them",
    ),
    LogLine(
        re.compile(r"config received from XDS server, but was rejected"),
        "Envoy rejected the configuration that istiod sent",
        "proxy-configuration-rejected",
        "correct the object that istiod's ACK ERROR line names",
    ),
    LogLine(
        re.compile(r"config not fully received from XDS server"),
        "only part of the configuration has arrived",
        "proxy-configuration-rejected",
        "give the listener or cluster what it waits for, often the Secret of a credentialName",
    ),
    LogLine(
        re.compile(r"server is not live, current state is"),
        "Envoy is not live",
        "proxy-not-ready",
        "delete the pod where this lasts longer than a minute: Envoy starts or drains within seconds",
    ),
    LogLine(
        re.compile(r"workers have not yet started"),
        "Envoy's workers have not started, because listeners or clusters are still warming",
        "proxy-configuration-rejected",
        "give the listener or cluster what it waits for, often the Secret of a credentialName",
    ),
)
"""What follows `Envoy proxy is NOT ready: `."""

TROUBLE: tuple[LogLine, ...] = (
    LogLine(
        re.compile(r"failed to warm certificate|failed to generate workload certificate|cannot generate .*certificate"),
        "no workload certificate can be made",
        "workload-certificate-failing",
    ),
    LogLine(
        re.compile(r"failed to connect to upstream \S+:15012"),
        "istiod cannot be reached on port 15012",
        "istiod-unhealthy",
    ),
    LogLine(
        re.compile(r"(?:Stream|Delta)AggregatedResources gRPC config stream (?:to \S+ )?closed: 14"),
        "the stream to istiod breaks off (gRPC 14, unavailable)",
        "istiod-unhealthy",
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
"""A proxy is only ready once it has its certificate."""

CREDENTIALS: tuple[LogLine, ...] = (
    LogLine(
        re.compile(r"failed to fetch (?:key and certificate|ca certificate) for (?P<resource>\S+?):? "),
        "istiod does not find the Secret of a credentialName",
        "credential-secret-missing",
    ),
    LogLine(
        re.compile(r"found secret, but didn't have expected keys"),
        "the Secret of a credentialName lacks the keys that Istio looks for",
        "credential-secret-missing",
    ),
    LogLine(
        re.compile(r'found keys "cert" and "key", but they were empty'),
        "the Secret of a credentialName has empty keys",
        "credential-secret-missing",
    ),
    LogLine(
        re.compile(r"is not authorized to read secrets|attempted to access unauthorized certificates"),
        "the gateway's service account may not read the Secret of a credentialName",
        "credential-secret-missing",
    ),
    LogLine(
        re.compile(r"is not authorized to receive credscontroller"),
        "istiod gives this proxy no credentials: it is not connected over mutual TLS",
        "credential-secret-missing",
    ),
    LogLine(
        re.compile(r"invalid certificates: |pem decode failed|certificate is expired or not yet valid"),
        "the certificate in the Secret of a credentialName is invalid or expired",
        "credential-secret-missing",
    ),
)
"""Lines of istiod about credentials: evidence of EG511, never of EG503 (Ruling 20)."""

MERGE: tuple[LogLine, ...] = (
    LogLine(
        re.compile(
            r"skipping server on gateway (?P<gateway>\S+) port (?P<port>\S+?): "
            r"conflict with existing server (?P<other>\S+)"
        ),
        "istiod leaves out a server that conflicts with an older Gateway's on the same port",
        "proxy-configuration-rejected",
        "give the port to one Gateway, or put both servers on one protocol",
    ),
    LogLine(
        re.compile(r"skipping server on gateway (?P<gateway>[^\s,]+), duplicate host names: (?P<other>.*)"),
        "istiod leaves out a TLS server whose hosts an older Gateway already has on that port",
        "proxy-configuration-rejected",
        "name each host in one Gateway only",
    ),
    LogLine(
        re.compile(
            r"skipping VirtualService \S+ rule #\S+ on server port (?P<port>\d+) of gateway (?P<gateway>[^\s,]+), "
            r"duplicate SNI host names"
        ),
        "istiod leaves out a TLS rule whose sniHosts an earlier rule already has",
        "proxy-configuration-rejected",
        "name each SNI host in one rule only",
    ),
)
"""Lines of istiod about Gateways that do not fit together. They name the Gateway, sometimes without its namespace."""

PRIVILEGED_PORT = LogLine(
    re.compile(r"skipping privileged gateway port (?P<port>\d+) for node (?P<proxy>\S+) as it is an unprivileged pod"),
    "istiod opens no listener below port 1024, because the pod may not bind it",
    "proxy-configuration-rejected",
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
"""What each discovery service carries, in words."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """The newest thing that a proxy said about its readiness; `reason` is "" when it said that it is ready, and
    lacks the counters at its end, which differ from probe to probe."""

    line: Line
    reason: str = ""

    @property
    def ready(self) -> bool:
        return not self.reason


@dataclass(frozen=True, slots=True)
class Rejection:
    """`ADS:…: ACK ERROR`: a proxy refused what istiod sent it. `pod` is (namespace, name)."""

    pod: tuple[str, str]
    type: str
    code: str
    detail: str

    @property
    def resources(self) -> str:
        return RESOURCE_TYPES.get(self.type, self.type)


def readiness(log: LogText) -> Readiness | None:
    """What the log says last about readiness; None where the window holds no such line. The line is written once for
    each change and at each failed probe, and windows rotate: none proves nothing."""
    for line in log.holding("Envoy proxy is"):
        if found := _NOT_READY.search(line.message):
            return Readiness(line, found["reason"].strip() or "no reason given")
        if _READY.search(line.message):
            return Readiness(line)
    return None


def why_not_ready(reason: str) -> LogLine:
    """The row for a reason; for an unknown one a row that shows the text as it is."""
    for row in NOT_READY:
        if row.pattern.search(reason):
            return row
    return LogLine(re.compile(re.escape(reason)), reason, "proxy-not-ready")


def trouble(log: LogText) -> tuple[tuple[LogLine, Line], ...]:
    """The newest line of each kind of trouble that the log shows, in the table's order."""
    newest: dict[LogLine, Line] = {}
    for line in log.holding("certificate", "upstream", "gRPC config stream"):
        for row in TROUBLE:
            if row not in newest and row.pattern.search(line.text):
                newest[row] = line
    return tuple((row, newest[row]) for row in TROUBLE if row in newest)


def rejection(message: str) -> Rejection | None:
    """An ACK ERROR line, read; None for any other. The connection id is `pod.namespace-n` (`pilot/pkg/xds`)."""
    found = _ACK_ERROR.search(message)
    if found is None:
        return None
    who = _CONNECTION.fullmatch(found["connection"])
    if who is None:
        return None
    return Rejection((who["namespace"], who["pod"]), found["type"], found["code"], found["detail"].strip())


def pushed(message: str) -> tuple[tuple[str, str], str] | None:
    """((namespace, pod), type) of a line that says that istiod pushed to a proxy."""
    found = _PUSH.search(message)
    return ((found["namespace"], found["pod"]), found["type"]) if found else None


def certificate_trouble(log: LogText) -> Line | None:
    """The newest line about the workload certificate where that is a failure; None where one was made since, or where
    the log says nothing about it."""
    for line in log.holding("certificate", "CSR", "Envoy proxy is ready"):
        if CERTIFICATE_FAILS.search(line.text):
            return line
        if CERTIFICATE_MADE.search(line.text):
            return None
    return None
