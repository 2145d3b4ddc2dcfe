"""The decision of one proxy about a connection: an end, or forwarding to a cluster."""

from collections.abc import Iterator
from dataclasses import replace

from checks.facts.fact import KubernetesObject
from checks.istio.proxy.clusters import ClusterName
from checks.istio.proxy.listeners import Provenance
from checks.istio.request.outcome import ConfigurationPart, End, Ending, Result, Step
from checks.istio.request.proxy_configuration import ProxyConfiguration
from checks.istio.request.wire import Connection
from checks.model.value_types import value


@value(frozen=True, slots=True)
class Trail:
    """The gateways and clusters that a connection has passed."""

    gateways: tuple[str, ...] = ()
    clusters: tuple[ClusterName, ...] = ()
    hops: int = 0

    @property
    def service(self) -> str:
        """The host of the last cluster, "" for none."""
        return self.clusters[-1].host if self.clusters else ""

    def to(self, cluster: ClusterName) -> "Trail":
        """The same with one more cluster."""
        return Trail(self.gateways, (*self.clusters, cluster), self.hops)

    def at_proxy(self, gateways: tuple[str, ...]) -> "Trail":
        """The same at one more proxy."""
        return Trail(gateways, self.clusters, self.hops + 1)


@value(frozen=True, slots=True)
class Arrival:
    """A connection at a proxy."""

    at: ProxyConfiguration
    connection: Connection
    trail: Trail
    source: str
    """The client's IP address."""

    def carrying(self, connection: Connection) -> "Arrival":
        """The same arrival with the connection as a filter receives it."""
        return Arrival(self.at, connection, self.trail, self.source)

    def step(
        self, part: ConfigurationPart, decision: str, origin: Provenance, cluster: ClusterName | None = None
    ) -> Step:
        """A decision of this proxy."""
        return Step(self.at.name, part, decision, origin, cluster)

    def fails(
        self,
        ending: Ending,
        reason: str,
        status: int | None = None,
        flag: str = "",
        origin: KubernetesObject | None = None,
        cluster: ClusterName | None = None,
    ) -> End:
        """The end of a connection that fails at this proxy."""
        steps = (self.step(ConfigurationPart.POLICY, reason, Provenance(origin)),) if origin is not None else ()
        gateways, service = self.trail.gateways, self.trail.service
        end = End(Result.FAILS, reason, status, flag, self.at.name, service=service, gateways=gateways)
        return replace(end, steps=steps, ending=ending, cluster=cluster)


@value(frozen=True, slots=True)
class Forwarded:
    """A connection that a proxy forwards to a cluster.

    It has its share in percent and the decisions before it.
    """

    cluster: ClusterName
    connection: Connection
    origin: Provenance
    http: bool = False
    """Whether the proxy reads HTTP: if the cluster fails, its client gets an answer."""
    not_found: int | None = None
    """The answer if the cluster does not exist; None for the default, 503.

    It is Envoy's `cluster_not_found_response_code`.
    """
    share: float = 100.0
    steps: tuple[Step, ...] = ()
    server_name: str = ""
    """The server name that the proxy resolves itself (`sni_dynamic_forward_proxy`)."""

    def after(self, step: Step) -> "Forwarded":
        """The same with a step before its own."""
        return self._with(self.share, (step, *self.steps))

    def of(self, percent: float) -> "Forwarded":
        """This forwarding of a part of the connections."""
        return self if percent == 100 else self._with(self.share * percent / 100, self.steps)

    def _with(self, share: float, steps: tuple[Step, ...]) -> "Forwarded":
        return Forwarded(
            self.cluster, self.connection, self.origin, self.http, self.not_found, share, steps, self.server_name
        )


Decisions = Iterator[End | Forwarded]
