"""Steps with which the requests of a client's pods go through a sidecar.

The namespace is labeled for injection, or an entry of the workload's pod template is removed, and its pods are replaced.
"""

import json
from collections.abc import Collection

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
        undo = f"after the label is taken back, restart {deployment} again: `{command}`"
        found.append(disrupt(title, command, ADDON, _after_injection(facts, pod), undo=undo))
    return found


def _after_injection(facts: Facts, pod: Pod | None) -> str:
    """The result of new pods with a sidecar, with the effect on requests to other hosts."""
    effect = effect_of_sidecar(facts, pod) if pod is not None else ""
    return "its new pods have an istio-proxy" + (f". {effect}" if effect else "")


def ports_left(pod: Pod, key: str, ports: Collection[int]) -> str:
    """The other ports of an annotation that lists ports.

    "" if there are none, or if the annotation lists something else.
    """
    if not key.endswith("OutboundPorts"):
        return ""
    gone = {str(port) for port in ports}
    return ",".join(
        each for each in (one.strip() for one in pod.annotations[key].split(",")) if each and each not in gone
    )


def without_exclusion(pod: Pod, key: str, ports: Collection[int]) -> Action:
    """Remove these ports from an annotation that excludes them, or the whole annotation.

    The other ports stay: their connections, such as those of a database, go on past the sidecar.
    """
    left = ports_left(pod, key, ports)
    if not left:
        return without_template_entry(pod, "annotations", key)
    named = " and ".join(str(port) for port in sorted(ports) if str(port) in pod.annotations[key])
    return _patched_template(pod, "annotations", key, left, f"remove {named} from {key}")


def without_template_entry(pod: Pod, where: str, key: str, shown: str = "") -> Action:
    """Remove a label or annotation from the pod template of the pod's workload.

    This replaces its pods.

    The action has a command if the workload is a Deployment.
    """
    return _patched_template(pod, where, key, None, f"remove {shown or key}")


def _patched_template(pod: Pod, where: str, key: str, value: str | None, does: str) -> Action:
    title = f"Patch the workload's pod template: {does}; replaces its pods, open connections are closed"
    if not pod.deployment:
        return disrupt(title, url=ADDON)
    patch = json.dumps({"spec": {"template": {"metadata": {where: {key: value}}}}})
    words = ("patch", "deployment", pod.deployment, "--type", "merge", "-p", patch)
    return disrupt(title, kubectl(*words, namespace=pod.namespace), ADDON, "its requests go through the sidecar")
