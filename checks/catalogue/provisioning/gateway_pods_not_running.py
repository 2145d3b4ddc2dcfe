"""EG307: pods of the gateway are missing, waiting, crashing, or running but not ready."""

from collections.abc import Iterator

from checks.azure.node_outbound import NODE_PATH_READS, with_node_path
from checks.engine.check import Because, check
from checks.facts.events import Event
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.facts.workloads import Deployment, ReplicaSet
from checks.knowledge.waiting_reasons import NO_CONDITION
from checks.kubernetes.create_refusals import gateway_refusals, require_refusals
from checks.kubernetes.creation_retries import retry_without_reason
from checks.kubernetes.deployment_details import creation_actions
from checks.kubernetes.gateway_revisions import revisions_of, without_pods
from checks.kubernetes.pod_problem_details import (
    previous_log,
    problem_actions,
    problem_evidence,
    reason_of,
    restart_evidence,
)
from checks.kubernetes.pod_problems import PodProblem, pod_problems, restarts_often
from checks.kubernetes.times_of_faults import first_of, unready_since
from checks.model.findings import Evidence, Involved, Observation, Severity, fail, healthy, skip, unknown, warn
from checks.static_egress.network_failures import network_causes


@check(
    code="EG307",
    title="Pods of the gateway are not running",
    severity=Severity.BLOCKS,
    article=("PROV-1",),
    reads=(Pod, Deployment, ReplicaSet, Event, *NODE_PATH_READS),
    explains={
        "deployment-not-available": Because("a Deployment counts only pods that are ready", share="revision"),
        "service-not-provisioned": Because("only ready pods are endpoints of the Service", share="revision"),
    },
)
def gateway_pods_not_running(facts: Facts) -> Iterator[Observation]:
    """What it checks: the pods of the gateway's Deployments, except pods being deleted: whether they are scheduled, why
    their containers wait or have exited, and whether they are ready. It fails when no pod of the gateway is ready and
    warns when only some are. A pod counts as starting for 60 seconds after its creation began and for 30 seconds after
    its container started: that is a pending warning, or no finding while the desired number of pods is ready (a rollout
    adds one). It warns about more than 5 restarts if the last one was within an hour. It does not apply without a
    Deployment.

    Why it matters: these pods forward all traffic of the gateway.

    What usually fixes it: it depends on the reason: more capacity on the nodes, access to the image registry, the
    network setup of the static egress gateway (`ContainerCreating`), or the proxy's own fault (running but not ready).

    Source: article PROV-1 and SEG-2."""
    pods = facts.pods()
    serves = any(pod.ready for pod in pods)
    complete = _complete(facts, pods)
    faults = [
        _finding(facts, each, serves) for each in pod_problems(pods, facts.now) if not (each.starting and complete)
    ]
    faults += [_restarts(pod) for pod in pods if restarts_often(pod, facts.now)]
    yield from faults
    quiet = not faults
    for each in _missing(facts, pods, serves):
        quiet = False
        yield each
    if quiet:
        ready = sum(1 for pod in pods if pod.ready)
        if not pods:
            yield skip(_nothing(facts))
            return
        yield healthy(
            f"{ready} pod{'' if ready == 1 else 's'} of {facts.gateway.ref} {'is' if ready == 1 else 'are'} ready."
        )


def _complete(facts: Facts, pods: tuple[Pod, ...]) -> bool:
    """Whether the desired number of pods is ready.

    A pod that is still starting then belongs to a rollout.
    """
    if facts.gap(Deployment, facts.gateway.namespace):
        return False
    wanted = sum(each.replicas for each in facts.deployments())
    return 0 < wanted <= sum(1 for pod in pods if pod.ready)


def _finding(facts: Facts, problem: PodProblem, serves: bool) -> Observation:
    pods = problem.pods
    names = ", ".join(f"{pod.namespace}/{pod.name}" for pod in pods)
    one = len(pods) == 1
    if problem.reason == NO_CONDITION:
        summary = f"Whether {names} {'is' if one else 'are'} ready is not checked: no Ready condition is reported."
        evidence = [line for pod in pods for line in problem_evidence(facts, problem, pod)]
        subject = ", ".join(pod.ref for pod in pods)
        return unknown(summary, subject=subject, evidence=evidence, actions=problem_actions(facts, problem))
    known = reason_of(facts, problem, pods[0])
    why = f": {known.meaning}" if known is not None else ""
    summary = f"{f'Pod {names} is' if one else f'Pods {names} are'} not ready: {problem.meaning}{why}."
    evidence = [line for pod in pods for line in problem_evidence(facts, problem, pod)]
    about = [
        *(Involved("pod", f"{pod.namespace}/{pod.name}") for pod in pods),
        *(Involved("revision", revision) for revision in revisions_of(facts, pods)),
        *network_causes(facts, problem),
    ]
    subject = ", ".join(pod.ref for pod in pods)
    actions = with_node_path(facts, problem_actions(facts, problem), [pod.node for pod in pods])
    since = first_of(map(unready_since, pods))
    if serves or problem.starting:
        return warn(
            summary,
            subject=subject,
            evidence=evidence,
            actions=actions,
            about=about,
            severity=Severity.DEGRADES,
            pending=problem.starting and not serves,
            since=since,
        )
    return fail(summary, subject=subject, evidence=evidence, actions=actions, about=about, since=since)


def _restarts(pod: Pod) -> Observation:
    restarts = max(each.restarts for each in pod.containers)
    return warn(
        f"{pod.ref} restarted {restarts} times, most recently within the last hour.",
        subject=pod.ref,
        evidence=restart_evidence(pod),
        actions=[previous_log(pod)],
        about=[Involved("pod", f"{pod.namespace}/{pod.name}")],
    )


def _missing(facts: Facts, pods: tuple[Pod, ...], serves: bool) -> Iterator[Observation]:
    """Report Deployments that should have pods and have none."""
    gateway = facts.gateway
    if facts.gap(Deployment, gateway.namespace) and pods:
        return
    wanting = list(without_pods(facts, pods))
    refusals = gateway_refusals(facts) if wanting else ()
    for revision, deployment in wanting:
        refused = [r for r in refusals if r.revision == revision]
        evidence = [Evidence(deployment.ref, "pods", "0", str(deployment.replicas))]
        evidence += [Evidence(r.ref, r.field, r.message, "pods are created") for r in refused]
        summary = f"{deployment.ref} has 0 of {deployment.replicas} pods."
        actions = [
            *(() if refused or deployment.paused else retry_without_reason(facts, revision)),
            *creation_actions(deployment),
        ]
        about = [Involved("revision", revision)]
        if serves:
            severity = Severity.DEGRADES
            yield warn(
                summary, subject=deployment.ref, evidence=evidence, actions=actions, about=about, severity=severity
            )
        else:
            yield fail(summary, subject=deployment.ref, evidence=evidence, actions=actions, about=about)
    if wanting and not refusals:
        # The reason for the refusal may not be readable; that the pods are missing is certain.
        require_refusals(facts)


def _nothing(facts: Facts) -> str:
    gateway = facts.gateway
    deployments = facts.deployments()
    if not deployments:
        return f"Egress gateway {gateway} has no Deployment (deployment-not-available)."
    return f"{deployments[0].ref} is scaled to zero (deployment-not-available)."
