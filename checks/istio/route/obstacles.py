"""Faults on a route that are no faults of a VirtualService's way or of TLS: of clients, proxies, entries, addresses."""

from dataclasses import dataclass
from enum import StrEnum

from checks.facts.fact import KubernetesObject
from checks.istio.route.breaks import Break, Fault
from checks.istio.route.tls_contract import TlsBreak, TlsFault


class Obstacle(StrEnum):
    """What stops a request or takes it off its way (the B-numbers are those of domain.md 5.3)."""

    NOT_INJECTED = "the client has no sidecar"  # B29
    EXCLUDED = "an annotation keeps the request from the sidecar"
    SIDECAR_HIDES = "a Sidecar object keeps the route from the client"  # B25
    ENTRY_HIDDEN = "a Sidecar object keeps the ServiceEntry from the client"  # B25
    UNKNOWN_HOST = "no object that the client sees knows the host"  # B11, B26
    OTHER_SCHEME = "the gateway is set up for the other scheme"  # IST-6
    ANSWERED = "a rule answers by itself"
    NO_SERVICE = "the gateway's Service does not exist"
    NO_READY_POD = "no pod of the gateway is ready"
    NOT_SELECTED = "no Gateway that takes the host selects the gateway's pods"  # B01, B03
    SERVER_LEFT_OUT = "an older Gateway has the port"  # B24
    DENIED = "an AuthorizationPolicy denies the request"  # B27
    CREDENTIAL_MISSING = "the Secret of a credential is not there"  # B22
    NOT_RESOLVED = "the ServiceEntry is not resolved by DNS"  # B12
    NO_ANSWER = "the gateway's proxies find no address for the destination"  # B36
    NO_ANNOTATION = "the gateway's pods do not name their static egress"
    NO_PREFIX = "the static egress has no address yet"
    NOT_DEFAULT = "the static egress is not the default way"


@dataclass(frozen=True, slots=True)
class Blocked:
    """An obstacle, with the object that it lies in and the values that its correction needs."""

    obstacle: Obstacle
    thing: KubernetesObject | None = None
    others: tuple[KubernetesObject, ...] = ()
    text: str = ""


Cause = Break | TlsBreak | Blocked
"""Why a way breaks, as one of the three kinds of fault."""


def name_of(cause: Cause) -> str:
    """The fault's name in JSON and tests: `no-route`, `tls-missing`, `not-injected`."""
    fault: Fault | TlsFault | Obstacle
    match cause:
        case Break():
            fault = cause.fault
        case TlsBreak():
            fault = cause.fault
        case Blocked():
            fault = cause.obstacle
    return fault.name.lower().replace("_", "-")
