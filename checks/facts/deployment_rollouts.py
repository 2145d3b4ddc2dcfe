"""Pods after a change of their Deployment's template.

The new pods have the labels and annotations of the new template, and start like the old ones: images, resources and probes
are not judged.
"""

from collections.abc import Iterable, Iterator

from checks.facts.pods import Pod
from checks.facts.workloads import Deployment
from checks.model.raw_values import Raw, flag, items, labels, mapping, text

_TEMPLATE = ("spec", "template", "metadata")
_INJECT = "sidecar.istio.io/inject"


def rolled_out(pods: Iterable[Pod], before: Deployment, after: Deployment) -> Iterator[Pod]:
    """All pods after the rollout of a Deployment that changed; those of others are unchanged."""
    stopped = after.replicas == 0
    changed = not after.paused and mapping(before.raw, *_TEMPLATE) != mapping(after.raw, *_TEMPLATE)
    for pod in pods:
        if pod.namespace != after.namespace or pod.deployment != after.name:
            yield pod
        elif not stopped:
            yield Pod(_replaced(pod.raw, before, after)) if changed else pod


def _replaced(raw: Raw, before: Deployment, after: Deployment) -> Raw:
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
