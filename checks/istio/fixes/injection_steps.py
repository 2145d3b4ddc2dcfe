"""Steps with which the requests of a client's pods go through a sidecar.

The namespace is labeled for injection, or an entry of the workload's pod template is removed, and its pods are replaced.
"""

import json

from checks.facts.namespaces import Namespace
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.istio.fixes.injection_effects import effect_of_sidecar, others_with_sidecars
from checks.istio.mesh.injection_webhooks import INJECT, PLAIN, REVISION, declined_by
from checks.istio.request.clients import workload_of
from checks.model.commands import ADDON, change, disrupt, inspect, kubectl
from checks.model.findings import Action


def injection_actions(facts: Facts, namespace: Namespace, pod: Pod | None) -> list[Action]:
    """Actions with which the namespace's pods get a sidecar.

    `pod` is one without a sidecar, if there is one.
    """
    name = namespace.name
    found = [inspect("Show the namespace's labels", kubectl("get", "namespace", name, "--show-labels"), ADDON)]
    deployment = pod.deployment if pod is not None else ""
    if pod is not None and pod.host_network:
        return [
            *found,
            change("Set hostNetwork: false in the workload, or send the requests from another workload", url=ADDON),
        ]
    if pod is not None and (field := declined_by(pod)):
        where = field.partition("[")[0].removeprefix("metadata.")
        return [*found, without_template_entry(pod, where, INJECT, f"{INJECT}: false")]
    revision = max(facts.gateway.revisions, default="")
    plain = (f"{PLAIN}-",) if PLAIN in namespace.labels else ()
    if revision and (plain or namespace.labels.get(REVISION) not in facts.gateway.revisions):
        words = ("label", "namespace", name, f"{REVISION}={revision}", "--overwrite", *plain)
        expect = "new pods have an istio-proxy; running pods get it with a restart"
        others = others_with_sidecars(facts, name, workload_of(pod) if pod is not None else "")
        expect += f". {others[:1].upper()}{others[1:]}" if others else ""
        found.append(change("Label the namespace for injection by the add-on", kubectl(*words), ADDON, expect))
    if deployment:
        command = kubectl("rollout", "restart", "deployment", deployment, namespace=name)
        title = f"Restart {deployment}: new pods get a sidecar, open connections are closed"
        found.append(disrupt(title, command, ADDON, _after_injection(facts, pod)))
    return found


def _after_injection(facts: Facts, pod: Pod | None) -> str:
    """The result of new pods with a sidecar, with the effect on requests to other hosts."""
    effect = effect_of_sidecar(facts, pod) if pod is not None else ""
    return "its new pods have an istio-proxy" + (f". {effect}" if effect else "")


def without_template_entry(pod: Pod, where: str, key: str, shown: str = "") -> Action:
    """Remove a label or annotation from the pod template of the pod's workload.

    This replaces its pods.

    The action has a command if the workload is a Deployment.
    """
    title = f"Patch the workload's pod template: remove {shown or key}; replaces its pods, open connections are closed"
    if not pod.deployment:
        return disrupt(title, url=ADDON)
    patch = json.dumps({"spec": {"template": {"metadata": {where: {key: None}}}}})
    words = ("patch", "deployment", pod.deployment, "--type", "merge", "-p", patch)
    return disrupt(title, kubectl(*words, namespace=pod.namespace), ADDON, "its requests go through the sidecar")
