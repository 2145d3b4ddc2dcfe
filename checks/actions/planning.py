"""Plans of active steps, from the facts of the gateway.

A plan is made twice: when it is shown, and just before the change. `recheck` compares the two.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from checks.actions.plan import ActionKind, ActionPlan, ApiCall, PlanRefusal, Precondition, RefusalKind
from checks.actions.probe_objects import ephemeral_container, object_name, probe_job, probe_seconds
from checks.actions.rollouts import ROLLOUT_SECONDS, deployment_path, is_paused, restart_patch, takes_last_ready_pod
from checks.facts.fact import Fact, Unreadable
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.namespaces import Namespace
from checks.facts.pods import Pod
from checks.facts.services import Service
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.model.findings import Effect

ACTION_READS: tuple[type[Fact], ...] = (
    ManagedCluster,
    Namespace,
    Service,
    Deployment,
    Pod,
    StaticGatewayConfiguration,
)
"""The kinds of facts that planning reads."""

STRATEGIC_MERGE = "application/strategic-merge-patch+json"


_ALLOW_ANY = (
    "outboundTrafficPolicy is not changed. The article sets it to ALLOW_ANY for this request; that is not needed, because "
    "the traffic of other containers of a gateway pod is not redirected to the proxy."
)


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """The request for a plan, with the settings of the configuration.

    `id` and `created` make the plan reproducible: the same request over the same facts is the same plan. `deployment` is the
    name of one Deployment of a gateway that has several, "" for the only one.
    """

    id: str
    kind: ActionKind
    created: datetime
    owner: str
    image: str
    urls: tuple[str, ...]
    namespaces: tuple[str, ...]
    deployment: str = ""


def plan_action(request: PlanRequest, facts: Facts) -> ActionPlan | PlanRefusal:
    """The plan of a step, or the reason why there is none.

    Raises nothing for unreadable facts: they refuse.
    """
    try:
        namespace = facts.gateway.namespace
        if namespace not in request.namespaces:
            return PlanRefusal(
                RefusalKind.NAMESPACE_NOT_LISTED,
                f"Active steps are not enabled in namespace {namespace}: probe.namespaces of the configuration lists "
                f"{', '.join(request.namespaces) or 'none'}.",
            )
        found = facts.get(Namespace, namespace)
        if found is None:
            return PlanRefusal(RefusalKind.NO_TARGET, f"Namespace {namespace} does not exist.")
        if found.phase == "Terminating" or found.deleted is not None:
            return PlanRefusal(
                RefusalKind.TERMINATING, f"Namespace {namespace} is being deleted: nothing is created in it."
            )
        return _PLANNERS[request.kind](request, facts)
    except Unreadable as missing:
        return PlanRefusal(RefusalKind.NOT_READABLE, f"A precondition could not be read: {missing}.")


def recheck(request: PlanRequest, shown: ActionPlan, facts: Facts, now: datetime) -> PlanRefusal | None:
    """The reason why a confirmed plan must not be carried out, None if it may.

    `facts` are read just before the change. Everything that the plan depends on must be as it was when it was shown.
    """
    if now > shown.expires:
        minutes = int((now - shown.created).total_seconds() // 60)
        return PlanRefusal(RefusalKind.EXPIRED, f"The plan is {minutes} minutes old; make a new one.")
    fresh = plan_action(request, facts)
    if isinstance(fresh, PlanRefusal):
        return fresh
    before = {(each.resource, each.field): each.value for each in shown.preconditions}
    after = {(each.resource, each.field): each.value for each in fresh.preconditions}
    for key in before | after:
        if before.get(key) != after.get(key):
            changed = _difference(*key, before.get(key), after.get(key))
            return PlanRefusal(RefusalKind.CHANGED, f"The cluster has changed since the plan was shown: {changed}.")
    return None


def _difference(resource: str, field: str, was: str | None, now: str | None) -> str:
    """The difference of one precondition, as a clause; None if only one of the plans has it."""
    if now is None:
        return f"a new plan would not be about {resource}"
    if was is None:
        return f"a new plan would be about {resource}, too"
    return f"{field} of {resource} was {was or 'empty'} and is {now or 'empty'} now"


def request_of(plan: ActionPlan, namespaces: Sequence[str]) -> PlanRequest:
    """The request that made a plan, to make it again."""
    return PlanRequest(
        plan.id,
        plan.kind,
        plan.created,
        plan.owner,
        plan.image,
        plan.urls,
        tuple(namespaces),
        plan.deployment,
    )


def _configuration(facts: Facts) -> StaticGatewayConfiguration | PlanRefusal:
    gateway = facts.gateway
    found = facts.get(StaticGatewayConfiguration, gateway.configuration, gateway.namespace)
    if not gateway.configuration or found is None:
        name = gateway.configuration or "(none is set)"
        return PlanRefusal(
            RefusalKind.NO_TARGET,
            f"The StaticGatewayConfiguration {name} of {gateway.ref} does not exist: there is nothing to probe.",
        )
    if found.deleted is not None:
        return PlanRefusal(RefusalKind.TERMINATING, f"{found.ref} is being deleted: there is nothing to probe.")
    if not found.egress_prefix:
        return PlanRefusal(
            RefusalKind.NO_TARGET,
            f"{found.ref} has no egress IP prefix yet: pods with its annotation do not start.",
        )
    return found


def _of_configuration(found: StaticGatewayConfiguration) -> tuple[Precondition, ...]:
    return (
        Precondition(found.ref, "metadata.uid", found.uid),
        Precondition(found.ref, "metadata.generation", str(found.generation)),
        Precondition(found.ref, "status.egressIpPrefix", found.egress_prefix),
    )


def _plan_probe_pod(request: PlanRequest, facts: Facts) -> ActionPlan | PlanRefusal:
    gateway, found = facts.gateway, _configuration(facts)
    if isinstance(found, PlanRefusal):
        return found
    namespace = gateway.namespace
    job = probe_job(request.id, request.owner, namespace, found.name, request.image, request.urls)
    seconds = probe_seconds(request.urls)
    return ActionPlan(
        id=request.id,
        kind=request.kind,
        cluster=facts.cluster.name,
        namespace=namespace,
        gateway=gateway.name,
        created=request.created,
        object=f"Job {namespace}/{object_name(request.id)}",
        calls=(
            ApiCall("POST", f"/apis/batch/v1/namespaces/{namespace}/jobs", job),
            ApiCall(
                "DELETE",
                f"/apis/batch/v1/namespaces/{namespace}/jobs/{object_name(request.id)}",
                {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"},
            ),
        ),
        preconditions=_of_configuration(found),
        seconds=seconds,
        effect=Effect.CHANGES,
        does=(
            f"Creates one pod outside the mesh in namespace {namespace} (of Job {object_name(request.id)}, image "
            f"{request.image}) with the annotation of StaticGatewayConfiguration {found.name}. The pod requests "
            f"{_each(request.urls)} once and ends."
        ),
        interrupts="No traffic is interrupted.",
        undo=(
            f"The Job and its pod are deleted at the end. If the process ends first, Kubernetes stops the pod after "
            f"{seconds} s and deletes it 5 minutes later."
        ),
        notes=(f"The returned address is compared with the egress IP prefix {found.egress_prefix}.",),
        image=request.image,
        urls=request.urls,
        prefix=found.egress_prefix,
        configuration=found.name,
        configuration_uid=found.uid,
        configuration_generation=found.generation,
        owner=request.owner,
    )


def _plan_probe_gateway(request: PlanRequest, facts: Facts) -> ActionPlan | PlanRefusal:
    gateway, found = facts.gateway, _configuration(facts)
    if isinstance(found, PlanRefusal):
        return found
    running = [pod for pod in facts.pods() if pod.phase == "Running"]
    pod = next((each for each in running if each.ready), running[0] if running else None)
    if pod is None:
        facts.deployments()  # without them, pods of the gateway may not be recognized
        return PlanRefusal(
            RefusalKind.NO_TARGET, f"No pod of {gateway.ref} runs: there is no pod to send a request from."
        )
    patch = ephemeral_container(request.id, request.image, request.urls)
    path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/ephemeralcontainers"
    return ActionPlan(
        id=request.id,
        kind=request.kind,
        cluster=facts.cluster.name,
        namespace=gateway.namespace,
        gateway=gateway.name,
        created=request.created,
        object=f"ephemeral container {object_name(request.id)} in pod {pod.namespace}/{pod.name}",
        calls=(ApiCall("PATCH", path, patch, STRATEGIC_MERGE),),
        preconditions=(
            Precondition(pod.ref, "metadata.uid", pod.uid),
            Precondition(pod.ref, "status.phase", pod.phase),
            *_of_configuration(found),
        ),
        seconds=probe_seconds(request.urls),
        effect=Effect.CHANGES,
        does=(
            f"Adds an ephemeral container (image {request.image}) to gateway pod {pod.namespace}/{pod.name}. It requests "
            f"{_each(request.urls)} once and ends."
        ),
        interrupts="No traffic is interrupted: the containers of the pod continue to run.",
        undo="None: an ephemeral container cannot be removed. It stays in the pod, ended, until the pod restarts.",
        notes=(
            f"The returned address is compared with the egress IP prefix {found.egress_prefix}.",
            _ALLOW_ANY,
        ),
        pod=pod.name,
        image=request.image,
        urls=request.urls,
        prefix=found.egress_prefix,
        configuration=found.name,
        configuration_uid=found.uid,
        configuration_generation=found.generation,
        owner=request.owner,
    )


def _plan_restart(request: PlanRequest, facts: Facts) -> ActionPlan | PlanRefusal:
    gateway = facts.gateway
    existing = {each.name: each for each in facts.deployments()}
    if request.deployment and request.deployment not in existing:
        return PlanRefusal(
            RefusalKind.NO_TARGET,
            f"{request.deployment} is not a Deployment of {gateway.ref}.",
            tuple(existing),
        )
    chosen = [existing[request.deployment]] if request.deployment else list(existing.values())
    if not chosen:
        return PlanRefusal(RefusalKind.NO_TARGET, f"{gateway.ref} has no Deployment: there is nothing to restart.")
    if len(chosen) > 1:
        return PlanRefusal(
            RefusalKind.SEVERAL_TARGETS,
            f"{gateway.ref} has {len(chosen)} Deployments, one for each revision: name the one to restart.",
            tuple(existing),
        )
    return _restart_of(chosen[0], request, facts)


def _restart_of(deployment: Deployment, request: PlanRequest, facts: Facts) -> ActionPlan | PlanRefusal:
    namespace, name = deployment.namespace, deployment.name
    if deployment.replicas == 0:
        return PlanRefusal(RefusalKind.NO_TARGET, f"{deployment.ref} is scaled to 0: there is no pod to restart.")
    if deployment.deleted is not None:
        return PlanRefusal(RefusalKind.TERMINATING, f"{deployment.ref} is being deleted.")
    if is_paused(deployment):
        return PlanRefusal(
            RefusalKind.NO_TARGET,
            f"{deployment.ref} is paused: no pod would be replaced. Run kubectl rollout resume first.",
        )
    last = takes_last_ready_pod(deployment)
    ready = deployment.ready
    notes = [
        "Fields of the StaticGatewayConfiguration such as defaultRoute and excludeCidrs take effect in new pods only."
    ]
    if last:
        notes.append(
            f"{ready} of {deployment.replicas} pods {'is' if ready == 1 else 'are'} ready. The restart can leave the "
            f"gateway without a ready pod: confirm it with the name {name}."
        )
    interrupts = (
        "No pod is ready: the restart interrupts no traffic that works now."
        if not ready
        else f"Open connections through the {_pods(ready)} are closed when the pods are replaced."
    )
    return ActionPlan(
        id=request.id,
        kind=request.kind,
        cluster=facts.cluster.name,
        namespace=namespace,
        gateway=facts.gateway.name,
        created=request.created,
        object=deployment.ref,
        calls=(ApiCall("PATCH", deployment_path(namespace, name), restart_patch(request.created), STRATEGIC_MERGE),),
        preconditions=(
            Precondition(deployment.ref, "metadata.uid", deployment.uid),
            Precondition(deployment.ref, "metadata.generation", str(deployment.generation)),
            Precondition(deployment.ref, "status.readyReplicas", str(ready)),
        ),
        seconds=ROLLOUT_SECONDS,
        effect=Effect.DISRUPTS if ready else Effect.CHANGES,
        does=f"Restarts the {_pods(deployment.replicas)} of {deployment.ref}, as kubectl rollout restart does.",
        interrupts=interrupts,
        undo="None is needed: the new pods have the same specification as the old ones.",
        notes=tuple(notes),
        deployment=name,
        confirm_name=name if last else "",
        owner=request.owner,
    )


def _each(urls: Sequence[str]) -> str:
    return " and ".join(urls)


def _pods(count: int) -> str:
    return f"{count} pod" if count == 1 else f"{count} pods"


_PLANNERS: Mapping[ActionKind, Callable[[PlanRequest, Facts], ActionPlan | PlanRefusal]] = {
    ActionKind.PROBE_POD: _plan_probe_pod,
    ActionKind.PROBE_GATEWAY: _plan_probe_gateway,
    ActionKind.RESTART: _plan_restart,
}
