"""The undo command of a step, on a copy of the facts right after the step.

Controllers do not react in between: the command must give back the objects and Azure's settings as they were before.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from checks.facts.change_input import BadChange
from checks.facts.manifests import LAST_APPLIED
from checks.model.commands import is_command
from checks.model.findings import Action
from checks.steps.shell import UnreadableCommand, commands
from tests.clusters.bundles import Cluster, Manifest
from tests.clusters.compose import identity
from tests.simulation import az, kubectl
from tests.simulation.cluster_copy import ClusterCopy
from tests.simulation.refusals import NotSimulated, Refused

_NEW_IDENTITY = ("uid", "creationTimestamp", "generation", "managedFields", "resourceVersion")


def not_undone(action: Action, before: Cluster) -> str:
    """Name the objects that the undo command of a step does not give back, "" if none.

    A step without an undo command is not examined, nor is one that is not simulated.
    """
    if not is_command(action.undo):
        return ""
    copy = ClusterCopy(before)
    try:
        _run(action.command, copy)
    except (NotSimulated, Refused, UnreadableCommand, BadChange):
        return ""
    try:
        _run(action.undo, copy)
    except NotSimulated as problem:
        return f"not simulated: {problem}"
    except (Refused, UnreadableCommand, BadChange) as problem:
        return f"refused: {problem}"
    return "; ".join(_differences(before, copy.cluster))


def _run(printed: str, copy: ClusterCopy) -> None:
    for command in commands(printed):
        program = {"kubectl": kubectl.run, "az": az.run}.get(command.words[0])
        if program is not None:
            program(command, copy)


def _differences(before: Cluster, after: Cluster) -> list[str]:
    old, new = (dict(_settings(each)) for each in (before, after))
    return sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))


def _settings(cluster: Cluster) -> Iterator[tuple[str, str]]:
    """Each object and Azure resource as people set it, by its name."""
    for each in cluster.objects:
        if each["kind"] != "Event":
            _, kind, namespace, name = identity(each)
            yield f"{kind} {namespace}/{name}", json.dumps(_as_set(each), sort_keys=True)
    yield "managed cluster", json.dumps(_without_nulls(cluster.managed_cluster), sort_keys=True)
    for pool in cluster.agent_pools or ():
        yield f"node pool {pool['name']}", json.dumps(_without_nulls(pool), sort_keys=True)
    for resource in cluster.resources or ():
        yield str(resource["id"]), json.dumps(_without_nulls(resource), sort_keys=True)


def _as_set(manifest: Manifest) -> Any:
    metadata = {key: value for key, value in manifest["metadata"].items() if key not in _NEW_IDENTITY}
    annotations = {k: v for k, v in (metadata.get("annotations") or {}).items() if k != LAST_APPLIED}
    rest = {key: value for key, value in manifest.items() if key not in ("status", "metadata", "apiVersion")}
    if manifest["kind"] == "Secret":  # its values are not read
        rest["data"] = sorted(manifest.get("data") or ())
    return _without_nulls({**rest, "metadata": {**metadata, "annotations": annotations}})


def _without_nulls(value: Any) -> Any:
    """Without empty mappings and nulls, which mean the same as a missing field."""
    if isinstance(value, Mapping):
        kept = {key: _without_nulls(each) for key, each in value.items()}
        return {key: each for key, each in kept.items() if each not in (None, {})}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value
