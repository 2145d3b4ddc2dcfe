"""The complete matrix: every incident, with each declared read failing with each status.

A failed read may hide a fault; the verdict is then inconclusive. It never makes a broken gateway healthy, and it
never adds a failure.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from checks.catalogue import catalogue
from checks.facts.fact import ArmResource, AzureCall, Origin, PodLog
from checks.model.findings import Report, Status, Verdict
from tests.clusters.compose import Cluster, Manifest
from tests.incidents.incidents import Incident, incidents
from tests.incidents.judge import statuses
from tests.recordings import diagnosed, question

REPLIES = {403: "forbidden", 404: "not found", 504: "no answer within 20 seconds", 0: "not the expected body"}
READS = {kind.origin.resource: kind.origin for check in catalogue() for kind in check.reads}
STORIES = {i.name: i for i in incidents() if not i.name.startswith("4") and "ambiguous" not in i.expect}


def diagnose(incident: Incident, cluster: Cluster) -> Report:
    expect = incident.expect
    wanted = question(cluster, expect["gateway"], expect.get("host"), expect.get("from"))
    return diagnosed(cluster, wanted).finish(0.0)


@cache
def undisturbed(name: str) -> Report:
    return diagnose(STORIES[name], STORIES[name].cluster)


def without(cluster: Cluster, origin: Origin, status: int) -> Cluster:
    """The cluster with a failure of this read."""
    errors = tuple({**error, "status": status, "message": REPLIES[status]} for error in _errors(cluster, origin))
    return replace(cluster, errors=(*errors, *cluster.errors))


def _errors(cluster: Cluster, origin: Origin) -> Iterator[Manifest]:
    match origin:
        case ArmResource(resource=resource):
            for each in cluster.resources or ():
                if each["type"].lower() == resource.lower():
                    yield {"source": "azure", "resource": each["id"], "namespace": None}
        case AzureCall(resource=resource):
            yield {"source": "azure", "resource": resource, "namespace": None}
        case PodLog():
            yield {"source": "logs", "resource": "pods/log", "namespace": None}
        case _:
            yield {"source": "kubernetes", "resource": origin.resource, "namespace": None}


def judge(name: str, resource: str, status: int) -> None:
    before = undisturbed(name)
    after = diagnose(STORIES[name], without(STORIES[name].cluster, READS[resource], status))
    where = f"{name} without {resource} ({status})"
    if before.verdict is Verdict.BROKEN:
        assert after.verdict in (Verdict.BROKEN, Verdict.INCONCLUSIVE), where
    # A pending problem counts as a failure if the read that shows its age fails (docs/rulings.md#ruling-1).
    real = {slug for slug, its in statuses(before.findings).items() if its is Status.FAIL}
    real |= {f.check for f in before.findings if f.pending and f.status is Status.WARN}
    if (resource, status) == ("managedClusters", 404):
        real.add("cluster-not-running")  # 404 from Azure means that the cluster does not exist
    invented = {slug for slug, its in statuses(after.findings).items() if its is Status.FAIL} - real
    assert not invented, f"{where}: {', '.join(sorted(invented))}"
