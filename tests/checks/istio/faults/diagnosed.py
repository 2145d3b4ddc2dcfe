"""The faults of requests over a test cluster, without the checks around them."""

from collections.abc import Iterator
from time import monotonic

from checks.engine.readings import record
from checks.facts.egress_gateway import from_profile
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.store import FactStore
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.proved_fault import Proved
from checks.istio.faults.proved_faults import faults_of
from checks.istio.faults.readers import READERS
from checks.istio.mesh.mesh import MESH_READS
from checks.istio.request.client_request import ClientRequest
from checks.istio.request.clients import clients_of
from checks.istio.request.outcome import RequestOutcome, Result
from checks.istio.request.routing import Routing
from checks.model.question import Question
from checks.sources.gathering import gather
from checks.sources.recorded import RecordedSource
from tests.clusters.compose import Cluster
from tests.recordings import question, recording

READS = frozenset((*MESH_READS, ManagedCluster, Deployment))


def facts_about(cluster: Cluster, host: str, client: str | None, gateway: str = "team-egress/egw") -> Facts:
    """The facts of a cluster for a question about a host."""
    wanted = question(cluster, gateway, host, client)
    store = store_about(cluster, wanted)
    return Facts(store, store.targets[0], wanted, READS)


def store_about(cluster: Cluster, wanted: Question) -> FactStore:
    """All facts of a cluster that the router reads, for the gateway of a question."""
    source = RecordedSource(recording(cluster))
    store = FactStore(source.now())
    for reading in gather(source, READS, store, monotonic() + 60):
        record(store, reading)
    store.targets = (from_profile(store.known(ManagedCluster)[0], wanted.gateway, wanted.namespace),)
    return store


def outcomes(facts: Facts, scheme: str, host: str, port: int) -> Iterator[tuple[RequestOutcome, tuple[Proved, ...]]]:
    """The outcome of a request from each kind of client, with its faults."""
    routing = Routing(facts)
    for clients in clients_of(facts):
        request = ClientRequest(scheme, host, port, clients)
        found = routing.outcome(request)
        broken = BrokenRequest(routing, request, found)
        yield found, faults_of(broken, READERS)[0] if found.result is not Result.THROUGH else ()
