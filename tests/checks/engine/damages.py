"""Damaged copies of the test clusters.

Real API servers, old controllers and manual edits produce such damage.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from tests.clusters.compose import Cluster, Manifest

Path = tuple[str | int, ...]


class Missing(Enum):
    """Stands for a field that is not there."""

    MISSING = "missing"

    def __repr__(self) -> str:
        return "missing"


MISSING = Missing.MISSING

VALUES: tuple[Any, ...] = (
    MISSING, None, [], {}, "", "x", 0, -1, 2**63, 3.7, True, False, [None], [[]], [{}], ["x", None, 3], {"x": None},
    {"x": {"y": []}},
)  # fmt: skip
"""The values that damage a field: missing, null, empty, of another type."""

WORDS = (
    "80", "-1", "http", "UNKNOWN_MODE", "Sometimes", "2026-11-23T09:58:00", "2026-11-23", "not a time",
    "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2026-11-23T09:58:00.123456789Z", "EDITION.cnn.COM.",
    "name.with.dots", "*", "*.com", ".", "~", "/", "a/b/c",
    "fd00::1", "fd00::/64", "::ffff:10.0.0.1", "10.0.0.0/33", "10.0.0.300", "20.50.60.0/30,20.50.60.4", "100%", "1e9999", "١٢",
    "a" * 300, "two\nlines", "\x00", "team-egress", "egw", "sgc", "asm-1-30", "{}", '{"mesh": [', "- a\n- b", "[unclosed",
)  # fmt: skip
"""Values that a field of text may have by mistake.

Unknown enum values, ports as strings, times without a zone, hosts with capitals and a dot at the end, IPv6, names with
dots, and texts that are no YAML.
"""


@dataclass(frozen=True)
class Place:
    """A field of every object of a kind.

    `number` distinguishes the shapes of the objects of a kind.
    """

    kind: str
    path: Path

    def __str__(self) -> str:
        return f"{self.kind} {'.'.join(map(str, self.path))}"


def places(cluster: Cluster) -> list[Place]:
    """Every field that an object of the cluster has, Azure's among them.

    Entries of lists count as one.
    """
    found: dict[Place, None] = {}
    for manifest in cluster.objects:
        for path in _paths(manifest):
            found[Place(str(manifest["kind"]), path)] = None
    for kind, raws in _azure(cluster).items():
        for raw in raws:
            for path in _paths(raw):
                found[Place(kind, path)] = None
    return list(found)


def damaged(cluster: Cluster, place: Place, value: Any, every: int = 1) -> Cluster:
    """The cluster with this value at the place.

    In every object of its kind that has it, or in each `every`-th.
    """
    count = -1

    def changed(raw: Manifest) -> Manifest:
        nonlocal count
        if not _has(raw, place.path):
            return raw
        count += 1
        return raw if count % every else _with(raw, place.path, value)

    azure = _azure(cluster)
    if place.kind in azure:
        azure[place.kind] = tuple(changed(raw) for raw in azure[place.kind])
        return _with_azure(cluster, azure)
    objects = tuple(changed(o) if o.get("kind") == place.kind else o for o in cluster.objects)
    return replace(cluster, objects=objects)


def rewritten(cluster: Cluster, change: Callable[[str, Any, Any], Any]) -> Cluster:
    """The cluster with each plain value of its objects as `change` gives it.

    `change` gets the kind, the key of the value, and the value.
    """

    def inside(kind: str, key: Any, value: Any) -> Any:
        if isinstance(value, dict):
            return {k: inside(kind, k, v) for k, v in value.items()}
        if isinstance(value, list):
            return [inside(kind, key, each) for each in value]
        return change(kind, key, value)

    return replace(cluster, objects=tuple(inside(str(o["kind"]), "", o) for o in cluster.objects))


def reshaped(cluster: Cluster, copies: int = 1) -> Cluster:
    """The cluster with its events as events.k8s.io/v1 writes them, each so many times."""
    events = [o for o in cluster.objects if o.get("kind") == "Event"]
    others = [o for o in cluster.objects if o.get("kind") != "Event"]
    newer = [_newer(event, number) for event in events for number in range(copies)]
    return replace(cluster, objects=(*others, *newer))


def _newer(event: Manifest, number: int) -> Manifest:
    metadata = event.get("metadata")
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {**metadata, "name": f"{metadata.get('name')}-{number}"}
        if isinstance(metadata, dict)
        else metadata,
        "regarding": event.get("involvedObject"),
        "note": event.get("message"),
        "type": event.get("type"),
        "reason": event.get("reason"),
        "eventTime": event.get("firstTimestamp"),
        "series": {"count": event.get("count"), "lastObservedTime": event.get("lastTimestamp")},
        "reportingController": "kubelet",
        "deprecatedSource": event.get("source"),
    }


def _azure(cluster: Cluster) -> dict[str, tuple[Manifest, ...]]:
    return {
        "managedCluster": (cluster.managed_cluster,) if cluster.managed_cluster is not None else (),
        "agentPool": cluster.agent_pools or (),
        "resource": cluster.resources or (),
    }


def _with_azure(cluster: Cluster, azure: dict[str, tuple[Manifest, ...]]) -> Cluster:
    return replace(
        cluster,
        managed_cluster=next(iter(azure["managedCluster"]), None),
        agent_pools=azure["agentPool"] if cluster.agent_pools is not None else None,
        resources=azure["resource"] if cluster.resources is not None else None,
    )


def _paths(raw: Any, start: Path = ()) -> Iterator[Path]:
    if start:
        yield start
    if isinstance(raw, dict):
        for key, value in raw.items():
            if start or key not in ("apiVersion", "kind"):
                yield from _paths(value, (*start, key))
    elif isinstance(raw, list):
        # The first and the last stand for all of them.
        for index in {0, len(raw) - 1} if raw else ():
            yield from _paths(raw[index], (*start, index))


def _has(raw: Any, path: Path) -> bool:
    for step in path:
        if isinstance(step, int):
            if not isinstance(raw, list) or step >= len(raw):
                return False
            raw = raw[step]
        elif not isinstance(raw, dict) or step not in raw:
            return False
        else:
            raw = raw[step]
    return True


def _with(raw: Manifest, path: Path, value: Any) -> Manifest:
    changed = copy.deepcopy(raw)
    inner: Any = changed
    for step in path[:-1]:
        inner = inner[step]
    if value is not MISSING:
        inner[path[-1]] = copy.deepcopy(value)
    elif isinstance(inner, list):
        inner.pop(int(path[-1]))
    else:
        del inner[path[-1]]
    return changed
