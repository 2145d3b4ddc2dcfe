"""Runs with handwritten findings, for tests of messages and couriers.

Code, stage, severity and title are those of the catalogue; subject, summary, evidence and actions are written here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from checks.catalogue import catalogue
from checks.model.findings import (
    Action,
    Change,
    Effect,
    Evidence,
    Finding,
    NotChecked,
    Observation,
    Report,
    Status,
    Verdict,
)
from workers.client import ConnectedClient as Client
from workers.records.run import Order, Run, RunState, Target

BEGAN = datetime(2026, 11, 23, 3, 4, 5, tzinfo=UTC)

CHECKS = {check.slug: check for check in catalogue()}


def declared(
    slug: str,
    status: Status,
    summary: str,
    subject: str = "",
    evidence: tuple[Evidence, ...] = (),
    actions: tuple[Action, ...] = (),
    explained_by: tuple[str, ...] = (),
) -> Finding:
    """A finding of a check of the catalogue, with its code, stage, severity and title."""
    seen = Observation(status, summary, subject, evidence, actions)
    return replace(CHECKS[slug].finding(seen), explained_by=explained_by)


POOL = declared(
    "gateway-pool-missing",
    Status.FAIL,
    "StaticGatewayConfiguration payments/sgc uses node pool gwpoool, which does not exist.",
    subject="StaticGatewayConfiguration payments/sgc",
    evidence=(
        Evidence("StaticGatewayConfiguration payments/sgc", "spec.gatewayNodepoolName", "gwpoool", "gwpool"),
        Evidence("ManagedCluster aks1", "agentPoolProfiles[].name", "gwpool, system, apps", "gwpoool in the list"),
    ),
    actions=(
        Action("List the node pools", "az aks nodepool list -g rg1 --cluster-name aks1 -o table", Effect.READS),
        Action(
            "Patch the node pool of the StaticGatewayConfiguration",
            "kubectl --context aks1 patch sgc sgc -n payments --type merge \\\n"
            '  -p \'{"spec":{"gatewayNodepoolName":"gwpool"}}\'',
            Effect.CHANGES,
            "https://learn.microsoft.com/azure/aks/configure-static-egress-gateway",
            "`kubectl --context aks1 get sgc sgc -n payments` shows an egress IP prefix within five minutes",
        ),
    ),
)

PREFIX = declared(
    "egress-prefix-unassigned",
    Status.FAIL,
    "StaticGatewayConfiguration payments/sgc has had no egress IP prefix for 40 min.",
    subject="StaticGatewayConfiguration payments/sgc",
    evidence=(Evidence("StaticGatewayConfiguration payments/sgc", "status.egressIpPrefix", "", "an IPv4 CIDR"),),
    actions=(
        Action(
            "Describe the StaticGatewayConfiguration",
            "kubectl --context aks1 describe sgc sgc -n payments",
            Effect.READS,
        ),
    ),
    explained_by=("gateway-pool-missing",),
)

PODS = declared(
    "gateway-pods-not-running",
    Status.FAIL,
    "Pod payments/egress-6d5c-abcde has no network.",
    subject="Pod payments/egress-6d5c-abcde",
    evidence=(Evidence("Pod payments/egress-6d5c-abcde", "status.phase", "Pending", "Running"),),
    actions=(
        Action("Describe the pod", "kubectl --context aks1 describe pod egress-6d5c-abcde -n payments", Effect.READS),
    ),
    explained_by=("egress-prefix-unassigned",),
)

LIMIT = declared(
    "gateway-autoscaler-saturated",
    Status.WARN,
    "HorizontalPodAutoscaler payments/egress runs 5 of at most 5 pods.",
    subject="HorizontalPodAutoscaler payments/egress",
    evidence=(Evidence("HorizontalPodAutoscaler payments/egress", "status.currentReplicas", "5", "below 5"),),
    actions=(
        Action(
            "Describe the HorizontalPodAutoscaler",
            "kubectl --context aks1 describe hpa egress -n payments",
            Effect.READS,
        ),
    ),
)

WAITING = replace(
    declared(
        "egress-prefix-unassigned",
        Status.WARN,
        "StaticGatewayConfiguration payments/sgc has waited 2 min for its egress IP prefix; Azure usually takes about 5 "
        "minutes.",
        subject="StaticGatewayConfiguration payments/sgc",
        evidence=(Evidence("StaticGatewayConfiguration payments/sgc", "status.egressIpPrefix", "", "an IPv4 CIDR"),),
        actions=PREFIX.actions,
    ),
    pending=True,
)

WAITING_PODS = replace(PODS, status=Status.WARN, pending=True, explained_by=("egress-prefix-unassigned",), actions=())

FORBIDDEN = "Kubernetes list secrets in payments: 403 forbidden"

PERMISSION = "The identity of the diagnosis has no permission to read secrets in the cluster (403)"

GRANT = Action(
    "Print the permissions that the checks need, then bind the ClusterRole to the identity of the diagnosis",
    "egress-diag checks --permissions",
)

UNSEEN = declared(
    "credential-secret-missing",
    Status.UNKNOWN,
    f"Not checked: {FORBIDDEN}.",
)


def passed(code: str, summary: str) -> Finding:
    """A finding of a check that passed."""
    return declared(next(check.slug for check in catalogue() if check.code == code), Status.PASS, summary)


PASSES = (
    passed("EG101", "The add-on supports Kubernetes 1.33 of this cluster."),
    passed("EG201", "Nodes reach the API server."),
    passed("EG301", "The mesh profile contains gateway payments/egress."),
    passed("EG401", "Static egress gateways are enabled."),
    passed("EG509", "The ServiceEntries of all destinations use DNS resolution."),
)

SKIP = replace(passed("EG505", "Does not apply: no host was given."), status=Status.SKIPPED)

CHANGE = Change(
    BEGAN - timedelta(minutes=83), "StaticGatewayConfiguration payments/sgc", "spec was changed", "bob@example.org"
)

ORDER = Order(Target("prod-weu", "egress", "payments"), "U0ALICE", "C0OPS", "command/1")


def report(
    verdict: Verdict, findings: Iterable[Finding], roots: tuple[str, ...] = (), *, began: datetime = BEGAN
) -> Report:
    """A finished diagnosis of payments/egress on prod-weu."""
    found = tuple(findings)
    gaps = (FORBIDDEN,) if any(f.status is Status.UNKNOWN for f in found) else ()
    changes = (CHANGE,) if verdict is Verdict.BROKEN else ()
    unmade = tuple(dict.fromkeys(f.check for f in found if f.status is Status.UNKNOWN))
    reasons = (NotChecked(PERMISSION, unmade, (GRANT,)),) if unmade else ()
    return Report(
        *("prod-weu", "payments", "egress", verdict, began, 1.4, roots, found),
        changes=changes,
        gaps=gaps,
        not_checked=reasons,
    )


UNREADY = report(
    Verdict.BROKEN,
    (*PASSES, replace(PODS, explained_by=(), since=BEGAN - timedelta(hours=3))),
    ("gateway-pods-not-running",),
)
"""A fault of which the cluster shows when it began."""
BROKEN = report(Verdict.BROKEN, (*PASSES, POOL, PREFIX, PODS, LIMIT, SKIP), ("gateway-pool-missing",))
HEALTHY = report(Verdict.HEALTHY, (*PASSES, SKIP))
DEGRADED = report(Verdict.DEGRADED, (*PASSES, LIMIT, SKIP))
STARTING = report(Verdict.STARTING, (*PASSES, WAITING, WAITING_PODS, SKIP))
INCONCLUSIVE = report(Verdict.INCONCLUSIVE, (*PASSES, UNSEEN, SKIP))


def run(state: RunState = RunState.QUEUED, order: Order = ORDER) -> Run:
    """A run in this state; by default queued."""
    started = None if state is RunState.QUEUED else BEGAN + timedelta(seconds=1)
    ended = BEGAN + timedelta(seconds=4) if state.ended else None
    return Run("4f5a6b7c8d9e", order, state, BEGAN, started, ended, total=0 if started is None else 12)


def done(found: Report, order: Order = ORDER) -> Run:
    """A run that has ended with this report."""
    return replace(run(RunState.DONE, order), findings=found.findings, report=found)


def bare(finding: Finding) -> Finding:
    """The finding before the end of its run: without causes."""
    return replace(finding, explained_by=(), possible_causes=())


def accepted(client: Client, order: Order = ORDER) -> Run:
    """A run in Redis that a worker has begun."""
    found = client.start(order).run
    lease = client.stores.runs.lease(found.id, 60)
    assert lease.acquire()
    assert client.stores.runs.begin(found, 12, lease) is not None
    return found


def append(client: Client, found: Run, *findings: Finding) -> None:
    """Append findings as a worker does, one check at a time."""
    for finding in findings:
        client.stores.runs.append(found.id, finding.check, (bare(finding),))
        client.stores.documents.changed(f"run/{found.id}")


def finish(client: Client, found: Run, end: Report) -> Run:
    """End the run as a worker does."""
    client.stores.runs.finish(found, end)
    client.stores.run_changed(found, ended=True)
    ended = client.get(Run, found.id)
    assert ended is not None
    return ended
