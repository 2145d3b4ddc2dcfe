"""Test clusters: one complete healthy cluster, and patches of it.

``tests/clusters/base/`` is a complete bundle. ``tests/clusters/<name>.yaml``, the cases under ``tests/scenarios/`` and
the incidents under ``tests/incidents/`` contain only the differences, in this format. Every key is optional. An unknown
key, or a reference to a missing object, raises PatchError.

.. code-block:: yaml

    change:       # merge patches (RFC 7386: lists are replaced, null deletes). kind, metadata.name and namespace (and
                  # apiVersion, if two kinds share a name) select the object; * in name or namespace: all that match
      - {kind: StaticGatewayConfiguration, metadata: {namespace: team-egress, name: sgc}, status: null}
      - {kind: Pod, metadata: {namespace: team-egress, name: egw-*}, status: {phase: Pending}}
    add:          # whole objects; uid and creationTimestamp (ten days before now) are added if missing
      - {apiVersion: v1, kind: Namespace, metadata: {name: shop}, status: {phase: Active}}
    remove: ["Pod team-egress/egw-asm-1-30-abc", "ServiceEntry team-egress/*", "Node aks-gwpool-1", "* shop/*"]
    azure:        # null: no Azure facts
      managed_cluster: <merge patch of the REST body>
      agent_pools:            # the pool's properties; null deletes; agentPoolProfiles of the managed cluster are derived
        {gwpool: {count: 5}, apps: null, newpool: {mode: Gateway}}
      resources:              # by name or id; null for the whole key: no resources.json
        {nsg-gw: <merge patch>, <id>: null, <id of a new one>: <body>}
    logs: {"team-egress/egw-asm-1-30-abc/istio-proxy": "text", "team-egress/*": null}
    events:       # become complete core/v1 events, with the uid of their object
      - {on: "Pod team-egress/egw-asm-1-30-abc", type: Warning, reason: FailedCreatePodSandBox, message: text,
         age: 3m, count: 14, since: 20m, component: kubelet}
    errors: [{source: kubernetes, resource: pods, namespace: null, status: 403, message: text}]
    probes: [{kind: probe-pod, gateway: team-egress/egw, at: time, outcome: answered, addresses: [20.1.2.3]}]
    metrics: [{http: {edition.cnn.com: {200 -: 10}}}]      # what proxies counted (tests/clusters/counters.py)
    absent_kinds: [staticgatewayconfigurations.egressgateway.kubernetes.azure.com]      # their objects are removed
    now: 2026-11-23T10:00:00Z     # captured_at
    shift: 95d                    # every time in the cluster, including captured_at, is moved this far into the past

Order: absent_kinds, remove, change, add, events, azure, shift. ``compose`` is pure; the base is never modified.
``named("base")`` and ``named("tls-origination")`` are clusters of this folder; ``write_bundle`` writes one as a bundle.
"""

from __future__ import annotations

import copy
import functools
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from tests.clusters.azure import patched_azure
from tests.clusters.bundles import HERE, Cluster, Manifest, read_bundle, read_yaml, write_bundle
from tests.clusters.counters import counters
from tests.clusters.merging import PatchError, merge, only

__all__ = ["Cluster", "Manifest", "PatchError", "compose", "merge", "named", "names", "read_bundle", "write_bundle"]

_KEYS = {
    "change",
    "add",
    "remove",
    "azure",
    "logs",
    "events",
    "errors",
    "absent_kinds",
    "now",
    "shift",
    "probes",
    "metrics",
}
_EVENT_KEYS = {"on", "type", "reason", "message", "age", "since", "count", "component", "host"}
_AGE = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


def compose(base: Cluster, patch: Mapping[str, Any]) -> Cluster:
    """Apply ``patch`` to ``base``. Raises PatchError for an invalid entry."""
    only(patch, _KEYS, "patch")
    now = _text(patch.get("now")) or base.captured_at
    absent = tuple(patch.get("absent_kinds") or ())
    objects = [o for o in base.objects if resource_of(o) not in absent]
    for reference in patch.get("remove") or ():
        objects = _without(objects, reference)
    for change in patch.get("change") or ():
        objects = _changed(objects, change)
    for manifest in patch.get("add") or ():
        objects.append(_added(objects, manifest, now))
    for number, event in enumerate(patch.get("events") or ()):
        objects.append(_event(objects, event, now, number))
    cluster = replace(
        base,
        captured_at=now,
        objects=tuple(objects),
        logs=_logs(base.logs, patch.get("logs") or {}),
        errors=base.errors + tuple(patch.get("errors") or ()),
        absent_kinds=base.absent_kinds + absent,
        probes=base.probes + tuple(patch.get("probes") or ()),
        metrics=counters(patch["metrics"], now) if patch.get("metrics") is not None else base.metrics,
    )
    if "azure" in patch:
        cluster = patched_azure(cluster, patch["azure"])
    return _shifted(cluster, patch["shift"]) if "shift" in patch else cluster


@functools.cache
def named(name: str) -> Cluster:
    """The cluster of this folder with that name.

    It is ``base``, or a patch over the cluster that its ``base`` key names.
    """
    if name == "base":
        return read_bundle(HERE / "base")
    patch = read_yaml(HERE / f"{name}.yaml")
    patch.pop("title")
    return compose(named(patch.pop("base", "base")), patch)


def names() -> list[str]:
    """All clusters of this folder."""
    return ["base", *sorted(path.stem for path in HERE.glob("*.yaml"))]


def identity(manifest: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """The object's (apiVersion, kind, namespace, name).

    The namespace of a cluster-scoped object is ''.
    """
    metadata = manifest.get("metadata") or {}
    return (
        str(manifest.get("apiVersion", "")),
        str(manifest.get("kind", "")),
        str(metadata.get("namespace") or ""),
        str(metadata.get("name", "")),
    )


def resource_of(manifest: Mapping[str, Any]) -> str:
    """The resource as PLURAL.GROUP, or the plural of a core kind."""
    api_version, kind, _, _ = identity(manifest)
    word = kind.lower()
    if word.endswith("y") and not word.endswith("ay"):
        plural = word[:-1] + "ies"
    else:
        plural = word + ("es" if word.endswith("s") else "s")
    group = api_version.partition("/")[0] if "/" in api_version else ""
    return f"{plural}.{group}" if group else plural


def uid_of(*words: str) -> str:
    """A UID that is the same in every run."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(words)))


def before(now: str, age: str) -> str:
    """The RFC 3339 time ``age`` (such as 90s, 3m, 1h30m, 10d) before ``now``."""
    match = _AGE.fullmatch(age)
    if not age or match is None:
        raise PatchError(f"age {age!r} is not a duration such as 90s, 3m, 1h30m or 10d")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    moment = datetime.fromisoformat(now) - timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _shifted(cluster: Cluster, age: str) -> Cluster:
    def earlier(value: Any) -> Any:
        if isinstance(value, str):
            return _TIME.sub(lambda match: before(match[0] + "Z", age)[:-1], value)
        if isinstance(value, list):
            return [earlier(item) for item in value]
        return {key: earlier(item) for key, item in value.items()} if isinstance(value, dict) else value

    return replace(
        cluster,
        captured_at=earlier(cluster.captured_at),
        objects=tuple(earlier(manifest) for manifest in cluster.objects),
        logs={key: earlier(text) for key, text in cluster.logs.items()},
        metrics=None if cluster.metrics is None else tuple(earlier(each) for each in cluster.metrics),
    )


def _text(value: Any) -> str | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return None if value is None else str(value)


def _reference(text: str) -> Callable[[Manifest], bool]:
    kind, _, rest = text.partition(" ")
    namespace, slash, name = rest.partition("/")
    if not slash:
        namespace, name = "", rest

    def matches(manifest: Manifest) -> bool:
        _, its_kind, its_namespace, its_name = identity(manifest)
        return fnmatchcase(its_kind, kind) and fnmatchcase(its_namespace, namespace) and fnmatchcase(its_name, name)

    return matches


def _without(objects: list[Manifest], reference: str) -> list[Manifest]:
    matches = _reference(reference)
    kept = [o for o in objects if not matches(o)]
    if len(kept) == len(objects):
        raise PatchError(f"remove: no object {reference}")
    return kept


def _changed(objects: list[Manifest], change: Manifest) -> list[Manifest]:
    api_version, kind, namespace, name = identity(change)
    label = f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
    matches = _reference(label)
    found = [i for i, o in enumerate(objects) if matches(o) and api_version in ("", o["apiVersion"])]
    if not found:
        raise PatchError(f"change: no object {label}")
    if len({objects[i]["apiVersion"] for i in found}) > 1:
        raise PatchError(f"change: {label} needs an apiVersion: several kinds have this name")
    patch = {key: value for key, value in change.items() if key not in ("apiVersion", "kind", "metadata")}
    metadata = {k: v for k, v in change["metadata"].items() if k not in ("name", "namespace")}
    if metadata:
        patch["metadata"] = metadata
    changed = list(objects)
    for i in found:
        changed[i] = merge(objects[i], patch)
    return changed


def _added(objects: Sequence[Manifest], manifest: Manifest, now: str) -> Manifest:
    added = copy.deepcopy(manifest)
    who = identity(added)
    if not all((who[0], who[1], who[3])):
        raise PatchError(f"add: an object needs apiVersion, kind and metadata.name: {who}")
    if any(identity(o) == who for o in objects):
        raise PatchError(f"add: {who[1]} {who[2]}/{who[3]} already exists; use change")
    added["metadata"].setdefault("uid", uid_of(*who))
    added["metadata"].setdefault("creationTimestamp", before(now, "10d"))
    return added


def _event(objects: Sequence[Manifest], event: Manifest, now: str, number: int) -> Manifest:
    only(event, _EVENT_KEYS, "events")
    matches = _reference(event["on"])
    about = next((o for o in objects if matches(o)), None)
    if about is None:
        raise PatchError(f"events: no object {event['on']}")
    api_version, kind, namespace, name = identity(about)
    count = int(event.get("count", 1))
    age = str(event.get("age", "1m"))
    last = before(now, age)
    first = before(now, str(event["since"])) if "since" in event else before(last, f"{30 * (count - 1)}s")
    component = str(event.get("component", "kubelet"))
    host = str(event.get("host", about.get("spec", {}).get("nodeName", "") if component == "kubelet" else ""))
    uid = uid_of("event", kind, namespace, name, str(number), str(event["reason"]))
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{name}.{uid.replace('-', '')[:16]}",
            "namespace": namespace or "default",
            "uid": uid,
            "creationTimestamp": first,
        },
        "involvedObject": {
            "apiVersion": api_version,
            "kind": kind,
            "name": name,
            **({"namespace": namespace} if namespace else {}),
            "uid": about["metadata"].get("uid", ""),
        },
        "type": event.get("type", "Warning"),
        "reason": event["reason"],
        "message": event["message"],
        "count": count,
        "firstTimestamp": first,
        "lastTimestamp": last,
        "eventTime": None,
        "source": {"component": component, **({"host": host} if host else {})},
        "reportingComponent": component,
        "reportingInstance": host,
    }


def _logs(logs: Mapping[str, str], patch: Mapping[str, str | None]) -> dict[str, str]:
    changed = dict(logs)
    for key, text in patch.items():
        if text is not None:
            changed[key] = text
            continue
        removed = [name for name in changed if fnmatchcase(name, key)]
        if not removed:
            raise PatchError(f"logs: no log {key}")
        for name in removed:
            del changed[name]
    return changed
