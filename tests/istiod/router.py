"""The router's answer to the judge's questions."""

from __future__ import annotations

from time import monotonic

from checks.engine.readings import record
from checks.facts.egress_gateway import from_profile
from checks.facts.fact import Unreadable
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.pods import Pod
from checks.facts.services import Service
from checks.facts.store import FactStore
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.istio.mesh.mesh import MESH_READS, Mesh, mesh_of
from checks.istio.request.outcome import RequestOutcome, Result, outcome
from checks.istio.request.resolve import Router
from checks.istio.request.wire import Connection, request_layers
from checks.sources.gathering import gather
from checks.sources.recorded import RecordedSource
from tests.clusters.compose import Cluster
from tests.istiod.product import Resolved
from tests.istiod.question import Question
from tests.recordings import question as question_of
from tests.recordings import recording

READS = (*MESH_READS, ManagedCluster, Deployment)


class RoutedProduct:
    """The router over one cluster."""

    def __init__(self, cluster: Cluster, gateway: str) -> None:
        source = RecordedSource(recording(cluster))
        store = FactStore(source.now())
        namespace, _, name = gateway.partition("/")
        for reading in gather(source, frozenset(READS), store, monotonic() + 60):
            record(store, reading)
        target = from_profile(store.known(ManagedCluster)[0], name, namespace)
        store.targets = (target,)
        wanted = question_of(cluster, gateway, "x.example:80", None)
        self.facts = Facts(store, target, wanted, frozenset(READS))
        self._services = [
            each
            for each in self.facts.all(Service)
            if each.labels.get("azureservicemesh/istio.component") == "egress-gateway" and each.selector
        ]
        self._router = Router(self._mesh, self._gateway_of)

    def _mesh(self, revision: str) -> Mesh:
        return mesh_of(self.facts, revision)

    def _gateway_of(self, pod: Pod) -> str:
        for each in self._services:
            own = pod.labels
            if each.namespace == pod.namespace and all(own.get(k) == v for k, v in each.selector.items()):
                return f"{each.namespace}/{each.name}"
        return ""

    def resolve(self, question: Question) -> Resolved:
        """The outcome of one request."""
        try:
            found = self.outcome(question)
        except Unreadable as unread:
            return Resolved("unknown", answer=f"not checked: {unread.gap}")
        except Exception as error:  # noqa: BLE001 - a crash is a difference, not the end of the comparison
            return Resolved("unknown", answer=f"crashed: {type(error).__name__}: {error}")
        return Resolved(str(found.result), found.status, "; ".join(sorted({each.reason for each in found.ends})))

    def outcome(self, question: Question) -> RequestOutcome:
        """The outcome, over all pods of the client."""
        layers = request_layers(
            question.scheme,
            question.host,
            question.target_port,
            question.method,
            question.path,
            dict(question.headers),
        )
        connection = Connection(question.host, question.target_port, layers)
        namespace, _, workload = question.client.partition("/")
        pods = [
            each
            for each in self.facts.in_namespace(Pod, namespace)
            if not each.finished and workload in ("", _workload(each))
        ]
        pods = [each for each in pods if each.proxy is not None] or pods[:1]
        if not pods:
            return RequestOutcome(Result.UNKNOWN, ())
        ends = [
            end.of(100 / len(pods))
            for pod in pods
            for end in self._router.send(pod, connection, question.gateway, question.host).ends
        ]
        return outcome(ends)


def _workload(pod: Pod) -> str:
    kind, name = pod.owner
    name = name or pod.name
    return name.rpartition("-")[0] if kind == "ReplicaSet" else name
