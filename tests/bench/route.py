"""Tracing routes over gathered facts.

One host among 3,000 Istio objects, and all hosts of a gateway with 200.
"""

import copy
from dataclasses import replace
from time import process_time

from checks.engine.collection import collection_paused
from checks.facts.store import FactStore
from checks.facts.view import Facts
from checks.istio.faults.resolved_routes import resolved_routes
from checks.istio.trace.trace import TRACE_READS, trace
from checks.model.question import ClusterIdentity, Question
from tests.bench.evaluation import fresh, gathered
from tests.bench.fleet import big_cluster
from tests.bench.measure import Sample, table
from tests.clusters.compose import Cluster, Manifest, identity, named

GOALS = {"one": 0.1, "all": 0.2}
"""Limits in seconds of CPU: one host among 3,000 Istio objects, all of a gateway with 200."""


def traced_host(store: FactStore, host: str, gateway: str, namespace: str) -> bool:
    """Trace one route over gathered facts; whether it is complete."""
    target = next(each for each in store.targets if (each.namespace, each.name) == (namespace, gateway))
    question = Question(ClusterIdentity("bench"), gateway, namespace, host)
    with collection_paused():  # as in a diagnosis
        return trace(Facts(store, target, question, frozenset(TRACE_READS)), {}).routed


def many_hosts(hosts: int) -> Cluster:
    """The base cluster with this number of hosts on its gateway's server.

    Each has its own objects.
    """
    base = named("base")
    own = [
        o for o in base.objects if o["kind"] in ("VirtualService", "ServiceEntry") and identity(o)[2] == "team-egress"
    ]
    objects: list[Manifest] = []
    for each in base.objects:
        if identity(each)[1:3] == ("Gateway", "team-egress"):
            each = copy.deepcopy(each)  # noqa: PLW2901 - the one that is changed
            each["spec"]["servers"][0]["hosts"] += [f"api-{n}.example.com" for n in range(hosts - 1)]
        objects.append(each)
    for number in range(hosts - 1):
        for each in own:
            twin = copy.deepcopy(each)
            twin["metadata"] |= {
                "name": f"{each['metadata']['name']}-{number}",
                "uid": f"bench-{each['kind']}-{number}",
            }
            twin["spec"]["hosts"] = [f"api-{number}.example.com"]
            for rule in twin["spec"].get("http", ()):
                for destination in (one["destination"] for one in rule["route"]):
                    if destination["host"] == "edition.cnn.com":
                        destination["host"] = f"api-{number}.example.com"
            objects.append(twin)
    return replace(base, objects=tuple(objects))


def one_host() -> Sample:
    """One host among 3,000 Istio objects, with new indexes for each run."""
    store = gathered(big_cluster(500, 3000))
    seconds = []
    for number in range(12):
        copied = fresh(store)
        began = process_time()
        assert traced_host(copied, f"api-{number}.example.com", f"egw-{number}", f"team-{number}")
        seconds.append(process_time() - began)
    return Sample(tuple(seconds))


def all_hosts(hosts: int) -> Sample:
    """Every host of one gateway, resolved from nothing as in a run without a host."""
    store = gathered(many_hosts(hosts))
    seconds = []
    for _ in range(3):
        copied = fresh(store)
        question = Question(ClusterIdentity("bench"), "egw", "team-egress")
        began = process_time()
        with collection_paused():
            routes = resolved_routes(Facts(copied, store.targets[0], question, frozenset(TRACE_READS)))
        seconds.append(process_time() - began)
        assert len({each.host for each in routes}) == hosts
        assert all(each.through for each in routes)
    return Sample(tuple(seconds))


def measure() -> str:
    """The section of docs/benchmarks.md."""
    one, every = one_host(), all_hosts(200)
    rows = [
        ("one host, 500 gateways, 3,000 Istio objects, without indexes", one, "100 ms"),
        ("all hosts of a gateway with 200 hosts, from nothing", every, "200 ms"),
    ]
    return "\n".join(
        ["## Route tracing over gathered facts, CPU time", "", table(("what", "median (range)", "limit"), rows)]
    )
