"""The changes of this folder as values.

The cluster, the manifests as in a repository, and the expectations.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from tests.clusters.bundles import Cluster, Manifest
from tests.clusters.compose import compose, named
from tests.clusters.merging import merge, only

CASES = Path(__file__).with_name("cases")
GATEWAY = "team-egress/egw"
_KEYS = {"about", "cluster", "patch", "change", "add", "rename", "without", "expect"}
_EXPECTED = {"breaks", "verdict", "routes", "appear", "istiod"}
_SERVER_METADATA = ("uid", "creationTimestamp", "generation", "managedFields", "resourceVersion")


@dataclass(frozen=True, eq=False)
class ChangeCase:
    """One change with its expectations."""

    identity: str
    content: Mapping[str, Any]

    @cached_property
    def cluster(self) -> Cluster:
        """The cluster before the change."""
        return compose(named(self.content.get("cluster", "base")), self.content.get("patch", {}))

    @property
    def expect(self) -> Mapping[str, Any]:
        return dict(self.content["expect"])

    @cached_property
    def manifests(self) -> tuple[Manifest, ...]:
        """The objects to apply, as people write them."""
        changed = [_written(merge(self._object(each), each)) for each in self.content.get("change", ())]
        return (*changed, *self._renamed(), *self.content.get("add", ()))

    @cached_property
    def without(self) -> tuple[str, ...]:
        """The objects to delete, as `KIND/NAMESPACE/NAME`."""
        renamed = (each.replace(" ", "/") for each in self.content.get("rename", ()))
        return (*self.content.get("without", ()), *renamed)

    @property
    def text(self) -> str:
        """The manifests as a YAML stream."""
        return yaml.safe_dump_all(self.manifests, sort_keys=False)

    @property
    def applied(self) -> Cluster:
        """The cluster after the change, for a judge that knows only objects."""
        gone = {tuple(each.split("/")) for each in self.without}
        new = {_key(each): each for each in self.manifests if each["kind"] != "Job"}
        kept = [each for each in self.cluster.objects if _key(each) not in gone | set(new)]
        return replace(self.cluster, objects=(*kept, *new.values()))

    def _object(self, patch: Mapping[str, Any]) -> Manifest:
        wanted = (patch["kind"], patch["metadata"]["namespace"], patch["metadata"]["name"])
        return next(each for each in self.cluster.objects if _key(each) == wanted)

    def _renamed(self) -> Iterator[Manifest]:
        for old, new in self.content.get("rename", {}).items():
            kind, _, place = old.partition(" ")
            namespace, _, name = place.partition("/")
            found = _written(self._object({"kind": kind, "metadata": {"namespace": namespace, "name": name}}))
            yield {**found, "metadata": {**found["metadata"], "name": new}}


def _key(manifest: Manifest) -> tuple[str, str, str]:
    metadata = manifest["metadata"]
    return (manifest["kind"], metadata.get("namespace", ""), metadata.get("name", ""))


def _written(manifest: Manifest) -> Manifest:
    found = {key: value for key, value in copy.deepcopy(dict(manifest)).items() if key != "status"}
    found["metadata"] = {key: value for key, value in found["metadata"].items() if key not in _SERVER_METADATA}
    return found


def change_cases() -> tuple[ChangeCase, ...]:
    """All changes, in the order of their files."""
    found = []
    for path in sorted(CASES.glob("*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        only(content, _KEYS, path.name)
        only(content["expect"], _EXPECTED, path.name)
        found.append(ChangeCase(path.stem, content))
    return tuple(found)
