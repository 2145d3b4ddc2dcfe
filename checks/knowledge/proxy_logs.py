"""Log lines of the gateway's proxies.

Each line has its meaning, its check, and what usually fixes it.

Sources: docs/domain/istio.md#log-lines; Istio's `pkg/istio-agent`. Plain lines
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
        "allow traffic from the pods to port 15012 of istiod",
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

_EXPIRED = re.compile(r"certificate has expired", re.IGNORECASE)
"""The CA's own certificate is not valid now: the words of Go's crypto/x509."""

_READY = re.compile(r"Envoy proxy is ready")
_NOT_READY = re.compile(r"Envoy proxy is NOT ready: (?P<reason>.*?)(?:: cds updates: .*)?$")


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


def certificate_expired(line: str) -> bool:
    """Whether a line about certificates names an expired certificate of the CA."""
    return _EXPIRED.search(line) is not None


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
