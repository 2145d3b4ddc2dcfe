"""Properties of the model: what may not change a route does not, whatever the cluster."""

import copy
import random
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from checks.catalogue import catalogue
from checks.model.findings import Report
from tests.clusters.compose import Cluster, compose, named
from tests.recordings import diagnosed, question
from tests.scenarios.cases import Case, cases_of

pytestmark = pytest.mark.slow  # make check keeps to what answers within a minute or two

CHECKS = [check for check in catalogue() if "EG505" <= check.code <= "EG512"]
STARTS = ("base", "tls-passthrough", "tls-origination", "mutual-tls-origination", "wildcard-host")
CASES = [case for check in CHECKS for case in cases_of(check) if "errors" not in (case.raw.get("with") or {})]
NAMES = [f"{case.check.slug}: {case.name}" for case in CASES]
UNRELATED: list[dict[str, Any]] = [
    {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": "other", "namespace": "team-b", "creationTimestamp": "2026-10-01T08:00:00Z"},
        "spec": {
            "hosts": ["other.example"],
            "exportTo": ["."],
            "ports": [{"number": 8088, "name": "http", "protocol": "HTTP"}],
        },
    },
    {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "other", "namespace": "team-b", "creationTimestamp": "2026-10-01T08:00:00Z"},
        "spec": {
            "hosts": ["other.example"],
            "exportTo": ["."],
            "http": [{"route": [{"destination": {"host": "other.example"}}]}],
        },
    },
    {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "other", "namespace": "team-b", "creationTimestamp": "2026-10-01T08:00:00Z"},
        "spec": {"host": "other.example", "exportTo": ["."], "trafficPolicy": {"tls": {"mode": "SIMPLE"}}},
    },
    {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "other", "namespace": "team-b", "creationTimestamp": "2026-10-01T08:00:00Z"},
        "spec": {
            "selector": {"istio": "aks-istio-ingressgateway-external"},
            "servers": [{"hosts": ["*"], "port": {"number": 80, "name": "http", "protocol": "HTTP"}}],
        },
    },
]


def cluster_of(case: Case) -> Cluster:
    return compose(named(case.cluster), case.raw.get("with") or {})


def diagnose(case: Case, cluster: Cluster) -> Report:
    wanted = question(cluster, case.raw.get("gateway", "team-egress/egw"), case.raw.get("host"), case.raw.get("from"))
    return diagnosed(cluster, wanted, CHECKS).finish(0.0)


@cache
def _usual(number: int) -> list[tuple[str, str, str]]:
    """The results of a case as it is."""
    return results(diagnose(CASES[number], cluster_of(CASES[number])))


def results(report: Report) -> list[tuple[str, str, str]]:
    return sorted((f.code, f.status.value, f.summary) for f in report.findings)


@pytest.mark.parametrize("start", STARTS)
def test_healthy_routes_have_neither_failures_nor_warnings(start: str) -> None:
    cluster = named(start)
    report = diagnosed(cluster, question(cluster, "team-egress/egw"), CHECKS).finish(0.0)
    assert report.verdict.value == "healthy", results(report)


@pytest.mark.parametrize("number", range(len(CASES)), ids=NAMES)
def test_objects_about_other_hosts_change_no_route(number: int) -> None:
    case = CASES[number]
    cluster = cluster_of(case)
    more = replace(cluster, objects=(*cluster.objects, *copy.deepcopy(UNRELATED)))
    assert results(diagnose(case, more)) == _usual(number)


@pytest.mark.parametrize("number", range(len(CASES)), ids=NAMES)
def test_the_order_of_objects_does_not_matter(number: int) -> None:
    case = CASES[number]
    cluster = cluster_of(case)
    objects = list(cluster.objects)
    random.Random(case.name).shuffle(objects)
    assert results(diagnose(case, replace(cluster, objects=tuple(objects)))) == _usual(number)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.check.slug}: {case.name}")
def test_the_name_of_the_host_does_not_matter(case: Case) -> None:
    cluster = cluster_of(case)
    statuses = [(f.code, f.status) for f in diagnose(case, cluster).findings]
    renamed = replace(cluster, objects=_renamed(cluster.objects), logs=_renamed(cluster.logs))
    other = Case(case.check, case.name, _renamed(dict(case.raw)), case.cluster)
    assert [(f.code, f.status) for f in diagnose(other, renamed).findings] == statuses


def _renamed(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("cnn.com", "bank.example").replace("CNN.com", "BANK.example")
    if isinstance(value, dict):
        return {_renamed(key): _renamed(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_renamed(each) for each in value)
    return value
