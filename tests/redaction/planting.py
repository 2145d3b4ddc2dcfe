"""A cluster with the secrets of the corpus in every text and in specifications."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle, islice
from typing import Any

from tests.clusters.compose import Cluster, Manifest, compose
from tests.redaction.corpus import SECRET_FORMS, SECRET_STRUCTURES

_ROUTED = {"apiVersion": "networking.istio.io/v1"}
_OF_CONTAINERS = {"command", "args", "env"}
_NAMES = {"password": "DB_PASSWORD", "token": "API_TOKEN"}


def planted(cluster: Cluster) -> Cluster:
    """The cluster with the forms of the corpus in every text of its objects, logs and errors."""
    texts = cycle(form.text for form in SECRET_FORMS)
    objects = [_with_secrets(manifest, texts) for manifest in cluster.objects]
    subjects = [
        each
        for each in objects
        if each["kind"] in ("Pod", "StaticGatewayConfiguration", "ReplicaSet", "Deployment", "Node")
    ]
    events = [_event(subject, text) for subject, text in zip(cycle(subjects), _all(), strict=False)]
    logs = {path: _log(log, texts) for path, log in cluster.logs.items()}
    errors = [
        {
            "source": "kubernetes",
            "resource": resource,
            "status": 403,
            "message": f"{resource} is forbidden: {next(texts)}",
        }
        for resource in (
            "networkpolicies.networking.k8s.io",
            "sidecars.networking.istio.io",
            "envoyfilters.networking.istio.io",
        )
    ]
    changed = replace(cluster, objects=(*objects, *_configuration(texts)), logs=logs)
    return compose(changed, {"events": events, "errors": errors[:1]})


def _all() -> Iterator[str]:
    return (form.text for form in SECRET_FORMS)


def _event(subject: Manifest, text: str) -> dict[str, Any]:
    where = subject["metadata"].get("namespace")
    name = subject["metadata"]["name"]
    on = f"{subject['kind']} {where}/{name}" if where else f"{subject['kind']} {name}"
    return {
        "on": on,
        "type": "Warning",
        "reason": "FailedMount",
        "message": f"MountVolume.SetUp failed: {text}",
        "age": "2m",
        "count": 5,
    }


def _log(log: str, texts: Iterator[str]) -> str:
    """The log with forms after its last lines, and in lines of the kinds that checks quote."""
    lines = log.splitlines()
    added = [f"{line} {' '.join(next(texts).split())}" for line in lines[-10:]]
    stamp = "2026-11-23T09:59:00.000000Z"
    added += [
        f"{stamp}\terror\tads\tADS:LDS: ACK ERROR egw-1 Internal:Error: {' '.join(text.split())}"
        for text in islice(texts, 6)
    ]
    added += [f"{stamp}\terror\t{' '.join(text.split())}" for text in islice(texts, 6)]
    return "\n".join([*lines, *added]) + "\n"


def _with_secrets(manifest: Manifest, texts: Iterator[str]) -> Manifest:
    kind = manifest["kind"]
    if kind == "Event":
        return {**manifest, "message": f"{manifest['message']} {next(texts)}"}
    metadata = {
        **manifest["metadata"],
        "annotations": {**(manifest["metadata"].get("annotations") or {}), "example.com/note": next(texts)},
    }
    found = {**manifest, "metadata": metadata}
    if kind in ("Pod", "Deployment", "DaemonSet") and "spec" in found:
        found["spec"] = _workload(found["spec"], texts)
    status = found.get("status")
    if isinstance(status, dict):
        found["status"] = _status(status, texts)
    return found


def _workload(spec: dict[str, Any], texts: Iterator[str]) -> dict[str, Any]:
    if "template" in spec:
        return {**spec, "template": {**spec["template"], "spec": _workload(spec["template"].get("spec", {}), texts)}}
    containers: Sequence[dict[str, Any]] = spec.get("containers") or ()
    commands = cycle({"command": each.content["command"]} for each in SECRET_STRUCTURES if "command" in each.content)
    environment = [{"name": name, "value": next(texts)} for name in _NAMES.values()]
    return {
        **spec,
        "containers": [
            {
                **each,
                **(next(commands) if "command" not in each else {}),
                "env": [*(each.get("env") or []), *environment, {"name": "NOTE", "value": next(texts)}],
                "args": [*(each.get("args") or []), next(texts)],
            }
            for each in containers
        ],
    }


def _status(status: dict[str, Any], texts: Iterator[str]) -> dict[str, Any]:
    found = dict(status)
    if isinstance(found.get("conditions"), list):
        found["conditions"] = [
            {**each, "message": f"{each.get('message', '')} {next(texts)}".strip()} for each in found["conditions"]
        ]
    if isinstance(found.get("containerStatuses"), list):
        found["containerStatuses"] = [
            {
                **each,
                "lastState": {
                    "terminated": {
                        "exitCode": 1,
                        "reason": "Error",
                        "message": next(texts),
                        "finishedAt": "2026-11-23T09:58:00Z",
                    }
                },
            }
            for each in found["containerStatuses"]
        ]
    return found


def _like(metadata: Manifest, name: str, content: Manifest, head: Manifest) -> Manifest:
    """An object of the corpus with the head of a manifest; a route also gets a destination."""
    found = {**head, **content, "metadata": {**metadata, "name": name, "uid": name}}
    if head is _ROUTED:
        route = [{"destination": {"host": "application.team-egress.svc.cluster.local"}}]
        rules = [{**rule, "route": route} for rule in content["spec"]["http"]]
        found["spec"] = {"hosts": [f"{name}.example"], "http": rules}
    return found


def _configuration(texts: Iterator[str]) -> list[Manifest]:
    """Objects that contain credentials by their purpose."""
    metadata = {
        "namespace": "team-egress",
        "uid": "0a1b2c3d-0000-4000-8000-000000000001",
        "creationTimestamp": "2026-11-20T00:00:00Z",
    }
    structures = [each.content for each in SECRET_STRUCTURES if not set(each.content) & _OF_CONTAINERS]
    patches = [{"operation": "MERGE", "value": each} for each in structures if "kind" not in each]
    routed = [each for each in structures if each.get("kind") == "VirtualService"]
    files = [each for each in structures if each.get("kind") == "ConfigMap"]
    patch = {
        "operation": "MERGE",
        "value": {
            "request_headers_to_add": [{"header": {"key": "x-api-key", "value": next(texts)}}],
            "note": next(texts),
        },
    }
    return [
        {
            "apiVersion": "networking.istio.io/v1alpha3",
            "kind": "EnvoyFilter",
            "metadata": {**metadata, "name": "credentials"},
            "spec": {
                "configPatches": [
                    {"applyTo": "HTTP_FILTER", "match": {"context": "GATEWAY"}, "patch": each}
                    for each in (patch, *patches)
                ]
            },
        },
        *(_like(metadata, f"route-{number}", each, _ROUTED) for number, each in enumerate(routed)),
        *(_like(metadata, f"file-{number}", each, {"apiVersion": "v1"}) for number, each in enumerate(files)),
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {**metadata, "name": "application", "uid": "0a1b2c3d-0000-4000-8000-000000000002"},
            "data": {f"file-{number}": text for number, text in enumerate(islice(texts, 40))},
        },
    ]
