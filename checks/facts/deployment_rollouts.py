"""Pods after a change of the template of their Deployment or DaemonSet.

The new pods have the labels and annotations of the new template, and start like the old ones: images, resources and probes
are not judged.
"""

from collections.abc import Iterable, Iterator, Mapping

from checks.facts.pods import Pod
from checks.facts.workloads import DaemonSet, Deployment
from checks.model.raw_values import Raw, flag, items, labels, mapping, text

_TEMPLATE = ("spec", "template", "metadata")
_INJECT = "sidecar.istio.io/inject"


Owner = tuple[str, str, str]
"""Kind, namespace and name of a workload."""
Rollouts = Mapping[Owner, tuple[Deployment | DaemonSet, Deployment | DaemonSet]]
"""Each changed workload before and after the change."""


def rolled_out(pods: Iterable[Pod], rollouts: Rollouts) -> Iterator[Pod]:
    """All pods after the rollouts of the changed workloads; those of others are unchanged."""
    for pod in pods:
        found = rollouts.get(_owner(pod))
        if found is None:
            yield pod
            continue
        before, after = found
        deployment = after if isinstance(after, Deployment) else None
        if deployment is not None and deployment.replicas == 0:
            continue
        paused = deployment is not None and deployment.paused
        changed = mapping(before.raw, *_TEMPLATE) != mapping(after.raw, *_TEMPLATE)
        yield Pod(_replaced(pod.raw, before, after)) if changed and not paused else pod


def _owner(pod: Pod) -> Owner:
    kind, name = pod.owner
    return ("Deployment", pod.namespace, pod.deployment) if pod.deployment else (kind, pod.namespace, name)


def _replaced(raw: Raw, before: Deployment | DaemonSet, after: Deployment | DaemonSet) -> Raw:
    metadata = dict(mapping(raw, "metadata"))
    for part in ("labels", "annotations"):
        old, new = labels(before.raw, *_TEMPLATE, part), labels(after.raw, *_TEMPLATE, part)
        # Injection and the controller add further ones.
        kept = {name: value for name, value in labels(metadata, part).items() if name not in old}
        metadata[part] = {**kept, **new}
    found = {**raw, "metadata": metadata}
    declined = any(flag(metadata, part, _INJECT) is False for part in ("labels", "annotations"))
    return _without_sidecar(found) if declined else found


def _without_sidecar(raw: Raw) -> Raw:
    spec = dict(mapping(raw, "spec"))
    for part in ("containers", "initContainers"):
        if part in spec:
            spec[part] = [each for each in items(spec, part) if text(each, "name") not in ("istio-proxy", "istio-init")]
    return {**raw, "spec": spec}
