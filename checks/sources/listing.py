"""The egress gateways of one cluster, without a diagnosis."""

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic

from checks.engine.diagnosis import TARGET_READS
from checks.engine.readings import record
from checks.engine.sweep import problem_of, targets_of, unseen_of
from checks.facts.api_server import ApiServer
from checks.facts.egress_gateway import EgressGateway
from checks.facts.store import FactStore
from checks.facts.workloads import Deployment
from checks.sources.gathering import gather
from checks.sources.source import Source


@dataclass(frozen=True, slots=True)
class GatewayListing:
    """The gateways of a cluster by name.

    `ready`: ready and wanted pods by `NAMESPACE/NAME` of the Deployment; `problem`: why no gateway is known, "" if they
    are; `unseen`: the reasons why others may exist, none if all are listed.
    """

    gateways: tuple[EgressGateway, ...]
    ready: Mapping[str, tuple[int, int]]
    problem: str = ""
    unseen: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether all gateways are listed."""
        return not self.unseen


def listed_gateways(source: Source, timeout: float) -> GatewayListing:
    """List the gateways of the mesh profile, else those found in the cluster.

    `timeout` is in seconds.
    """
    store = FactStore(source.now())
    for reading in gather(source, {*TARGET_READS, ApiServer}, store, monotonic() + timeout):
        record(store, reading)
    targets = targets_of(store) or ()
    ready = {f"{each.namespace}/{each.name}": (each.ready, each.replicas) for each in store.known(Deployment)}
    return GatewayListing(targets, ready, problem_of(store, targets), unseen_of(store))
