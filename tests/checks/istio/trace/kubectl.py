"""The effect of `kubectl patch` and `kubectl apply` on a test cluster."""

import copy
import json
import shlex
from dataclasses import replace

import jsonpatch
import yaml

from checks.model.kubectl_context import without_context
from tests.clusters.compose import Cluster, Manifest, before, identity, merge, resource_of, uid_of


def run(cluster: Cluster, command: str) -> Cluster:
    """The cluster after the command. Raises ValueError for a command that it does not know."""
    command = without_context(command)
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
            objects[index] = merge(each, body) if options["--type"] == "merge" else jsonpatch.apply_patch(each, body)
            return replace(cluster, objects=tuple(objects))
    raise ValueError(f"there is no {resource} {options['-n']}/{name}")


def _apply(cluster: Cluster, manifest: Manifest) -> Cluster:
    who = identity(manifest)
    added = copy.deepcopy(manifest)
    added["metadata"].setdefault("uid", uid_of(*who))
    added["metadata"].setdefault("creationTimestamp", before(cluster.captured_at, "1m"))
    kept = tuple(each for each in cluster.objects if identity(each)[1:] != who[1:])
    return replace(cluster, objects=(*kept, added))
