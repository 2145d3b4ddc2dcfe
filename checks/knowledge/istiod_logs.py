"""Log lines of istiod: Secrets, conflicting Gateways and rejected configuration.

Sources: docs/domain/istio.md#log-lines; Istio's `pilot/pkg/xds` and `pilot/pkg/model`.
"""

import re
from dataclasses import dataclass

from checks.knowledge.proxy_logs import LogLine

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

ANALYSIS = re.compile(
    r"\b(?:Error|Warning) \[(?P<code>IST\d{4})\] \((?P<kind>\w+) (?P<namespace>[\w.-]+)/(?P<name>[\w.-]+)[^)]*\) (?P<text>.+)"
)
"""A message of Istio's analysis about an object, which istiod logs from 1.30 on.

Source: Istio's release note 59105; docs/domain/istio.md#istiod-other-lines.
"""

PRIVILEGED_PORT = LogLine(
    re.compile(r"skipping privileged gateway port (?P<port>\d+) for node (?P<proxy>\S+) as it is an unprivileged pod"),
    "istiod opens no listener below port 1024: the pod may not bind it",
    "use a server port whose targetPort in the gateway's Service is 1024 or above",
)

_ACK_ERROR = re.compile(r"ADS:(?P<type>\w+): ACK ERROR (?P<connection>\S+) (?P<code>\w+):(?P<detail>.*)", re.DOTALL)
_CONNECTION = re.compile(r"(?P<pod>[^.\s]+)\.(?P<namespace>\S+)-(?P<count>\d+)")
_PUSH = re.compile(r"(?P<type>\w+): PUSH(?: INC)?(?: request)? for node:(?P<pod>[^.\s]+)\.(?P<namespace>\S+) ")

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
