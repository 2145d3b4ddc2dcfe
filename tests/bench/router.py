"""The time of the router, including its indexes, over gathered facts.

The requests are one host among 3,000 Istio objects and 500 gateways, and all hosts of a gateway with 200.
"""

from collections.abc import Callable
from time import process_time

from checks.facts.pods import Pod
from checks.facts.store import FactStore
from checks.facts.view import Facts
from checks.istio.mesh.mesh import MESH_READS
from checks.istio.request.outcome import Result
from checks.istio.request.resolve import Router
from checks.istio.request.routing import router_of
from checks.istio.request.wire import Connection, request_layers
from checks.model.question import ClusterIdentity, Question
from tests.bench.evaluation import gathered
from tests.bench.fleet import big_cluster
from tests.bench.measure import Sample, table
from tests.bench.route import fresh, many_hosts

GOALS = {"one": 0.06, "all": 0.2}
"""Limits in seconds of CPU: one host from nothing, all hosts of a gateway with 200."""
_RUNS = 9


def routed(router: Router, client: Pod, scheme: str, host: str, gateway: str) -> bool:
    """Resolve one request of a client; whether it goes through the gateway."""
    port = {"http": 80, "https": 443}[scheme]
    connection = Connection(host, port, request_layers(scheme, host, port, "GET", "/", {}))
    return router.send(client, connection, gateway, host).result is Result.THROUGH


def _opened(store: FactStore, gateway: str) -> tuple[Router, Pod]:
    """A router without indexes, and a client with a sidecar."""
    namespace, _, name = gateway.partition("/")
    target = next(each for each in store.targets if (each.namespace, each.name) == (namespace, name))
    question = Question(ClusterIdentity("bench"), name, namespace)
    facts = Facts(fresh(store), target, question, frozenset(MESH_READS))
    client = next(each for each in facts.all(Pod) if each.namespace == "team-a" and each.proxy is not None)
    return router_of(facts), client


def _cpu(work: Callable[[], None]) -> float:
    began = process_time()
    work()
    return process_time() - began


def one_host(store: FactStore) -> Sample:
    """One host with a new mesh for each run; CPU time of the process."""

    def resolve() -> None:
        router, client = _opened(store, "team-7/egw-7")
        assert routed(router, client, "http", "api-7.example.com", "team-7/egw-7")

    return Sample(tuple(_cpu(resolve) for _ in range(_RUNS)))


def all_hosts(store: FactStore, hosts: int) -> Sample:
    """Every host of one gateway with a new mesh for each run; CPU time of the process."""
    names = ["edition.cnn.com", *(f"api-{number}.example.com" for number in range(hosts - 1))]

    def resolve() -> None:
        router, client = _opened(store, "team-egress/egw")
        for name in names:
            assert routed(router, client, "http", name, "team-egress/egw"), name

    return Sample(tuple(_cpu(resolve) for _ in range(_RUNS)))


def measure() -> str:
    """The section of docs/benchmarks.md."""
    one, every = one_host(gathered(big_cluster(500, 3000))), all_hosts(gathered(many_hosts(200)), 200)
    rows = [
        ("one host, 500 gateways, 3,000 Istio objects, without indexes", one, "60 ms"),
        ("all hosts of a gateway with 200 hosts, without indexes", every, "200 ms"),
    ]
    return "\n".join(["## The router, CPU time", "", table(("what", "median (range)", "limit"), rows)])
