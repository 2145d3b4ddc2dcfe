"""EG108: a mesh revision past its support, or not made for the cluster's Kubernetes."""

import re
from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.view import Facts
from checks.knowledge.revisions import CALENDAR, DATED, SupportedRevision, before_the_calendar, calendar_entry
from checks.model.commands import SUPPORT, UPG, az_aks, change, look
from checks.model.findings import Action, Evidence, Observation, Scope, Severity, healthy, skip, unknown, warn

TABLE = f"by the calendar of {DATED}"


@check(
    code="EG108",
    title="A mesh revision is out of support",
    severity=Severity.RISKS,
    scope=Scope.AZURE,
    reads=(ManagedCluster,),
)
def revision_unsupported(facts: Facts) -> Iterator[Observation]:
    """What it checks: each installed mesh revision in a dated calendar: whether its last month of support is over, and
    whether it is made for the cluster's Kubernetes minor (with the wider range of long-term support where the cluster has
    that). Both only warn, because the calendar grows old; a revision that it does not know is unknown.

    Why it matters: a revision out of support gets no fixes, and AKS may refuse operations on the mesh.

    What usually fixes it: an upgrade of the mesh to the next revision or the one after it.

    Source: AKS docs, Istio add-on support policy and upgrade, as of the calendar's date
    """
    cluster = facts.one(ManagedCluster)
    truth = [_truth(facts, "get-upgrades")]
    if cluster is None:
        yield skip("Azure is not looked at by configuration, so the mesh revisions are not known.", actions=truth)
        return
    if not cluster.revisions:
        yield skip(f"No mesh revision is installed on {cluster.ref} (istio-addon-disabled).")
        return
    found = [each for name in cluster.revisions for each in _judged(facts, cluster, name)]
    yield from found
    if not found:
        rows = [row for name in cluster.revisions if (row := calendar_entry(name)) is not None]
        yield healthy(
            f"Mesh revision{'s' if len(rows) > 1 else ''} {' and '.join(row.name for row in rows)} of {cluster.ref} "
            f"{'are' if len(rows) > 1 else 'is'} supported {TABLE}.",
            evidence=[_end(cluster, row) for row in rows],
        )


def _judged(facts: Facts, cluster: ManagedCluster, name: str) -> Iterator[Observation]:
    row = calendar_entry(name)
    if row is None:
        yield _unlisted(facts, cluster, name)
        return
    if row.ended(facts.now):
        out = f"{'probably ' if row.expected else ''}out of support since the end of {row.end.split()[0]}"
        yield warn(
            f"Mesh revision {name} of {cluster.ref} is {out}, {TABLE}.",
            subject=f"{cluster.ref}, revision {name}",
            evidence=[_end(cluster, row)],
            actions=_actions(facts, cluster),
        )
    minor = re.match(r"(\d+)\.(\d+)", cluster.kubernetes_version)
    if minor and not row.runs_on((int(minor[1]), int(minor[2])), cluster.long_term_support):
        yield warn(
            f"Mesh revision {name} of {cluster.ref} is not made for Kubernetes {cluster.kubernetes_version}, {TABLE}.",
            subject=f"{cluster.ref}, revision {name}",
            evidence=[
                Evidence(
                    cluster.ref, "currentKubernetesVersion", cluster.kubernetes_version, f"{row.minors} for {name}"
                )
            ],
            actions=_actions(facts, cluster),
        )


def _unlisted(facts: Facts, cluster: ManagedCluster, name: str) -> Observation:
    subject = f"{cluster.ref}, revision {name}"
    evidence = [
        Evidence(cluster.ref, "serviceMeshProfile.istio.revisions", name, f"{CALENDAR[0].name} to {CALENDAR[-1].name}")
    ]
    if before_the_calendar(name):
        summary = f"Mesh revision {name} of {cluster.ref} is older than every revision in the calendar of {DATED}."
        return warn(summary, subject=subject, evidence=evidence, actions=_actions(facts, cluster))
    summary = f"The calendar of {DATED} does not know mesh revision {name} of {cluster.ref}."
    return unknown(summary, subject=subject, evidence=evidence, actions=[_truth(facts, "get-upgrades")])


def _end(cluster: ManagedCluster, row: SupportedRevision) -> Evidence:
    return Evidence(
        cluster.ref, "serviceMeshProfile.istio.revisions", row.name, f"supported until the end of {row.end}"
    )


def _actions(facts: Facts, cluster: ManagedCluster) -> list[Action]:
    location = cluster.location
    where = [
        look(
            "See which revisions the region offers",
            f"az aks mesh get-revisions --location {location} -o table",
            SUPPORT,
        )
    ]
    return [
        _truth(facts, "get-upgrades"),
        *(where if location else []),
        change(
            "Upgrade the mesh to one of these revisions",
            az_aks(facts.cluster, "mesh", "upgrade", "start") + ' --revision "${REVISION:?}"',
            UPG,
            "a second istiod and a second Deployment of each gateway come up beside the old ones; finish with "
            "`az aks mesh upgrade complete` once workloads are restarted on them",
        ),
    ]


def _truth(facts: Facts, verb: str) -> Action:
    return look("See what Azure supports for this cluster today", az_aks(facts.cluster, "mesh", verb), SUPPORT)
