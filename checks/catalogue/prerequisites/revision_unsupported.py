"""EG108: a mesh revision is out of support.

The check also fails for a revision that is not compatible with the cluster's Kubernetes version.
"""

import re
from collections.abc import Iterator

from checks.azure.unread import azure_not_read
from checks.engine.check import check
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.view import Facts
from checks.knowledge.revisions import CALENDAR, SupportedRevision
from checks.model.commands import SUPPORT, UPG, az_aks, change, inspect
from checks.model.findings import Action, Evidence, Observation, Scope, Severity, healthy, skip, unknown, warn

_BY_CALENDAR = f"according to the calendar of {CALENDAR.taken}"


@check(
    code="EG108",
    title="A mesh revision is out of support",
    severity=Severity.RISKS,
    warns_of_limit=True,
    scope=Scope.AZURE,
    reads=(ManagedCluster,),
)
def revision_unsupported(facts: Facts) -> Iterator[Observation]:
    """What it checks: each installed mesh revision in a dated calendar. It warns if the last month of support has
    passed, or if the revision is not compatible with the cluster's Kubernetes minor version (clusters with long-term
    support have a wider range). It never fails, because the calendar becomes outdated. What is newer than the calendar is
    not checked: a newer revision, a newer Kubernetes version, and the end of support of its two newest revisions,
    because AKS always supports two.

    Why it matters: a revision out of support gets no fixes, and AKS can refuse operations on the mesh.

    What usually fixes it: an upgrade of the mesh to the next revision or the one after it.

    Source: AKS documentation, "Support policy for Istio-based service mesh add-on for Azure Kubernetes Service" and
    "Upgrade Istio-based service mesh add-on for Azure Kubernetes Service", as of the calendar's date."""
    cluster = facts.one(ManagedCluster)
    upgrades = [_upgrades(facts)]
    if cluster is None:
        yield azure_not_read("The mesh revisions are", upgrades)
        return
    if not cluster.revisions:
        yield skip(f"No mesh revision is installed on {cluster.ref} (istio-addon-disabled).")
        return
    found = [each for name in cluster.revisions for each in _judged(facts, cluster, name)]
    yield from found
    if not found:
        rows = [row for name in cluster.revisions if (row := CALENDAR.row(name)) is not None]
        yield healthy(
            f"Mesh revision{'s' if len(rows) > 1 else ''} {' and '.join(row.name for row in rows)} of {cluster.ref} "
            f"{'are' if len(rows) > 1 else 'is'} supported {_BY_CALENDAR}.",
            evidence=[_end(cluster, row) for row in rows],
        )


def _judged(facts: Facts, cluster: ManagedCluster, name: str) -> Iterator[Observation]:
    row = CALENDAR.row(name)
    if row is None:
        yield _unlisted(facts, cluster, name)
        return
    if row.ended(facts.now):
        yield _past_its_month(facts, cluster, row)
    minor = re.match(r"(\d+)\.(\d+)", cluster.kubernetes_version)
    if minor:
        yield from _compatible(facts, cluster, row, (int(minor[1]), int(minor[2])))


def _past_its_month(facts: Facts, cluster: ManagedCluster, row: SupportedRevision) -> Observation:
    subject, evidence = f"{cluster.ref}, revision {row.name}", [_end(cluster, row)]
    if CALENDAR.could_be_supported(row):
        return unknown(
            f"Support of mesh revision {row.name} of {cluster.ref} is not known: its expected end has passed, but AKS "
            f"always supports two revisions, and the calendar of {CALENDAR.taken} does not list newer ones.",
            subject=subject,
            evidence=evidence,
            actions=[_upgrades(facts)],
        )
    return warn(
        f"Mesh revision {row.name} of {cluster.ref} has {'probably ' if row.expected else ''}been out of support since "
        f"the end of {row.last_month}, {_BY_CALENDAR}.",
        subject=subject,
        evidence=evidence,
        actions=_actions(facts, cluster, row.name),
    )


def _compatible(
    facts: Facts, cluster: ManagedCluster, row: SupportedRevision, minor: tuple[int, int]
) -> Iterator[Observation]:
    if row.runs_on(minor, cluster.long_term_support):
        return
    subject = f"{cluster.ref}, revision {row.name}"
    evidence = [
        Evidence(cluster.ref, "currentKubernetesVersion", cluster.kubernetes_version, f"{row.minors} for {row.name}")
    ]
    if not CALENDAR.knows(row, minor):
        yield unknown(
            f"Whether mesh revision {row.name} of {cluster.ref} is compatible with Kubernetes "
            f"{cluster.kubernetes_version} is not known: the calendar of {CALENDAR.taken} does not list that version.",
            subject=subject,
            evidence=evidence,
            actions=[_upgrades(facts)],
        )
        return
    yield warn(
        f"Mesh revision {row.name} of {cluster.ref} is not compatible with Kubernetes {cluster.kubernetes_version}, "
        f"{_BY_CALENDAR}.",
        subject=subject,
        evidence=evidence,
        actions=_newer_kubernetes(facts, row, minor) if minor < row.oldest else _actions(facts, cluster, row.name),
    )


def _newer_kubernetes(facts: Facts, row: SupportedRevision, minor: tuple[int, int]) -> list[Action]:
    """Upgrade the cluster, because the mesh revision needs a newer Kubernetes.

    AKS skips no minor version.
    """
    version = f"{minor[0]}.{minor[1] + 1}"
    further = "" if (minor[0], minor[1] + 1) >= row.oldest else f", before {row.oldest[0]}.{row.oldest[1]}"
    return [
        inspect("List the versions that the cluster can be upgraded to", az_aks(facts.cluster, "get-upgrades"), UPG),
        change(
            f"Upgrade the cluster to Kubernetes {version}{further}: {row.name} needs {row.minors}",
            az_aks(facts.cluster, "upgrade", "--kubernetes-version", version),
            UPG,
            f"currentKubernetesVersion is {version}; the nodes are replaced one after the other",
        ),
    ]


def _unlisted(facts: Facts, cluster: ManagedCluster, name: str) -> Observation:
    subject = f"{cluster.ref}, revision {name}"
    evidence = [
        Evidence(
            cluster.ref,
            "serviceMeshProfile.istio.revisions",
            name,
            f"{CALENDAR.revisions[0].name} to {CALENDAR.revisions[-1].name}",
        )
    ]
    if CALENDAR.before(name):
        summary = (
            f"Mesh revision {name} of {cluster.ref} is older than every revision in the calendar of {CALENDAR.taken}."
        )
        return warn(summary, subject=subject, evidence=evidence, actions=_actions(facts, cluster, name))
    summary = (
        f"Support of mesh revision {name} of {cluster.ref} is not known: it is not in the calendar of {CALENDAR.taken}."
    )
    return unknown(summary, subject=subject, evidence=evidence, actions=[_upgrades(facts)])


def _end(cluster: ManagedCluster, row: SupportedRevision) -> Evidence:
    return Evidence(
        cluster.ref, "serviceMeshProfile.istio.revisions", row.name, f"supported until the end of {row.end}"
    )


def _actions(facts: Facts, cluster: ManagedCluster, name: str) -> list[Action]:
    """Upgrade the mesh.

    The new revision is the newest of the calendar to which this one can be upgraded.
    """
    minor = re.match(r"(\d+)\.(\d+)", cluster.kubernetes_version)
    target = (
        CALENDAR.next_of(
            name, (int(minor[1]), int(minor[2])), long_term_support=cluster.long_term_support, now=facts.now
        )
        if minor
        else None
    )
    start = ("mesh", "upgrade", "start")
    command = (
        az_aks(facts.cluster, *start, "--revision", target.name)
        if target is not None
        else az_aks(facts.cluster, *start) + ' --revision "${REVISION:?a revision of az aks mesh get-upgrades}"'
    )
    location = cluster.location
    where = [
        inspect(
            "List the mesh revisions that the region offers",
            f"az aks mesh get-revisions --location {location} -o table",
            SUPPORT,
        )
    ]
    return [
        _upgrades(facts),
        *(where if location else []),
        change(
            f"Upgrade the mesh to {target.name}"
            if target is not None
            else "Upgrade the mesh to a revision that az aks mesh get-upgrades lists; first set REVISION to it",
            command,
            UPG,
            "a second istiod and a second Deployment of each gateway start next to the old ones; finish with "
            "`az aks mesh upgrade complete` after the workloads are restarted on the new revision",
        ),
    ]


def _upgrades(facts: Facts) -> Action:
    title = "Show the mesh revisions that Azure supports for this cluster now"
    return inspect(title, az_aks(facts.cluster, "mesh", "get-upgrades"), SUPPORT)
