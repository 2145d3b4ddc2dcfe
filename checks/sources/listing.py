"""The egress gateways of one cluster, without a diagnosis."""

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic

from checks.engine.diagnosis import TARGET_READS
from checks.engine.readings import record
from checks.engine.sweep import hiding_reads, problem_of, targets_of, unseen_in_cluster
from checks.engine.unmade_checks import causes_of, steps_of
from checks.facts.api_server import ApiServer
from checks.facts.egress_gateway import EgressGateway
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.store import FactStore
from checks.facts.workloads import Deployment
from checks.sources.gathering import gather
from checks.sources.source import Source


@dataclass(frozen=True, slots=True)
class GatewayListing:
    """The gateways of a cluster, or of one namespace, by name.

    `ready`: ready and wanted pods by `NAMESPACE/NAME` of the Deployment; `problem`: why no gateway is known, "" if they
    are, and `step` the title of the next step then. `unseen` and `unread_profile` are the reasons, as sentences without
    their full stop, why the cluster and the mesh profile in Azure may have others; both are empty if all are listed.
    """

    gateways: tuple[EgressGateway, ...]
    ready: Mapping[str, tuple[int, int]]
    problem: str = ""
    step: str = ""
    unseen: tuple[str, ...] = ()
    unread_profile: tuple[str, ...] = ()
    namespaces_only: bool = False
    """Whether this identity may read single namespaces, and not the whole cluster."""

    @property
    def complete(self) -> bool:
        """Whether all gateways are listed."""
        return not self.unseen and not self.unread_profile


def listed_gateways(source: Source, timeout: float, namespace: str | None = None) -> GatewayListing:
    """List the gateways of the mesh profile, else those found in the cluster.

    Only those of `namespace`, None for all. `timeout` is in seconds.
    """
    store = FactStore(source.now())
    for reading in gather(source, {*TARGET_READS, ApiServer}, store, monotonic() + timeout):
        record(store, reading)
    targets = tuple(each for each in targets_of(store) or () if namespace in (None, each.namespace))
    hidden = unseen_in_cluster(store, namespace)
    return GatewayListing(
        gateways=targets,
        ready={f"{each.namespace}/{each.name}": (each.ready, each.replicas) for each in store.known(Deployment)},
        problem=problem_of(store, targets, namespace),
        step=next(steps_of(hiding_reads(store, targets, namespace)), ""),
        unseen=tuple(causes_of(hidden)),
        unread_profile=tuple(causes_of(store.gaps(ManagedCluster))),
        namespaces_only=any(gap.readable_in for gap in hidden),
    )
