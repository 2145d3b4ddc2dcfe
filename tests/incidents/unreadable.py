"""The complete matrix: every incident, with each declared read failing in each way.

A failed read may hide a fault: its check is then not checked, or does not apply. No check that found a fault passes
instead, no broken gateway becomes healthy, and no failure is added. That each wrong answer on the wire is one of these
failed reads is tested in tests/checks/sources/test_expected_answers.py.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from checks.catalogue import catalogue
from checks.facts.fact import ArmResource, AzureCall, Origin, PodLog, ProxyCounters
from checks.model.findings import Report, Status, Verdict
from checks.sources.source import TOO_LATE
from tests.clusters.compose import Cluster, Manifest
from tests.incidents.incidents import incidents
from tests.incidents.judge import statuses
from tests.incidents.repeated import Undisturbed

REPLIES: dict[str, tuple[int, str]] = {
    "403": (403, "forbidden"),
    "404": (404, "not found"),
    "429": (429, "too many requests"),
    "500": (500, "etcdserver: leader changed"),
    "504": (504, "no answer within 20 seconds"),
    "hangs": (504, TOO_LATE),
    "cut short": (0, "the API server closed the connection"),
    "Status with 200": (502, "the answer is Status (v1), not the requested list: etcdserver: no leader"),
    "wrong kind": (502, "the list contains an item that is not of the requested kind"),
}
"""The failed reads by what was answered: status and message."""
MISSING_IN_AZURE = {
    "managedClusters": "cluster-not-running",
    "Microsoft.Network/publicIPPrefixes": "own-prefix-unusable",
}
"""The faults for which 404 from Azure is the proof: the resource does not exist."""
READS = {kind.origin.resource: kind.origin for check in catalogue() for kind in check.reads}
STORIES = {i.name: i for i in incidents() if not i.name.startswith("4") and "ambiguous" not in i.expect}


@cache
def undisturbed(name: str) -> Undisturbed:
    return Undisturbed(STORIES[name])


def without(cluster: Cluster, origin: Origin, reply: str) -> Cluster:
    """The cluster with a failure of this read."""
    status, message = REPLIES[reply]
    errors = tuple({**error, "status": status, "message": message} for error in _errors(cluster, origin))
    return replace(cluster, errors=(*errors, *cluster.errors))


def _errors(cluster: Cluster, origin: Origin) -> Iterator[Manifest]:
    match origin:
        case ArmResource(resource=resource):
            requests = {_requested(each["id"]) for each in cluster.resources or ()}
            for each in sorted(request for request in requests if _type_of(request) == resource.lower()):
                yield {"source": "azure", "resource": each, "namespace": None}
        case AzureCall(resource=resource):
            yield {"source": "azure", "resource": resource, "namespace": None}
        case PodLog():
            yield {"source": "logs", "resource": "pods/log", "namespace": None}
        case ProxyCounters():
            yield {"source": "metrics", "resource": "prometheus", "namespace": None}
        case _:
            yield {"source": "kubernetes", "resource": origin.resource, "namespace": None}


def _requested(resource_id: str) -> str:
    """The ID by which a resource is read.

    The network interfaces of a machine are read as a list.
    """
    head, _, _ = resource_id.rpartition("/")
    return head if head.lower().endswith("/networkinterfaces") and "/virtualmachines/" in head.lower() else resource_id


def _type_of(resource_id: str) -> str:
    """The type of a resource by its ID: the provider, and every other segment after it."""
    provider, *rest = resource_id.lower().rpartition("/providers/")[2].partition("?")[0].split("/")
    return "/".join([provider, *rest[::2]])


def judge(name: str, resource: str, reply: str) -> Iterator[str]:
    """The false results to which this failed read leads."""
    story, known = STORIES[name], undisturbed(name)
    after = known.again(without(story.cluster, READS[resource], reply))
    for wrong in false_results(known.report, after, resource, reply):
        yield f"{name} without {resource} ({reply}): {wrong}"


def false_results(before: Report, after: Report, resource: str, reply: str) -> Iterator[str]:
    """The false passes and the false failures of a report with a failed read.

    `before` is the report without it.
    """
    # With a pending finding, a gateway whose failure is hidden is starting (docs/contract.md#verdict).
    unhealthy = (Verdict.BROKEN, Verdict.STARTING, Verdict.INCONCLUSIVE)
    was, now = statuses(before.findings), statuses(after.findings)
    if before.verdict is Verdict.BROKEN and after.verdict not in unhealthy:
        yield str(after.verdict)
    for slug, its in now.items():
        if its is Status.PASS and was[slug] in (Status.FAIL, Status.WARN):
            yield f"{slug} passes"
    # A pending problem counts as a failure if the read that shows its age fails (docs/rulings.md#ruling-1).
    real = {slug for slug, its in was.items() if its is Status.FAIL}
    real |= {f.check for f in before.findings if f.pending and f.status is Status.WARN}
    if reply == "404" and resource in MISSING_IN_AZURE:
        real.add(MISSING_IN_AZURE[resource])
    for slug in sorted({slug for slug, its in now.items() if its is Status.FAIL} - real):
        yield f"{slug} fails"
