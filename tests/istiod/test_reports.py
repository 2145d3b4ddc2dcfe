"""One truth per report: the findings of a run without a host are those of its requests.

The meshes are those whose answers of istiod are recorded.
"""

from collections.abc import Iterator

import pytest

from checks.catalogue import catalogue
from checks.istio.configured.configured_hosts import configured_hosts
from checks.istio.configured.request_kinds import configured_kinds
from checks.istio.configured.request_variants import request_variants
from checks.istio.mesh.objects.hosts import is_wildcard
from checks.istio.request.client_request import ClientRequest
from checks.istio.request.clients import has_sidecar
from checks.istio.request.outcome import Result
from checks.istio.request.routing import Routing
from checks.model.findings import Stage, Status
from checks.model.route import HopName, Mark
from tests.checks.istio.faults.diagnosed import facts_about
from tests.istiod.meshes.draft import API
from tests.istiod.question import Question
from tests.istiod.recorded import Answered, answered, answered_by_hand, answered_gateway_api
from tests.istiod.router import RoutedProduct
from tests.istiod.test_faults import request_of
from tests.recordings import diagnosed, question

pytestmark = pytest.mark.slow

EVERY = 2
"""One of so many recorded meshes."""
CLIENTS = ("team-a/web", "team-b/batch")
CHECKS = catalogue()


def results(mesh: Answered) -> Iterator[tuple[str, set[Result]]]:
    """Each configured host, with the outcomes of its requests from clients with a sidecar."""
    facts = facts_about(mesh.objects, API, None, mesh.questions[0].gateway)
    routing = Routing(facts)
    for host in configured_hosts(facts).hosts:
        if is_wildcard(host):
            continue
        kinds = [
            Question(mesh.questions[0].gateway, host, kind.scheme, client, kind.port)
            for kind in configured_kinds(routing, host)
            for client in CLIENTS
        ]
        requests = (request_of(routing, each) for each in kinds)
        yield (
            host,
            {result(routing, host, each) for each in requests if each is not None and has_sidecar(each.clients.pod)},
        )


def result(routing: Routing, host: str, request: ClientRequest) -> Result:
    """The result of a request, or of one that meets the conditions of rules if that is through."""
    found = routing.outcome(request).result
    others = request_variants(routing.facts, host, request) if found in (Result.FAILS, Result.BYPASSES) else ()
    return Result.THROUGH if any(routing.outcome(each).result is Result.THROUGH for each in others) else found


def test_a_host_has_a_failing_finding_if_and_only_if_a_request_certainly_fails() -> None:
    failed = healthy = 0
    wrong = []
    for mesh in [*answered(), *answered_gateway_api()][::EVERY]:
        wanted = question(mesh.objects, mesh.questions[0].gateway, None, None)
        failing = [
            each for each in diagnosed(mesh.objects, wanted, CHECKS).finish(0.0).findings if each.status is Status.FAIL
        ]
        hosts = {each.name for finding in failing for each in finding.about if each.kind == "host"}
        elsewhere = any(
            each.stage is not Stage.ISTIO for each in failing
        )  # for example, no pod of the gateway is ready
        for host, found in results(mesh):
            if found & {Result.FAILS, Result.BYPASSES}:
                failed += 1
                if host not in hosts and not elsewhere:
                    wrong.append(f"{mesh.identity} {mesh.fields}: {host} fails, and no finding says so")
            elif found == {Result.THROUGH}:
                healthy += 1
                if host in hosts:
                    wrong.append(f"{mesh.identity} {mesh.fields}: {host} is through, and has a failing finding")
    assert not wrong
    assert failed > 50
    assert healthy > 40


def test_a_route_that_reached_the_gateway_says_so() -> None:
    """Each request of a mesh written by hand whose ends are all at the gateway or behind it."""
    reached = 0
    for mesh in answered_by_hand():
        gateway = mesh.questions[0].gateway
        product = RoutedProduct(mesh.objects, gateway)
        for each in mesh.questions:
            outcome = product.outcome(each)
            if outcome.result is not Result.FAILS or any(gateway not in end.gateways for end in outcome.ends):
                continue
            report = diagnosed(mesh.objects, question(mesh.objects, gateway, each.url, each.client), CHECKS).finish(0.0)
            assert report.route is not None
            [request] = report.route.requests
            marks = {hop.name: hop.mark for hop in request.hops}
            assert marks[HopName.SERVICE] is Mark.PASSES, (mesh.identity, each.url)
            reached += 1
    assert reached > 5
