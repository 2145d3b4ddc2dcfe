"""The objects that a finding names: in its evidence, and as the targets of its commands."""

import re
import shlex
from collections.abc import Iterable, Iterator
from itertools import takewhile

import yaml

from checks.model.findings import Action, Evidence
from checks.model.kubectl_context import without_context
from tests.clusters.compose import Cluster

_RESOURCE = re.compile(r"([A-Z]\w+) ([\w.-]+)/([\w.-]+)")
_HERE_DOCUMENT = re.compile(r"kubectl apply -f - <<'EOF'\n(.*)\nEOF", re.DOTALL)
_ONE_OBJECT = ("get", "patch", "delete", "describe", "edit", "label", "annotate")
_PROBE = "static-egress-probe"
"""The Deployment that one action creates and the next ones use."""


def missing_objects(cluster: Cluster, evidence: Iterable[Evidence], actions: Iterable[Action]) -> Iterator[str]:
    """The names in a finding that neither exist nor are created by an earlier action of it."""
    existing = {
        (each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]) for each in cluster.objects
    }
    names = {(namespace, name) for _, namespace, name in existing} | {("", _PROBE)}
    for each in evidence:
        found = _RESOURCE.fullmatch(each.resource)
        if found is not None and found.groups() not in existing:
            yield f"evidence names {each.resource}"
    for action in actions:
        command = without_context(action.command)
        if (created := _HERE_DOCUMENT.search(command)) is not None:
            metadata = yaml.safe_load(created[1])["metadata"]
            names.add((metadata.get("namespace", ""), metadata["name"]))
        elif (target := _target(command)) is not None and target not in names:
            yield f"{action.title}: {action.command}"


def _target(command: str) -> tuple[str, str] | None:
    """(namespace, name) of the object of a kubectl command; None for a list and other commands."""
    words = (
        list(takewhile(lambda word: word not in ("|", "&&"), shlex.split(command)))
        if command.startswith("kubectl ")
        else []
    )
    if len(words) < 4 or words[1] not in _ONE_OBJECT or words[3].startswith("-") or "," in words[2]:
        return None
    namespace = words[words.index("-n") + 1] if "-n" in words else ""
    return namespace, words[3].rpartition("/")[2]
