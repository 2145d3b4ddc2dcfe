"""EG312: a PodDisruptionBudget blocks node drains and upgrades."""

from collections.abc import Iterator, Sequence

from checks.engine.check import check
from checks.facts.view import Facts
from checks.facts.workloads import Deployment, HorizontalPodAutoscaler, PodDisruptionBudget
from checks.model.commands import PDB, SCALE, change, inspect, kubectl
from checks.model.findings import Action, Evidence, Observation, Severity, healthy, skip, warn


@check(
    code="EG312",
    title="A PodDisruptionBudget prevents node drains and upgrades",
    severity=Severity.RISKS,
    reads=(Deployment, HorizontalPodAutoscaler, PodDisruptionBudget),
)
def disruption_budget_blocks(facts: Facts) -> Iterator[Observation]:
    """What it checks: the PodDisruptionBudgets that select the gateway's pods. It warns if a budget never allows an eviction
    (`maxUnavailable: 0`, or `minAvailable` that is not below the number of pods), and if several budgets select the same
    pods. A budget that allows none until all pods are healthy passes: gateway-pods-not-running reports the pods. It does
    not apply without a Deployment.

    Why it matters: draining a node evicts its pods. While a budget refuses the eviction of a gateway pod, node image
    upgrades and cluster upgrades wait and then fail. The API server refuses every eviction of a pod with several budgets.

    What usually fixes it: `maxUnavailable: 1`, or one replica more than the minimum; one budget for each pod.

    Source: Kubernetes documentation, "Specifying a Disruption Budget for your Application"; AKS documentation, "Istio
    service mesh add-on performance and scaling"."""
    deployments = [each for each in facts.deployments() if each.deleted is None]
    if not deployments:
        yield skip(f"Egress gateway {facts.gateway} has no Deployment (deployment-not-available).")
        return
    budgets = sorted(facts.in_namespace(PodDisruptionBudget, facts.gateway.namespace), key=lambda each: each.name)
    own = [(each, [d for d in deployments if each.selects_pods(d.template_labels)]) for each in budgets]
    own = [(budget, selected) for budget, selected in own if selected]
    found = [each for budget, selected in own for each in _judge(facts, budget, selected)]
    found += [
        each for deployment in deployments for each in _several(deployment, [b for b, d in own if deployment in d])
    ]
    yield from found
    if not found and own:
        now = "; ".join(_state(budget) for budget, _ in own)
        yield healthy(
            f"No PodDisruptionBudget prevents drains of nodes with pods of {facts.gateway.ref}: {now}.",
            evidence=[each for budget, _ in own for each in _counts(budget)],
        )
    elif not found:
        yield healthy(
            f"No PodDisruptionBudget selects the pods of {facts.gateway.ref}: nothing prevents their eviction."
        )


def _state(budget: PodDisruptionBudget) -> str:
    if budget.allowed is None:
        return f"{budget.ref} has no status yet"
    if not budget.allowed and budget.healthy_pods < budget.expected_pods:
        return f"{budget.ref} allows evictions when {budget.expected_pods} pods are healthy"
    return f"{budget.ref} allows {budget.allowed or 0} eviction{'' if budget.allowed == 1 else 's'} now"


def _counts(budget: PodDisruptionBudget) -> Iterator[Evidence]:
    observed = "(not set)" if budget.allowed is None else str(budget.allowed)
    yield Evidence(budget.ref, "status.disruptionsAllowed", observed)
    if not budget.allowed and budget.healthy_pods < budget.expected_pods:
        yield Evidence(budget.ref, "status.currentHealthy", str(budget.healthy_pods), str(budget.expected_pods))


def _judge(facts: Facts, budget: PodDisruptionBudget, selected: Sequence[Deployment]) -> Iterator[Observation]:
    pods = budget.expected_pods or sum(each.replicas for each in selected)
    needed = budget.healthy_needed(pods)
    if pods and needed is not None and needed >= pods:
        yield _warning(
            budget,
            f"{budget.ref} never allows an eviction: {needed} of {pods} pods must be healthy.",
            Evidence(budget.ref, *budget.limit, "fewer pods than exist, or maxUnavailable 1 or more"),
            _fix(facts, budget, selected),
        )


def _several(deployment: Deployment, budgets: Sequence[PodDisruptionBudget]) -> Iterator[Observation]:
    if len(budgets) < 2:
        return
    names = ", ".join(each.name for each in budgets)
    added = next((each for each in budgets if each.name != deployment.name), budgets[-1])
    yield _warning(
        added,
        f"{len(budgets)} PodDisruptionBudgets ({names}) select the pods of {deployment.ref}: the API server refuses every "
        "eviction.",
        Evidence(deployment.ref, "PodDisruptionBudgets that select its pods", names, "one"),
        change(
            f"Delete all of them but one, for example {added.name}",
            kubectl("delete", "poddisruptionbudget", added.name, namespace=added.namespace),
            PDB,
            "one budget decides about evictions",
        ),
    )


def _fix(facts: Facts, budget: PodDisruptionBudget, selected: Sequence[Deployment]) -> Action:
    """The fix of a budget that never allows an eviction.

    AKS reconciles the budget of the add-on, so that it needs one more replica; any other budget can be changed.
    """
    names = {each.name for each in selected}
    unread = facts.gap(HorizontalPodAutoscaler, budget.namespace) is not None
    scalers = () if unread else facts.in_namespace(HorizontalPodAutoscaler, budget.namespace)
    scaler = next((each for each in scalers if each.target[1] in names), None)
    if budget.name in names and scaler is not None:
        patch = f'{{"spec":{{"minReplicas":{scaler.minimum + 1}}}}}'
        command = kubectl("patch", "horizontalpodautoscaler", scaler.name, "-p", patch, namespace=budget.namespace)
        return change(
            f"Raise the gateway's minimum to {scaler.minimum + 1} replicas", command, SCALE, "more pods are ready"
        )
    patch = '{"spec":{"minAvailable":null,"maxUnavailable":1}}'
    command = kubectl(
        "patch", "poddisruptionbudget", budget.name, "--type", "merge", "-p", patch, namespace=budget.namespace
    )
    return change("Patch the budget to allow one eviction at a time", command, PDB, "status.disruptionsAllowed is 1")


def _warning(budget: PodDisruptionBudget, summary: str, decisive: Evidence, fix: Action) -> Observation:
    describe = kubectl("describe", "poddisruptionbudget", budget.name, namespace=budget.namespace)
    allowed = "(not set)" if budget.allowed is None else str(budget.allowed)
    return warn(
        f"{summary} A node with such a pod cannot be drained.",
        subject=budget.ref,
        evidence=[decisive, Evidence(budget.ref, "status.disruptionsAllowed", allowed, "1 or more")],
        actions=[inspect("Describe the PodDisruptionBudget", describe, PDB), fix],
    )
