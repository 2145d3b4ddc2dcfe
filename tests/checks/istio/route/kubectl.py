"""What `kubectl patch` and `kubectl apply` do to a test cluster, as far as the actions of findings use them."""

import copy
import json
import shlex
from dataclasses import replace
from typing import Any

import yaml

from tests.clusters.compose import Cluster, Manifest, before, identity, merge, resource_of, uid_of


def run(cluster: Cluster, command: str) -> Cluster:
    """The cluster after the command. Raises ValueError for a command that it does not know."""
    if command.startswith("kubectl apply -f - <<'EOF'\n"):
        return _apply(cluster, yaml.safe_load(command.split("\n", 1)[1].rpartition("\nEOF")[0]))
    words = shlex.split(command)
    if words[:2] != ["kubectl", "patch"]:
        raise ValueError(command)
    resource, name = words[2:4]
    options = dict(zip(words[4::2], words[5::2], strict=True))
    body = json.loads(options["-p"])
    objects = list(cluster.objects)
    for index, each in enumerate(objects):
        if resource_of(each) == resource and identity(each)[2:] == (options["-n"], name):
            objects[index] = merge(each, body) if options["--type"] == "merge" else _json_patch(each, body)
            return replace(cluster, objects=tuple(objects))
    raise ValueError(f"there is no {resource} {options['-n']}/{name}")


def _apply(cluster: Cluster, manifest: Manifest) -> Cluster:
    who = identity(manifest)
    added = copy.deepcopy(manifest)
    added["metadata"].setdefault("uid", uid_of(*who))
    added["metadata"].setdefault("creationTimestamp", before(cluster.captured_at, "1m"))
    kept = tuple(each for each in cluster.objects if identity(each)[1:] != who[1:])
    return replace(cluster, objects=(*kept, added))


def _json_patch(manifest: Manifest, operations: list[dict[str, Any]]) -> Manifest:
    """RFC 6902 `add` and `remove`."""
    patched = copy.deepcopy(manifest)
    for each in operations:
        *path, last = each["path"].removeprefix("/").split("/")
        parent: Any = patched
        for step in path:
            parent = parent[int(step)] if isinstance(parent, list) else parent[step]
        if isinstance(parent, list):
            position = len(parent) if last == "-" else int(last)
            if each["op"] == "remove":
                del parent[position]
            else:
                _insert(parent, position, each["value"])
        elif each["op"] == "remove":
            del parent[last]
        else:
            parent[last] = each["value"]
    return patched


def _insert(items: list[Any], position: int, value: Any) -> None:
    if position > len(items):
        raise ValueError(f"there is no position {position}")
    items.insert(position, value)
