"""Removing from live Kubernetes objects the fields that no check reads.

Five thousand complete pods take a gigabyte, most of it environment, volumes and field ownership. The remaining fields are
exactly as the API server returned them.
"""

from collections.abc import Callable, Iterable, Mapping
from sys import intern
from typing import Any

from checks.model.raw_values import items

Json = dict[str, Any]

_POD_SPEC = frozenset({"volumes", "imagePullSecrets", "schedulerName", "terminationGracePeriodSeconds", "overhead"})
_CONTAINER = frozenset(
    {
        *("command", "env", "envFrom", "volumeMounts", "volumeDevices", "imagePullPolicy", "lifecycle"),
        *("livenessProbe", "startupProbe", "terminationMessagePath", "terminationMessagePolicy", "stdin", "tty"),
    }
)
_CONTAINER_STATUS = frozenset({"allocatedResources", "containerID", "imageID", "resources", "user", "volumeMounts"})
_NODE_STATUS = frozenset({"images", "volumesAttached", "volumesInUse", "daemonEndpoints", "features", "config"})
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_READ_CONFIG_MAPS = frozenset({"aks-istio-system", "aks-static-egress-gateway", "kube-egress-gateway-system"})
"""The namespaces whose ConfigMaps are kept.

Those of applications are large and often contain secrets.
"""


def reduced(found: Json) -> Json:
    """Remove the fields that no check reads, in place."""
    _reduce_metadata(found)
    if (reduce := _BY_KIND.get(str(found.get("kind")))) is not None:
        reduce(found)
    return found


def share_texts(value: Json | list[Any]) -> None:
    """Replace equal texts in a JSON value by one, in place.

    Objects of one kind repeat most of their texts: of 280,000 texts of 500 gateways, 12,000 differ.
    """
    entries: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in entries:
        kind = type(each)  # JSON has no subclasses, and this is faster than isinstance
        if kind is str:
            value[key] = intern(each)
        elif kind is dict or kind is list:
            share_texts(each)


def secret_from_metadata(found: Json) -> Json:
    """A Secret from its metadata.

    The names of its keys come from field ownership, its values are never read.

    For a Secret without ownership of its data (older than managedFields), the keys stay unknown.
    """
    keys = {
        str(key).removeprefix("f:")
        for entry in items(found, "metadata", "managedFields")
        for key in _mapping(_mapping(entry, "fieldsV1"), "f:data")
        if str(key).startswith("f:")
    }
    if keys:
        found["data"] = dict.fromkeys(sorted(keys), "REDACTED")
    return found


def _mapping(raw: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = raw.get(key)
    return value if isinstance(value, Mapping) else {}


def _reduce_metadata(found: Json) -> None:
    metadata = found.get("metadata")
    if not isinstance(metadata, dict):
        return
    for key in ("resourceVersion", "selfLink"):
        metadata.pop(key, None)
    if isinstance(metadata.get("annotations"), dict):
        metadata["annotations"].pop(_APPLIED, None)
    if isinstance(metadata.get("managedFields"), list):
        metadata["managedFields"] = [_owner(each) for each in items(found, "metadata", "managedFields")]


def _owner(entry: Mapping[str, Any]) -> Json:
    """The manager, time and top-level fields of a change.

    They distinguish an edit of the spec from a status update.
    """
    kept = {key: value for key, value in entry.items() if key != "fieldsV1"}
    if isinstance(entry.get("fieldsV1"), Mapping):
        kept["fieldsV1"] = {key: {} for key in entry["fieldsV1"]}
    return kept


def _pod(found: Json) -> None:
    _pod_spec(found.get("spec"))
    status = found.get("status")
    if isinstance(status, dict):
        for key in ("containerStatuses", "initContainerStatuses"):
            for each in status.get(key) or ():
                _drop(each, _CONTAINER_STATUS)


def _pod_spec(spec: object) -> None:
    _drop(spec, _POD_SPEC)
    if isinstance(spec, dict):
        for key in ("containers", "initContainers"):
            for each in spec.get(key) or ():
                _drop(each, _CONTAINER)


def _workload(found: Json) -> None:
    spec = found.get("spec")
    template = spec.get("template") if isinstance(spec, dict) else None
    if isinstance(template, dict):
        _pod_spec(template.get("spec"))


def _node(found: Json) -> None:
    _drop(found.get("status"), _NODE_STATUS)


def _config_map(found: Json) -> None:
    found.pop("binaryData", None)
    if _mapping(found, "metadata").get("namespace") not in _READ_CONFIG_MAPS:
        found.pop("data", None)


def _webhooks(found: Json) -> None:
    for each in found.get("webhooks") or ():
        if isinstance(each, dict):
            _drop(each.get("clientConfig"), frozenset({"caBundle"}))


def _event(found: Json) -> None:
    _drop(found.get("metadata"), frozenset({"managedFields"}))


def _drop(raw: object, keys: frozenset[str]) -> None:
    if isinstance(raw, dict):
        for key in keys & raw.keys():
            del raw[key]


_BY_KIND: Mapping[str, Callable[[Json], None]] = {
    "Pod": _pod,
    "Deployment": _workload,
    "ReplicaSet": _workload,
    "DaemonSet": _workload,
    "Node": _node,
    "ConfigMap": _config_map,
    "MutatingWebhookConfiguration": _webhooks,
    "ValidatingWebhookConfiguration": _webhooks,
    "Event": _event,
}
