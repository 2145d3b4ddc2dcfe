"""Every request of the recorded meshes that certainly does not go through the gateway has a named fault."""

from collections import Counter

from checks.facts.pods import Pod
from checks.istio.faults.broken_request import BrokenRequest
from checks.istio.faults.diagnosis import faults_of
from checks.istio.faults.readers import READERS
from checks.istio.request.asked import AskedRequest, Clients
from checks.istio.request.outcome import Result
from checks.istio.request.routing import Routing
from tests.istiod.question import Question
from tests.istiod.recorded import answered
from tests.istiod.router import RoutedProduct

GENERIC = 0.1
"""The largest share of requests that are only known not to be taken at the gateway; it only ever falls."""


def test_every_request_that_is_not_through_has_a_fault() -> None:
    named: Counter[str] = Counter()
    without = []
    for mesh in answered():
        routing = Routing(RoutedProduct(mesh.objects, mesh.questions[0].gateway).facts)
        for each in mesh.questions:
            found = _fault(routing, each)
            if found == "":
                without.append(f"{mesh.identity} {each.url} from {each.client}")
            elif found is not None:
                named[found] += 1
    assert not without
    assert named.total() > 200
    assert len(named) > 25
    assert named["not-taken"] / named.total() <= GENERIC


def _fault(routing: Routing, question: Question) -> str | None:
    """The name of the first fault; None if the request goes through or its outcome is not known."""
    namespace, _, workload = question.client.partition("/")
    pods = [each for each in routing.facts.in_namespace(Pod, namespace) if not each.finished]
    pods = [each for each in pods if workload in ("", each.labels.get("app"))]
    pods = [each for each in pods if each.proxy is not None] or pods[:1]
    if not pods:
        return None
    clients = Clients((question.client,), pods[0], tuple(pods))
    host, port = question.host.lower(), question.target_port
    details = (question.path, question.method, question.headers)
    request = AskedRequest(question.scheme, host, port, clients, *details)
    outcome = routing.outcome(request)
    if outcome.result in (Result.THROUGH, Result.UNKNOWN):
        return None
    faults = faults_of(BrokenRequest(routing, request, outcome), READERS)
    return faults[0].fault.name if faults else ""
