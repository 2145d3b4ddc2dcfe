"""EnvoyFilters that Envoy rejects: which one, and how it is removed."""

import json
import re
from collections.abc import Iterator

from checks.facts.istio_networking import ROOT_NAMESPACE, EnvoyFilter
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.kubernetes.ownership import with_owner
from checks.model.commands import SUPPORT, change, kubectl
from checks.model.findings import Action

_NAME = re.compile(r"'([\w./-]{4,})'|\b(envoy\.[\w.]+\w)|\btype\.googleapis\.com/([\w.]+\w)")
"""The names of extensions and types in Envoy's reasons."""


def naming_filters(facts: Facts, pod: Pod, detail: str) -> Iterator[tuple[EnvoyFilter, str]]:
    """The EnvoyFilters of a pod's proxy that contain a name of Envoy's reason, with the name."""
    names = dict.fromkeys(next(filter(None, found.groups())) for found in _NAME.finditer(detail))
    for each in facts.readable(EnvoyFilter):
        applies = each.namespace in (pod.namespace, ROOT_NAMESPACE)
        selected = all(pod.labels.get(key) == value for key, value in each.workload_selector.items())
        patches = json.dumps(each.raw.get("spec") or {}) if applies and selected else ""
        if name := next((each for each in names if each in patches), ""):
            yield each, name


def delete_filter(thing: EnvoyFilter, why: str) -> Action:
    """Delete an EnvoyFilter."""
    delete = kubectl("delete", "envoyfilters.networking.istio.io", thing.name, namespace=thing.namespace)
    expect = "the proxies accept the next push within seconds; no pod is restarted"
    return with_owner(change(f"Delete {thing.ref}, {why}", delete, SUPPORT, expect), thing)
