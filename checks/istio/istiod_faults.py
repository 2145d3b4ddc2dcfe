"""Why a revision's istiod does not run, and the fix of that reason.

The Istio add-on keeps istiod's Deployment and its autoscaler: titles say when it undoes a change. Source:
docs/domain/components.md#istiod.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from checks.azure.node_outbound import with_node_path
from checks.facts.events import Event
from checks.facts.istio_networking import ROOT_NAMESPACE
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.facts.workloads import Deployment, HorizontalPodAutoscaler
from checks.istio.istiod_exits import logged_exit
from checks.istio.istiod_memory import USUAL_REPLICAS, restricted_discovery, scaler_of, shared_load
from checks.knowledge.policy_denials import gatekeeper_constraint, kyverno_rule
from checks.knowledge.refusals import refusal_reason
from checks.kubernetes.namespace_fixes import ENFORCE
from checks.kubernetes.pod_faults import PodFault, exited_container, pod_fault
from checks.kubernetes.pod_problems import pod_problems
from checks.kubernetes.policy_exemptions import azure_exceptions, exclude_in_binding, kyverno_exception
from checks.kubernetes.quota_fixes import raise_from_message, room_needed
from checks.kubernetes.scheduling_fixes import scheduling_fixes
from checks.model.commands import (
    ADDON,
    PLUGIN_CA,
    SCALE,
    UPG,
    az_aks,
    change,
    inspect,
    kubectl,
    quoted,
    reconcile,
    restart,
)
from checks.model.findings import Action, Evidence
from checks.model.raw_values import text


@dataclass(frozen=True, slots=True)
class IstiodFault:
    """Why istiod has no ready pod.

    `meaning` completes "Deployment … has no ready replica: …"; it is "" if the facts show no reason.
    """

    meaning: str = ""
    evidence: tuple[Evidence, ...] = ()
    fixes: tuple[Action, ...] = ()
    looks: tuple[Action, ...] = ()


def istiod_fault(facts: Facts, revision: str) -> IstiodFault:
    """The reason why a revision's istiod lacks ready pods.

    Requires NODE_PATH_READS, DISCOVERY_READS, Deployment, HorizontalPodAutoscaler, Pod, Event and IstiodLog declared; kinds
    that could not be read show no reason.
    """
    deployment = next((e for e in facts.readable(Deployment, ROOT_NAMESPACE) if e.name == f"istiod-{revision}"), None)
    if deployment is None:
        return IstiodFault("it does not exist", (), (reconcile_addon(facts),))
    if deployment.replicas == 0:
        return _stopped(facts, deployment)
    if deployment.existing < deployment.replicas and (refused := _refusal(facts, deployment)) is not None:
        return _refused(facts, deployment, refused)
    return _unready(facts, deployment, revision)


def reconcile_addon(facts: Facts) -> Action:
    """Let AKS restore the objects of the add-on."""
    return reconcile(
        facts.cluster,
        "restores the objects of the Istio add-on",
        ADDON,
        "istiod's pods are Ready when the command ends",
    )


def _stopped(facts: Facts, deployment: Deployment) -> IstiodFault:
    scalers = [
        each
        for each in facts.readable(HorizontalPodAutoscaler, ROOT_NAMESPACE)
        if each.target == ("Deployment", deployment.name)
    ]
    count = max(USUAL_REPLICAS, *(each.minimum for each in scalers)) if scalers else USUAL_REPLICAS
    scale = change(
        f"Scale {deployment.ref} to {count} replicas; running proxies keep their configuration meanwhile",
        kubectl("scale", "deployment", deployment.name, f"--replicas={count}", namespace=deployment.namespace),
        SCALE,
        "istiod's pods are Ready within a minute",
    )
    evidence = Evidence(deployment.ref, "spec.replicas", "0", f"{count} or more")
    return IstiodFault("it is scaled to zero", (evidence,), (scale,))  # what the add-on's autoscaler keeps too


def _refusal(facts: Facts, deployment: Deployment) -> Evidence | None:
    """The newest refusal of its pods, by an event or by the Deployment's condition."""
    events = [
        each
        for each in facts.readable(Event, ROOT_NAMESPACE)
        if each.reason == "FailedCreate" and each.message and each.object_key[2].startswith(f"{deployment.name}-")
    ]
    if events:
        newest = max(events, key=lambda each: each.last or facts.now)
        kind, namespace, name = newest.object_key
        return Evidence(f"{kind} {namespace}/{name}", "event FailedCreate", newest.message)
    condition = deployment.condition("ReplicaFailure")
    if text(condition, "status") != "True" or not text(condition, "message"):
        return None
    return Evidence(deployment.ref, "status.conditions[ReplicaFailure]", text(condition, "message"), "False")


def _refused(facts: Facts, deployment: Deployment, refused: Evidence) -> IstiodFault:
    describe = inspect(
        "Describe istiod's ReplicaSets, which report the refusal",
        kubectl("describe", "replicasets", "-l", "app=istiod", namespace=deployment.namespace),
    )
    known = refusal_reason(refused.observed)
    reason = known[0].meaning if known is not None else "the API server refuses them"
    fixes = tuple(_admission(facts, deployment, refused.observed))
    return IstiodFault(f"its pods are not created, because {reason}", (refused,), fixes, (describe,))


def _admission(facts: Facts, deployment: Deployment, message: str) -> Iterator[Action]:
    """The fix of a refusal, by what its message names."""
    known = refusal_reason(message)
    kind = known[0].kind if known is not None else ""
    if (rule := kyverno_rule(message)) is not None:
        yield kyverno_exception(rule, deployment.namespace, {"app": "istiod"}, "istiod")
    elif constraint := gatekeeper_constraint(message):
        yield from azure_exceptions(facts, "constraints", constraint, deployment.namespace)
    elif kind == "policy":
        yield exclude_in_binding(message, deployment.namespace)
    elif kind == "quota" and (raised := raise_from_message(deployment.namespace, message, room_needed([deployment]))):
        yield from raised
    elif kind == "pod-security":
        yield change(
            f"Enforce pod security level baseline in namespace {deployment.namespace}",
            kubectl("label", "namespace", deployment.namespace, f"{ENFORCE}=baseline", "--overwrite"),
            ADDON,
            "istiod's pods are created at the ReplicaSet's next attempt",
        )
    elif kind == "webhook" and known is not None:
        yield inspect(
            f"Show which program answers webhook {known[1]}; its own documentation says how to exclude a namespace",
            kubectl("get", "validatingwebhookconfigurations,mutatingwebhookconfigurations", "-o", "wide"),
        )
    elif known is not None and known[0].fix:
        yield change(known[0].fix, url=ADDON)


def _unready(facts: Facts, deployment: Deployment, revision: str) -> IstiodFault:
    pods = tuple(unready_pods(facts, revision))
    faults = [found for pod in pods if (found := pod_fault(facts, pod)) is not None]
    if not faults:
        return IstiodFault()
    first = faults[0]
    evidence = tuple(dict.fromkeys(line for each in faults for line in each.evidence))
    fixes = tuple(_pod_fixes(facts, deployment, revision, pods, faults))
    if fixes or exited_container(first.pod) is None:
        nodes = [each.node for each in pods]
        return IstiodFault(first.meaning, evidence, tuple(with_node_path(facts, fixes, nodes)), first.looks)
    if (logged := logged_exit(facts, pods, revision)) is not None:
        meaning = f"{first.meaning}: {logged.meaning}" if logged.meaning else first.meaning
        logged_fixes = logged.fixes or (restore_control_plane(facts),)
        return IstiodFault(meaning, (*evidence, *logged.evidence), logged_fixes, first.looks)
    decides = tuple(replace(each, expect=_BY_THE_LOG) for each in first.looks)
    return IstiodFault(first.meaning, evidence, (*decides, restore_control_plane(facts)))


_BY_THE_LOG = (
    "its last lines name the reason. The mesh configuration: correct the ConfigMap istio-shared-configmap of the revision. "
    "cacerts or a certificate: renew the plugged-in CA. Anything else is a part of AKS: the next step"
)


def restore_control_plane(facts: Facts) -> Action:
    """Let AKS restore an istiod that exits for a reason that is not known."""
    return reconcile(
        facts.cluster,
        "restores istiod's Deployment, roles and Services, if the log names none of your settings",
        ADDON,
        "istiod's pods are Ready when the command ends; otherwise open a support request with the log, because AKS runs istiod",
    )


def _pod_fixes(
    facts: Facts, deployment: Deployment, revision: str, pods: Sequence[Pod], faults: Sequence[PodFault]
) -> Iterator[Action]:
    """The fixes of the pods' faults, each once."""
    for problem in pod_problems(pods, facts.now):
        if problem.reason == "Unschedulable":
            yield from scheduling_fixes(facts, problem) or [change(_MORE_ROOM, expect="the scheduler places the pods")]
            return
        if problem.reason == "NotReady":  # a process that runs and does not answer
            yield restart(deployment.name, deployment.namespace)
            return
    scaler = scaler_of(facts, deployment)
    for fix in dict.fromkeys(fix for each in faults for fix in each.fixes):
        vault = _VAULT.search(fix.title)
        if vault is not None and not fix.command:
            yield _read_vault(facts, fix.title, vault["name"])
        elif scaler is not None and " memory limit " in fix.title and fix.command:
            raised = fix.title.partition(" (")[0]
            title = f"{raised}; the Istio add-on sets it back within minutes, so that the next step must follow"
            yield replace(
                fix, title=title, url=SCALE, expect="a new pod is Ready, until the add-on sets the limit back"
            )
            yield shared_load(scaler)
            yield from restricted_discovery(facts, revision)
        else:
            yield replace(fix, url=fix.url or (SCALE if fix.command else PLUGIN_CA), expect=_kept(fix))


def _kept(fix: Action) -> str:
    """The expectation, with what to do if the add-on undoes a change of the Deployment."""
    if not fix.command:
        return fix.expect
    return f"{fix.expect}. AKS sets istiod's resources: if the add-on undoes the change, open a support request"


_MORE_ROOM = "Add nodes with room for istiod; the gateway node pool does not count, its taint keeps istiod off"
_VAULT = re.compile(r"^Grant .* access to key vault (?P<name>[\w-]+)")


def _read_vault(facts: Facts, title: str, vault: str) -> Action:
    """Grant the add-on's identity the role that reads secrets of a key vault."""
    show = az_aks(facts.cluster, "show", "--query", "addonProfiles.azureKeyvaultSecretsProvider.identity.objectId")
    role = quoted("--role", "Key Vault Secrets User", "--assignee-principal-type", "ServicePrincipal")
    scope = f"{quoted('az', 'keyvault', 'show', '--name', vault)} --query id -o tsv"
    return change(
        title,
        f'az role assignment create {role} --assignee-object-id "$({show} -o tsv)" --scope "$({scope})"',
        PLUGIN_CA,
        "the kubelet mounts the volume at its next attempt, within two minutes. A key vault with access policies needs "
        f"`az keyvault set-policy --name {vault} --secret-permissions get list --object-id …` instead",
    )


def unready_pods(facts: Facts, revision: str) -> Iterator[Pod]:
    """The pods of a revision's istiod that are not ready; none if pods are unreadable."""
    for pod in facts.readable(Pod, ROOT_NAMESPACE):
        own = pod.labels.get("app") == "istiod" and pod.revision == revision
        if own and not pod.ready and pod.deleted is None:
            yield pod


def roll_back(facts: Facts, revision: str, other: str) -> Action:
    """Roll the upgrade back to a revision whose istiod runs."""
    return change(
        f"Roll the upgrade back instead: pods move to {other}, whose istiod runs, and {revision} is removed",
        az_aks(facts.cluster, "mesh", "upgrade", "rollback"),
        UPG,
        f"the mesh has only revision {other}; first label the namespaces of {revision} with istio.io/rev={other} and restart "
        "their workloads",
    )
