"""Results that gateways share are those of each gateway alone, in any order."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from dataclasses import replace

import pytest

from checks.catalogue import catalogue
from checks.engine.check import Check
from checks.engine.diagnosis import evaluate
from checks.engine.sweep import evaluate_each
from checks.facts.fact import Gap, KubernetesObject
from checks.facts.istio_networking import VirtualService
from checks.facts.namespaces import Namespace, Secret
from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.facts.services import Service
from checks.facts.store import FactStore
from checks.facts.view import Facts, ReadsOfView
from checks.model.findings import Observation, healthy
from checks.model.question import ClusterIdentity, Question
from checks.reports.document import REPORT
from tests.bench.evaluation import fresh, gathered
from tests.bench.fleet import big_cluster
from tests.clusters.compose import Cluster, Manifest, named

_TWO = "two-gateways-one-configuration"


def _faulty(number: int, manifest: Manifest) -> Manifest | None:
    """The object of a numbered gateway with one fault, or None if it is missing."""
    spec = manifest.get("spec", {})
    match number, manifest["kind"]:
        case 1, "VirtualService":
            return {**manifest, "spec": {**spec, "exportTo": ["nowhere"]}}
        case 2, "Gateway":
            return {
                **manifest,
                "spec": {**spec, "servers": [{**s, "hosts": ["other.example"]} for s in spec["servers"]]},
            }
        case (3, "DestinationRule") | (4, "Pod"):
            return None
        case _:
            return manifest


def _with_faults(cluster: Cluster) -> Cluster:
    """The same cluster, in which some gateways have a fault of their own."""
    found = []
    for each in cluster.objects:
        number = str(each["metadata"].get("namespace", "")).removeprefix("team-")
        found.append(_faulty(int(number), each) if number.isdigit() else each)
    return replace(cluster, objects=tuple(each for each in found if each is not None))


def _documents(store: FactStore, order: int) -> dict[str, str]:
    found = {}
    for each in store.targets[::order]:
        question = Question(ClusterIdentity("aks1"), each.name, each.namespace)
        found[str(each)] = REPORT.dump_json(evaluate(store, question, catalogue(), each)).decode()
    return found


@pytest.mark.parametrize(
    "cluster", [named(_TWO), _with_faults(big_cluster(6, 40))], ids=["two gateways", "gateways with faults"]
)
def test_the_order_of_gateways_changes_no_report(cluster: Cluster) -> None:
    forwards, backwards = _documents(gathered(cluster), 1), _documents(gathered(cluster), -1)
    assert len(forwards) > 1
    assert forwards == backwards


_FORBIDDEN = {
    "everything was read": (),
    "pods of one namespace": ((Pod, "team-2"),),
    "VirtualServices of the cluster": ((VirtualService, None),),
    "Secrets, nodes and one namespace's Services": ((Secret, None), (Node, None), (Service, "team-4")),
}
"""Kinds that could not be read, each in a namespace or in the cluster."""


@pytest.mark.parametrize("forbidden", _FORBIDDEN.values(), ids=_FORBIDDEN)
def test_a_fleet_check_reports_of_each_gateway_what_its_diagnosis_alone_reports(
    forbidden: tuple[tuple[type[KubernetesObject], str | None], ...],
) -> None:
    store = gathered(_with_faults(big_cluster(6, 40)))
    for kind, namespace in forbidden:
        store.add_gap(kind, Gap("kubernetes", "list", kind.kind, 403, "", namespace))
    reports = evaluate_each(fresh(store), ClusterIdentity("aks1"), catalogue(), store.targets, recipes=True)
    alone = [
        evaluate(fresh(store), Question(ClusterIdentity("aks1"), each.name, each.namespace), catalogue(), each)
        for each in store.targets
    ]
    assert [replace(each, settings=()) for each in reports] == alone
    assert len({each.findings for each in alone}) == len(alone)


def _counted(reads_gateway: bool) -> tuple[Check, list[str]]:
    """A check that notes each of its runs."""
    runs: list[str] = []

    def run(facts: Facts) -> Iterator[Observation]:
        runs.append(str(facts.gateway) if reads_gateway else "")
        yield healthy(f"{len(facts.all(Namespace))} namespaces.")

    check = next(each for each in catalogue() if each.slug == "static-egress-disabled")
    return replace(check, reads=(Namespace,), run=run), runs


@pytest.mark.parametrize("reads_gateway", [True, False])
def test_a_check_that_reads_no_gateway_is_evaluated_once_for_the_cluster(reads_gateway: bool) -> None:
    check, runs = _counted(reads_gateway)
    store = gathered(named(_TWO))
    reports = [
        evaluate(store, Question(ClusterIdentity("aks1"), each.name, each.namespace), [check], each)
        for each in store.targets
    ]
    assert len({report.findings for report in reports}) == 1
    assert runs == ([str(each) for each in store.targets] if reads_gateway else [""])


def test_what_was_derived_for_a_gateway_is_dropped_and_derived_again_if_it_is_needed() -> None:
    """The values of 500 gateways took 25 MiB."""
    store = gathered(big_cluster(3, 20))
    before = evaluate_each(store, ClusterIdentity("aks1"), catalogue(), store.targets)
    assert _derived_for_gateways(store) >= {str(each) for each in store.targets}
    store.forget_run()
    assert _derived_for_gateways(store) == set()
    assert evaluate_each(store, ClusterIdentity("aks1"), catalogue(), store.targets) == before


def test_what_is_derived_about_the_client_alone_is_built_once_for_all_gateways(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a client it is the same for every gateway."""
    built: list[str] = []

    def once(facts: Facts, name: str, build: Callable[[Facts], object], about: Hashable = ()) -> object:
        def noted(window: Facts) -> object:
            built.append(name)
            return build(window)

        return known(facts, name, noted, about)

    known = Facts.once
    monkeypatch.setattr(Facts, "once", once)
    store = gathered(big_cluster(3, 20))
    evaluate_each(store, ClusterIdentity("aks1"), catalogue(), store.targets)
    assert built.count("running clients") == 1
    assert max(Counter(built).values()) <= len(store.targets)


def _derived_for_gateways(store: FactStore) -> set[object]:
    """The subjects of the memos that depend on the gateway of a run."""
    once = {key: value[1] for key, value in store.memos.items() if isinstance(value, tuple) and len(value) == 2}
    of_run = [key for key, reads in once.items() if isinstance(reads, ReadsOfView) and reads.of_run]
    return {key[1] for key in of_run if isinstance(key, tuple)} - {None}
