"""Bundles on disk: reading one into a Cluster, and writing a Cluster as one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]

HERE = Path(__file__).parent
_CLUSTER_KINDS = {
    "Node": "nodes",
    "Namespace": "namespaces",
    "MutatingWebhookConfiguration": "admission",
    "ValidatingWebhookConfiguration": "admission",
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """The content of a bundle in memory; treat it as immutable."""

    name: str
    captured_at: str
    objects: tuple[Manifest, ...]
    managed_cluster: Manifest | None
    agent_pools: tuple[Manifest, ...] | None
    resources: tuple[Manifest, ...] | None
    logs: Mapping[str, str]
    errors: tuple[Manifest, ...] = ()
    absent_kinds: tuple[str, ...] = ()
    probes: tuple[Manifest, ...] = ()
    metrics: tuple[Manifest, ...] | None = None


class _TextLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML in which times stay text, as in the Kubernetes API, and `on` is an ordinary key."""


_BOOL = "tag:yaml.org,2002:bool"
_TextLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in ("tag:yaml.org,2002:timestamp", _BOOL)]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_TextLoader.add_implicit_resolver(_BOOL, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _represent_text(dumper: Any, text: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)


def read_yaml(path: Path) -> Any:
    """Read one YAML document, with times as text."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_TextLoader)  # noqa: S506 (it derives from SafeLoader)


def dump_yaml(value: Any) -> str:
    """YAML in block style, with keys in their order and strings on one line."""
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100_000))


def read_bundle(path: Path) -> Cluster:
    """Read a bundle directory as a Cluster. Raises OSError or yaml.YAMLError."""
    about = read_yaml(path / "bundle.yaml")
    pools = _json(path / "azure/agent-pools.json")
    resources = _json(path / "azure/resources.json")
    errors = read_yaml(path / "errors.yaml") if (path / "errors.yaml").exists() else []
    return Cluster(
        name=about["cluster"],
        captured_at=about["captured_at"],
        objects=tuple(_objects(path / "objects")),
        managed_cluster=_json(path / "azure/managed-cluster.json"),
        agent_pools=None if pools is None else tuple(pools["value"]),
        resources=None if resources is None else tuple(resources),
        logs={
            str(log.relative_to(path / "logs").with_suffix("")): log.read_text(encoding="utf-8")
            for log in sorted((path / "logs").rglob("*.log"))
        },
        errors=tuple(errors or ()),
        absent_kinds=tuple(about.get("absent_kinds") or ()),
        metrics=None if (counters := _json(path / "metrics.json")) is None else tuple(counters),
        probes=tuple(read_yaml(path / "probes.yaml") or ()) if (path / "probes.yaml").exists() else (),
    )


def write_bundle(cluster: Cluster, path: Path) -> None:
    """Write the cluster as a bundle directory, which must be empty or missing."""
    path.mkdir(parents=True, exist_ok=True)
    about: Manifest = {
        "apiVersion": "egress-diag/v1",
        "kind": "Bundle",
        "cluster": cluster.name,
        "captured_at": cluster.captured_at,
    }
    if cluster.absent_kinds:
        about["absent_kinds"] = list(cluster.absent_kinds)
    _write(path / "bundle.yaml", dump_yaml(about))
    pools = None if cluster.agent_pools is None else {"value": list(cluster.agent_pools)}
    resources = None if cluster.resources is None else list(cluster.resources)
    for name, body in (("managed-cluster", cluster.managed_cluster), ("agent-pools", pools), ("resources", resources)):
        if body is not None:
            _write(path / f"azure/{name}.json", json.dumps(body, indent=2, ensure_ascii=False) + "\n")
    for name, objects in _files(cluster.objects).items():
        _write(path / "objects" / name, "---\n".join(dump_yaml(o) for o in objects))
    for key, text in cluster.logs.items():
        _write(path / "logs" / f"{key}.log", text)
    if cluster.metrics is not None:
        _write(path / "metrics.json", json.dumps(list(cluster.metrics), indent=2, ensure_ascii=False) + "\n")
    if cluster.probes:
        _write(path / "probes.yaml", dump_yaml(list(cluster.probes)))
    if cluster.errors:
        _write(path / "errors.yaml", dump_yaml(list(cluster.errors)))


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _objects(folder: Path) -> Iterable[Manifest]:
    for path in sorted(folder.rglob("*.yaml")):
        for document in yaml.load_all(path.read_text(encoding="utf-8"), Loader=_TextLoader):
            if document is None:
                continue
            yield from document["items"] if document["kind"].endswith("List") else [document]


def _files(objects: Iterable[Manifest]) -> dict[str, list[Manifest]]:
    files: dict[str, list[Manifest]] = {}
    for manifest in objects:
        namespace = manifest["metadata"].get("namespace")
        if not namespace:
            name = f"{_CLUSTER_KINDS.get(manifest['kind'], 'cluster')}.yaml"
        else:
            name = f"{namespace}/{'events' if manifest['kind'] == 'Event' else 'objects'}.yaml"
        files.setdefault(name, []).append(manifest)
    return files


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
