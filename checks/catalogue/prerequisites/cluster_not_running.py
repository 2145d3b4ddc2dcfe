"""EG101: the cluster is stopped or deleted, or an operation on it is running or failed."""

from collections.abc import Iterator

from checks.azure.unread import azure_not_read, incomplete_answer
from checks.engine.check import check
from checks.facts.fact import Credentials, Gap
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.namespaces import Namespace
from checks.facts.view import Facts
from checks.knowledge.azure_errors import reported_error
from checks.knowledge.operations import STOPPED, TERMINAL_BADLY, error_subject
from checks.model.commands import TSG, az_aks, change, inspect, quoted, update_without_value
from checks.model.findings import Action, Evidence, Observation, Scope, Severity, fail, healthy, unknown, warn
from checks.static_egress.azure_error_fixes import fix_error, show_obstacle


@check(
    code="EG101",
    title="The cluster is not running",
    severity=Severity.BLOCKS,
    scope=Scope.AZURE,
    reads=(ManagedCluster, Namespace),
)
def cluster_not_running(facts: Facts) -> Iterator[Observation]:
    """What it checks: the managed cluster's provisioning state, power state and last provisioning error in Azure. It
    fails if the cluster is stopped, or if Azure has no such cluster and its API server does not answer; checks inside
    the cluster then do not apply. It warns about an operation that is running, failed or was canceled.

    Why it matters: without nodes there is no gateway, and during an operation other results may be temporary.

    What usually fixes it: `az aks start`; waiting until the operation ends; after a failed operation `az aks update`
    without options, which reconciles the cluster.

    Source: AKS REST API, managed cluster properties; article, before troubleshooting."""
    gap = facts.gap(ManagedCluster)
    if gap is not None and gap.status == 404:
        yield _not_found(facts, gap)
        return
    cluster = facts.one(ManagedCluster)
    if cluster is None:
        yield azure_not_read("The state of the cluster is", [_show(facts)])
    elif not cluster.complete:
        yield incomplete_answer()
    elif cluster.power_state.lower() == STOPPED:
        yield _stopped(facts, cluster)
    elif cluster.power_state.lower() not in ("", "running"):
        yield unknown(
            f"It is not known whether {cluster.ref} runs: its power state is {cluster.power_state}.",
            evidence=[Evidence(cluster.ref, "powerState.code", cluster.power_state, "Running"), _state(cluster)],
            actions=[_show(facts)],
        )
    else:
        yield _by_operation(facts, cluster)


def _not_found(facts: Facts, gap: Gap) -> Observation:
    """An observation about a 404 from Azure.

    The check is not checked if the API server answers, because the configuration then names another cluster.
    """
    name = f"managed cluster {facts.cluster.aks_name}"
    evidence = [Evidence(name, "GET", f"404 {gap.message}".rstrip(), "200")]
    namespaces = facts.gap(Namespace)
    alive = _is_answer(namespaces) if namespaces is not None else bool(facts.all(Namespace))
    if alive:
        return unknown(
            f"Azure has no {name} in the configured resource group (404), although its API server answers.",
            evidence=evidence,
            actions=[_list(facts)],
        )
    if namespaces is not None and namespaces.credentials is Credentials.KUBECONFIG:
        return unknown(
            f"Azure has no {name} in the configured resource group (404), and there are no credentials to see whether its "
            "API server answers.",
            evidence=evidence,
            actions=[_list(facts)],
        )
    return fail(
        f"Azure has no {name}, or it is not visible to this identity (404), and its API server does not answer.",
        subject=name,
        evidence=evidence,
        actions=[_list(facts)],
        stops=Scope.CLUSTER,
    )


def _is_answer(gap: Gap) -> bool:
    """Whether the API server answered this failed read."""
    return gap.credentials is None and gap.status in (401, 403, 429)


def _stopped(facts: Facts, cluster: ManagedCluster) -> Observation:
    return fail(
        f"The {cluster.ref} is stopped.",
        subject=cluster.ref,
        evidence=[Evidence(cluster.ref, "powerState.code", cluster.power_state, "Running"), _state(cluster)],
        actions=[
            change(
                "Start the cluster",
                az_aks(facts.cluster, "start"),
                TSG,
                "powerState.code becomes Running within about ten minutes; then diagnose again",
            ),
            _show(facts),
        ],
        stops=Scope.CLUSTER,
    )


def _by_operation(facts: Facts, cluster: ManagedCluster) -> Observation:
    state = cluster.provisioning_state.lower()
    if state in TERMINAL_BADLY:
        return _failed(facts, cluster)
    if not state:
        return unknown(f"Azure returns no provisioning state for {cluster.ref}.", actions=[_show(facts)])
    if cluster.running_operation:
        return warn(
            f"An operation is running on {cluster.ref} ({cluster.provisioning_state}): other results may be temporary.",
            subject=cluster.ref,
            evidence=[_state(cluster)],
            actions=[
                _show(facts),
                inspect(
                    "Wait until the operation ends, then diagnose again",
                    az_aks(facts.cluster, "wait", "--updated"),
                    TSG,
                ),
            ],
        )
    return healthy(f"The {cluster.ref} is running and its last operation succeeded.", evidence=[_state(cluster)])


def _failed(facts: Facts, cluster: ManagedCluster) -> Observation:
    error = cluster.provisioning_error
    concerned = error_subject(error)
    about = f", and its error concerns {concerned.name}" if concerned else ""
    reported = reported_error(error)
    reason = f": {reported.meaning}" if reported is not None else ""
    fix = fix_error(facts, reported) if reported is not None else None
    evidence = [_state(cluster)]
    if error:
        evidence.append(Evidence(cluster.ref, "status.provisioningError", " ".join(error.split()), "none"))
    ended = "was canceled" if cluster.provisioning_state.lower() == "canceled" else "failed"
    return warn(
        f"The last operation on {cluster.ref} {ended}{about}{reason}.",
        subject=cluster.ref,
        evidence=evidence,
        actions=[
            _failures(cluster) if cluster.id else _show(facts),
            *(show_obstacle(facts, reported) if reported is not None else ()),
            *([fix] if fix is not None else []),
            update_without_value(
                facts.cluster,
                "Reconcile the cluster after the cause of the error is fixed",
                TSG,
                "provisioningState becomes Succeeded",
            ),
        ],
    )


def _state(cluster: ManagedCluster) -> Evidence:
    return Evidence(cluster.ref, "provisioningState", cluster.provisioning_state, "Succeeded")


def _show(facts: Facts) -> Action:
    query = "{provisioningState:provisioningState,powerState:powerState.code}"
    return inspect("Show the state of the cluster", az_aks(facts.cluster, "show", "--query", query), TSG)


def _list(facts: Facts) -> Action:
    given = facts.cluster.subscription
    wanted = f'[?name==`"{facts.cluster.aks_name}"`].{{name:name,resourceGroup:resourceGroup}}'
    where = ("--subscription", given) if given else ()
    return inspect("List the clusters of this name in Azure", quoted("az", "aks", "list", *where, "--query", wanted))


def _failures(cluster: ManagedCluster) -> Action:
    query = "[].{at:eventTimestamp,what:operationName.localizedValue,error:properties.statusMessage}"
    words = ("--resource-id", cluster.id, "--offset", "1d", "--status", "Failed", "--query", query)
    return inspect(
        "List the failed operations on the cluster in the last day",
        quoted("az", "monitor", "activity-log", "list", *words),
    )
