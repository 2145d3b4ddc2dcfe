"""Fixes are applied to the cluster, and istiod routes the request.

Their faults are none of the breakages of the domain reference. The recorded outcomes are those of istiod's own code
(make judge-corrections).
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from tests.checks.istio.faults.diagnosed import facts_about, outcomes
from tests.checks.istio.faults.test_copied_examples import WRONG, copied, rule_for_port
from tests.checks.istio.faults.test_gateway_api_listeners import ANSWERS, SETS, with_listener_set
from tests.checks.istio.faults.test_gateway_api_routes import HOST, HTTP, TLS, backend, cluster_with, spec_of
from tests.checks.istio.faults.test_gateways_of_others import of_team_b
from tests.checks.istio.faults.test_shared_objects import ROOT_RULES, in_root
from tests.checks.istio.trace import kubectl
from tests.clusters.compose import Cluster, named
from tests.incidents.incidents import reported
from tests.istiod.corrections import Corrected, confirm

NEW = "www.new.example"


@dataclass(frozen=True)
class Situation:
    """A cluster with a request that does not go through the gateway."""

    name: str
    cluster: Callable[[], Cluster]
    scheme: str = "http"
    port: int = 80
    host: str = HOST


def _sets(objects: Any, on: str, situation: str) -> Cluster:
    moved = with_listener_set(objects)
    if situation:
        SETS[situation][0](moved)
    return cluster_with(moved, on)


def _copied_routes(objects: Any, on: str) -> Cluster:
    moved = copy.deepcopy(objects)
    backend("mesh", name="istio-egressgateway", namespace="istio-system")(moved)
    address = {"type": "Hostname", "value": "istio-egressgateway.istio-system.svc.cluster.local"}
    spec_of("gateway", addresses=[address])(moved)
    return cluster_with(moved, on)


def _answering(situation: str) -> Cluster:
    route, filters, *_ = ANSWERS[situation]
    moved = copy.deepcopy(HTTP)
    moved[route]["spec"]["rules"][0] = {"filters": filters} if filters else {}
    return cluster_with(moved, "base")


def _wrong_port(name: str) -> Situation:
    on, scheme, declared, written, entry = WRONG[name]
    return Situation(f"a rule for {name}", lambda: rule_for_port(on, written, **entry()), scheme, declared)


REPORTED = {
    "04": ("http", 80, "api.x.example"),
    "15": ("https", 443, "api.x.example"),
    "16": ("https", 443, "api.x.example"),
    "17": ("https", 443, "api.x.example"),
}
"""Reported faults whose fixes change several objects, with the request."""


def _reported(number: str, scheme: str, port: int, host: str) -> Situation:
    incident = next(each for each in reported() if each.name.startswith(f"{number}-"))
    return Situation(incident.name, lambda: incident.cluster, scheme, port, host)


def situations() -> Iterator[Situation]:
    """Every situation, for both kinds of requests if it has them."""
    for objects, on, scheme, port in ((HTTP, "base", "http", 80), (TLS, "tls-passthrough", "https", 443)):
        yield Situation(f"a copied example, {scheme}", partial(copied, on), scheme, port)
        yield Situation(f"copied routes, {scheme}", partial(_copied_routes, objects, on), scheme, port)
        for name in SETS:
            yield Situation(f"{name} at a ListenerSet, {scheme}", partial(_sets, objects, on, name), scheme, port)
        yield Situation(f"a new host at a ListenerSet, {scheme}", partial(_sets, objects, on, ""), scheme, port, NEW)
    yield from map(_wrong_port, WRONG)
    for name in ANSWERS:
        yield Situation(name, partial(_answering, name))
    for name, (rule, _, spec) in ROOT_RULES.items():
        yield Situation(f"{name} in the root namespace", partial(in_root, named("base"), rule, **spec))
    yield from (_reported(number, *asked) for number, asked in REPORTED.items())
    yield Situation("a selector of team-b", partial(of_team_b, {"istio": "nobody"}))
    yield Situation("a server of team-b", partial(of_team_b, {"istio": "egw"}, hosts=["www.x.example"]))


def corrected(situation: Situation) -> Corrected:
    """The cluster after all fixes."""
    cluster = situation.cluster()
    facts = facts_about(cluster, situation.host, "team-a")
    _, faults = next(iter(outcomes(facts, situation.scheme, situation.host, situation.port)))
    changes = [change for each in faults if each.fix is not None for change in each.fix.changes]
    assert changes, situation.name
    for change in changes:
        cluster = kubectl.run(cluster, change.command)
    asked = f"{situation.scheme}://{situation.host}"
    return Corrected(f"fixed: {situation.name}", cluster, asked, "team-a")


def every_corrected() -> Iterator[Callable[[], Corrected]]:
    """All corrected clusters, for istiod's code."""
    for each in situations():
        yield partial(corrected, each)


@pytest.mark.parametrize("situation", list(situations()), ids=lambda each: each.name)
def test_istiod_routes_the_request_after_the_fixes(situation: Situation) -> None:
    confirm(corrected(situation))
