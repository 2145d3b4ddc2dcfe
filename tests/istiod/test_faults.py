"""Every request that certainly does not go through its gateway has a named fault.

The requests are those of recorded meshes.
"""

from collections import Counter

from checks.facts.fact import Unreadable
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.proved_faults import faults_of
from checks.istio.faults.readers import READERS
from checks.istio.request.client_request import ClientRequest, Clients
from checks.istio.request.outcome import Result
from checks.istio.request.routing import Routing
from tests.checks.istio.faults.diagnosed import facts_about
from tests.istiod.question import Question
from tests.istiod.recorded import answered

EVERY, REQUESTS = 3, 8
"""One of so many recorded meshes, and so many requests of each."""
GENERIC = 0.1
"""The largest share of requests that are only known not to be accepted at the gateway.

It may only become smaller.
"""


def request_of(routing: Routing, question: Question) -> ClientRequest | None:
    """The question from the first pod of its client."""
    namespace, _, workload = question.client.partition("/")
    pods = [
        each
        for each in routing.mesh("").workloads.pods
        if each.namespace == namespace and each.name.startswith(workload)
    ]
    if not pods:
        return None
    clients = Clients((question.client,), pods[0], tuple(pods))
    return ClientRequest(
        question.scheme,
        question.host,
        question.target_port,
        clients,
        question.path,
        question.method,
        question.headers,
    )


def test_a_request_that_does_not_go_through_has_a_fault() -> None:
    named: Counter[str] = Counter()
    unnamed = []
    for mesh in list(answered())[::EVERY]:
        routing = Routing(facts_about(mesh.objects, "api.bank.example", None, mesh.questions[0].gateway))
        for question in mesh.questions[:REQUESTS]:
            request = request_of(routing, question)
            try:
                found = routing.outcome(request) if request is not None else None
            except Unreadable:
                continue
            if request is None or found is None or found.result in (Result.THROUGH, Result.UNKNOWN):
                continue
            broken = BrokenRequest(routing, request, found)
            if faults := faults_of(broken, READERS)[0]:
                named[faults[0].fault.name] += 1
            else:
                unnamed.append(
                    f"{mesh.identity} {mesh.fields} {question.url} from {question.client}: {broken.end.reason}"
                )
    assert named.total() > 80
    assert not unnamed
    assert named["not-taken"] / named.total() <= GENERIC
