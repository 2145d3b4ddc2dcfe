"""Faults on a route that are no faults of a VirtualService's way or of TLS: of clients, proxies, entries, addresses."""

from dataclasses import dataclass
from enum import StrEnum

from checks.facts.fact import KubernetesObject
from checks.istio.route.breaks import Break, Fault
from checks.istio.route.tls_contract import TlsBreak, TlsFault


class Obstacle(StrEnum):
    """What stops a request or takes it off its way (the B-numbers are those of domain.md 5.3)."""

    NOT_INJECTED = "the client has no sidecar"  # B29
    EXCLUDED = "an annotation excludes the request from the sidecar"
    SIDECAR_HIDES = "the client's Sidecar object does not import the route"  # B25
    ENTRY_HIDDEN = "the client's Sidecar object does not import the ServiceEntry"  # B25
    UNKNOWN_HOST = "no object visible to the client declares the host"  # B11, B26
    OTHER_SCHEME = "the gateway is configured for the other scheme"  # IST-6
    ANSWERED = "a rule responds directly"
    NO_SERVICE = "the gateway's Service does not exist"
    NO_READY_POD = "no pod of the gateway is ready"
    NOT_SELECTED = "no Gateway for the host selects the gateway's pods"  # B01, B03
    SERVER_LEFT_OUT = "an older Gateway has the port"  # B24
    DENIED = "an AuthorizationPolicy denies the request"  # B27
    CREDENTIAL_MISSING = "the Secret of a credential does not exist"  # B22
    NOT_RESOLVED = "the ServiceEntry is not resolved by DNS"  # B12
    NO_ANSWER = "the gateway's proxies have no address for the destination"  # B36
    NO_ANNOTATION = "the gateway's pods do not name their StaticGatewayConfiguration"
    NO_PREFIX = "the StaticGatewayConfiguration has no egress IP prefix yet"
    NOT_DEFAULT = "the static egress gateway is not the default route"


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
