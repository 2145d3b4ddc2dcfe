"""The time of the router, including its indexes, over gathered facts.

The requests are one host among 3,000 Istio objects and 500 gateways, and all hosts of a gateway with 200.
"""

from collections.abc import Callable
from time import process_time

from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import Gateway, VirtualService
from checks.facts.pods import Pod
from checks.facts.store import FactStore
from checks.facts.view import Facts
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.proved_faults import faults_of
from checks.istio.faults.readers import READERS
from checks.istio.faults.resolved_routes import ROUTER_READS
from checks.istio.mesh.mesh import MESH_READS
from checks.istio.request.client_request import ClientRequest, Clients
from checks.istio.request.outcome import Result
from checks.istio.request.resolve import Router
from checks.istio.request.routing import Routing, router_of
from checks.istio.request.wire import Connection, request_layers
from checks.model.question import ClusterIdentity, Question
from checks.model.raw_values import Raw, items, texts
from tests.bench.evaluation import every_check, fresh, gathered
from tests.bench.fleet import big_cluster
from tests.bench.measure import Sample, table
from tests.bench.route import many_hosts

GOALS = {"one": 0.06, "all": 0.2}
"""Limits in seconds of CPU: one host from nothing, all hosts of a gateway with 200."""
_RUNS = 9


def routed(router: Router, client: Pod, scheme: str, host: str, gateway: str) -> bool:
    """Resolve one request of a client; whether it goes through the gateway."""
    port = {"http": 80, "https": 443}[scheme]
    connection = Connection(host, port, request_layers(scheme, host, port, "GET", "/", {}))
    return router.send(client, connection, gateway, host).result is Result.THROUGH


def _opened(store: FactStore, gateway: str) -> tuple[Router, Pod]:
    """The router over a store, and a client with a sidecar."""
    namespace, _, name = gateway.partition("/")
    target = next(each for each in store.targets if (each.namespace, each.name) == (namespace, name))
    question = Question(ClusterIdentity("bench"), name, namespace)
    facts = Facts(store, target, question, frozenset(MESH_READS))
    client = next(each for each in facts.all(Pod) if each.namespace == "team-a" and each.proxy is not None)
    return router_of(facts), client


def _cpu(work: Callable[[FactStore], None], store: FactStore) -> float:
    began = process_time()
    work(store)
    return process_time() - began


def one_host(store: FactStore) -> Sample:
    """One host with a new mesh for each run; CPU time of the process."""

    def resolve(copied: FactStore) -> None:
        router, client = _opened(copied, "team-7/egw-7")
        assert routed(router, client, "http", "api-7.example.com", "team-7/egw-7")

    return Sample(tuple(_cpu(resolve, fresh(store)) for _ in range(_RUNS)))


def all_hosts(store: FactStore, hosts: int) -> Sample:
    """Every host of one gateway with a new mesh for each run; CPU time of the process."""
    names = ["edition.cnn.com", *(f"api-{number}.example.com" for number in range(hosts - 1))]

    def resolve(copied: FactStore) -> None:
        router, client = _opened(copied, "team-egress/egw")
        for name in names:
            assert routed(router, client, "http", name, "team-egress/egw"), name

    return Sample(tuple(_cpu(resolve, fresh(store)) for _ in range(_RUNS)))


def broken_hosts(store: FactStore, kind: type[KubernetesObject], broken: Callable[[Raw], Raw]) -> Sample:
    """The CPU time in which the faults of a request with broken objects are found.

    The objects of one kind are broken, and every fix is tried. One gateway follows another over the same facts, each with
    a host of its own.
    """
    numbers = range(5, 5 + _RUNS)
    hosts = {f"api-{number}.example.com" for number in numbers}
    found = [
        kind({**each.raw, "spec": broken(each.raw["spec"])}) if hosts & _hosts(each.raw) else each
        for each in store.known(kind)
    ]
    changed, seconds = fresh(store.with_facts({kind: found})), []
    changed.before_changes = None
    for number in numbers:
        target = next(each for each in store.targets if each.name == f"egw-{number}")
        question = Question(ClusterIdentity("bench"), target.name, target.namespace)
        routing = Routing(Facts(changed, target, question, frozenset(ROUTER_READS)))
        client = next(each for each in routing.facts.all(Pod) if each.namespace == "team-a" and each.proxy is not None)
        request = ClientRequest("http", f"api-{number}.example.com", 80, Clients(("team-a",), client, (client,)))
        outcome = routing.outcome(request)
        broken_request = BrokenRequest(routing, request, outcome)

        def diagnose(_: FactStore, broken_request: BrokenRequest = broken_request) -> None:
            assert faults_of(broken_request, READERS)[0]

        seconds.append(_cpu(diagnose, changed))
    return Sample(tuple(seconds))


def _hosts(raw: Raw) -> set[str]:
    servers = items(raw, "spec", "servers")
    return {*texts(raw, "spec", "hosts"), *(host for each in servers for host in texts(each, "hosts"))}


def _other_host(spec: Raw) -> Raw:
    return {**spec, "servers": [{**each, "hosts": ["other.example"]} for each in items(spec, "servers")]}


def measure() -> str:
    """The section of docs/benchmarks.md."""
    big = gathered(big_cluster(500, 3000))
    servers = broken_hosts(big, Gateway, _other_host)
    exports = broken_hosts(big, VirtualService, lambda spec: {**spec, "exportTo": ["nowhere"]})
    hosts = gathered(many_hosts(200))
    one, every = one_host(big), all_hosts(hosts, 200)
    rows = [
        ("one host, 500 gateways, 3,000 Istio objects, without indexes", one, "60 ms"),
        ("all hosts of a gateway with 200 hosts, without indexes", every, "200 ms"),
        ("the same hosts, with every check of the catalogue", every_check(hosts, _RUNS), "200 ms"),
        ("faults of a host that its server lacks, same objects", servers, "50 ms"),
        ("faults of a host whose VirtualService is not exported, same objects", exports, "50 ms"),
    ]
    return "\n".join(["## The router, CPU time", "", table(("what", "median (range)", "limit"), rows)])
