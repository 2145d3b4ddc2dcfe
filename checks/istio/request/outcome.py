"""The outcome of a request: it goes through the gateway, bypasses it or fails.

Shares of a request can have different outcomes, and an outcome can be unknown.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from checks.istio.proxy.clusters import ClusterName
from checks.istio.proxy.listeners import Provenance
from checks.model.value_types import value


class Result(StrEnum):
    """The result of a request or of a share of it."""

    THROUGH = "through"
    BYPASSES = "bypasses"
    FAILS = "fails"
    MIXED = "mixed"
    UNKNOWN = "unknown"


class Ending(StrEnum):
    """The place and reason at which a request ended, in the order of a proxy's decisions."""

    ARRIVED = "arrived at a destination"
    OTHER_DESTINATION = "arrived at a destination that is declared for another host"
    NOT_KNOWN = "not known"
    NO_FILTER_CHAIN = "no filter chain matches"
    PLAIN_TO_TLS_SERVER = "plain text arrives at a TLS server"
    HANDSHAKE = "the TLS handshake fails"
    LISTENER_WAITS = "the listener waits for a Secret"
    CONNECTION_DENIED = "an AuthorizationPolicy denies the connection"
    TLS_TO_HTTP_SERVER = "TLS arrives at an HTTP server"
    NOT_HTTP = "bytes that are not HTTP arrive at an HTTP server"
    REQUEST_DENIED = "an AuthorizationPolicy denies the request"
    NO_VIRTUAL_HOST = "no virtual host has the authority"
    FIXED_ANSWER = "the virtual host answers itself"
    HTTPS_REDIRECT = "the server redirects to https"
    NO_ROUTE = "no route matches"
    FAULT_INJECTION = "the rule injects a fault"
    REDIRECT = "the rule redirects"
    DIRECT_RESPONSE = "the rule answers itself"
    NO_DESTINATION = "the rule has no destination"
    BLACK_HOLE = "outbound traffic to unknown hosts is blocked"
    NO_CLUSTER = "the proxy has no such cluster"
    NO_ENDPOINT = "the cluster has no endpoint"
    CLUSTER_WAITS = "the cluster waits for a Secret"
    NOTHING_ANSWERS = "nothing answers at the address"
    NO_LISTENER = "nothing listens on the port"
    LOOP = "the request comes back to a proxy"
    NOT_UNDERSTOOD = "the destination does not understand what arrives"


class ConfigurationPart(StrEnum):
    """The part of a proxy's configuration that decides."""

    LISTENER = "listener"
    VIRTUAL_HOST = "virtual host"
    ROUTE = "route"
    CLUSTER = "cluster"
    POLICY = "authorization policy"


@value(frozen=True, slots=True)
class Step:
    """A decision of one proxy, and the object that it comes from."""

    proxy: str
    part: ConfigurationPart
    decision: str
    origin: Provenance = field(default_factory=lambda: Provenance(None))
    cluster: ClusterName | None = None
    """The chosen cluster."""


@value(frozen=True, slots=True)
class End:
    """One end of a request, with its share of all requests in percent."""

    result: Result
    reason: str = ""
    status: int | None = None
    """The HTTP status that the application reads; None: the connection ends."""
    flag: str = ""
    """Envoy's response flag at the proxy that decided."""
    proxy: str = ""
    destination: str = ""
    """The host or address that was reached, "" for none."""
    port: int = 0
    """Its port."""
    service: str = ""
    """The host of the last cluster."""
    gateways: tuple[str, ...] = ()
    share: float = 100.0
    steps: tuple[Step, ...] = ()
    ending: Ending = Ending.NOT_KNOWN
    cluster: ClusterName | None = None
    """The last cluster, if the request ended at it or behind it."""

    @property
    def reached(self) -> str:
        """The destination as `host:port`."""
        return f"{self.destination}:{self.port}"

    def after(self, step: Step) -> "End":
        """The same end with a step before its own."""
        return self.behind((step,), self.cluster, 100)

    def of(self, percent: float) -> "End":
        """This end of a part of the requests."""
        return self if percent == 100 else self.behind((), self.cluster, percent)

    def behind(self, steps: tuple[Step, ...], cluster: ClusterName | None, percent: float) -> "End":
        """This end of a part of the requests, with steps before its own and its last cluster."""
        share = self.share if percent == 100 else self.share * percent / 100
        return End(
            self.result,
            self.reason,
            self.status,
            self.flag,
            self.proxy,
            self.destination,
            self.port,
            self.service,
            self.gateways,
            share,
            (*steps, *self.steps),
            self.ending,
            cluster,
        )


@value(frozen=True, slots=True)
class RequestOutcome:
    """The possible ends of a request, and the result that they have in common."""

    result: Result
    ends: tuple[End, ...]
    dependence: "AddressDependence | None" = None
    """Set if it is unknown only because of the address that DNS returns."""

    @property
    def status(self) -> int | None:
        """The status of all its ends; None if they differ or the connection ends."""
        found = {each.status for each in self.ends}
        return found.pop() if len(found) == 1 else None


@dataclass(frozen=True, slots=True)
class AddressDependence:
    """Public addresses to which other rules apply than to all other addresses of a host."""

    addresses: tuple[str, ...]
    """Each with the object that lists it."""
    usual: RequestOutcome
    """The outcome unless DNS returns one of them."""
    others: tuple[RequestOutcome, ...]
    """The outcomes if DNS returns one of them, also of addresses that are not shown."""

    @property
    def never_through(self) -> bool:
        """Whether the request does not go through the gateway, whatever address DNS returns."""
        return all(each.result in (Result.FAILS, Result.BYPASSES) for each in (self.usual, *self.others))


def outcome(ends: Iterable[End]) -> RequestOutcome:
    """The outcome that all ends have; mixed if they differ, unknown if one of them is."""
    kept = tuple(each for each in ends if each.share > 0)
    results = {each.result for each in kept}
    if not kept or Result.UNKNOWN in results:
        return RequestOutcome(Result.UNKNOWN, kept)
    return RequestOutcome(results.pop() if len(results) == 1 else Result.MIXED, kept)
