"""A recorder around any source, for the bundle that `collect` writes.

Every answer is redacted when it arrives: no secret is kept, and the recorded run reads exactly what its replay reads.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from math import inf
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any

import orjson

from checks.facts.fact import AzureCall, CountersWanted, Gap, Listed, PodName
from checks.model.inert_text import inert
from checks.model.raw_values import Raw, text
from checks.model.redaction import redact, redact_object
from checks.sources.bundle import API_VERSION
from checks.sources.client_errors import answer_or_gap
from checks.sources.packing import write_files
from checks.sources.readable_yaml import yaml_stream
from checks.sources.source import TOO_LATE, Answer, NotInstalled, Objects, OtherReads, Source

_Read = tuple[str, str, str, str, str]
"""(source, resource, namespace, name, container) of a read."""


class RecordingSource:
    """Forwards every read to another source and keeps the answer.

    Reads that have no answer yet when the bundle is written are recorded as timed out.
    """

    def __init__(self, source: Source, cluster: str, context: str = "") -> None:
        """Record a cluster under this name; `context` is the kubectl context of commands for it."""
        self._source = source
        self._cluster = cluster
        self._context = context
        self._now: datetime | None = None
        self._lock = Lock()
        self._reads: dict[_Read, Answer] = {}

    def now(self) -> datetime:
        """The same time at each call: it becomes the bundle's `captured_at`."""
        with self._lock:
            if self._now is None:
                self._now = self._source.now()
            return self._now

    def kubectl_context(self) -> str:
        return self._context or self._source.kubectl_context()

    def list_objects(self, what: Listed, deadline: float) -> Answer:
        request = Gap("kubernetes", "list", what.resource, 504, TOO_LATE)
        return self._kept(request, lambda: self._source.list_objects(what, deadline), deadline)

    def azure(self, what: AzureCall, deadline: float) -> Answer:
        request = Gap("azure", "get" if what.resource == "managedClusters" else "list", what.resource, 504, TOO_LATE)
        return self._kept(request, lambda: self._source.azure(what, deadline), deadline)

    def arm(self, resource_id: str, deadline: float) -> Answer:
        request = Gap("azure", "get", resource_id, 504, TOO_LATE)
        return self._kept(request, lambda: self._source.arm(resource_id, deadline), deadline)

    def pod_log(self, pod: PodName, container: str, tail: int, deadline: float) -> Answer:
        request = Gap("logs", "get", "pods/log", 504, TOO_LATE, pod.namespace, pod.name)
        return self._kept(
            request, lambda: _inert_lines(self._source.pod_log(pod, container, tail, deadline)), deadline, container
        )

    def server_version(self, deadline: float) -> Answer:
        request = Gap("kubernetes", "get", "version", 504, TOO_LATE)
        return self._kept(request, lambda: self._source.server_version(deadline), deadline)

    def probe_results(self) -> Answer:
        request = Gap("probes", "get", "probes", 504, TOO_LATE)
        return self._kept(request, self._source.probe_results, inf)

    def proxy_counters(self, wanted: CountersWanted, deadline: float, others: OtherReads | None = None) -> Answer:
        request = Gap("metrics", "get", "metrics", 504, TOO_LATE)
        return self._kept(request, lambda: self._source.proxy_counters(wanted, deadline, others), deadline)

    def write(self, path: Path) -> None:
        """Write the bundle atomically.

        A directory, or an archive if the name ends in .tar.gz or .tgz.

        Raises OSError; FileExistsError if the path exists.
        """
        with self._lock:
            reads = dict(self._reads)
        write_files(path, _files(self._about(), reads), self.now())

    def _about(self) -> dict[str, Any]:
        about = {
            "apiVersion": API_VERSION,
            "kind": "Bundle",
            "cluster": self._cluster,
            "captured_at": self.now().isoformat().replace("+00:00", "Z"),
        }
        context = self.kubectl_context()
        return {**about, "context": context} if context else about

    def _kept(self, request: Gap, read: Callable[[], Answer], deadline: float, detail: str = "") -> Answer:
        """Record the answer of a read.

        The record is a time-out until the answer arrives, and stays one if it arrives after the deadline.
        """
        key = (request.source, request.resource, request.namespace or "", request.name or "", detail)
        with self._lock:
            self._reads.setdefault(key, request)
        clean = answer_or_gap(lambda: _clean(read()), request)
        if monotonic() > deadline:
            return request
        with self._lock:
            self._reads[key] = clean
        return clean


def _inert_lines(answer: Answer) -> Answer:
    """A log as its file contains it.

    A plain file cannot escape characters without changing the text.
    """
    match answer:
        case Objects(raw, missing):
            return Objects(tuple({**each, "text": inert(text(each, "text"))} for each in raw), missing)
        case _:
            return answer


def _clean(answer: Answer) -> Answer:
    match answer:
        case Objects(raw, missing):
            redacted = tuple(replace(gap, message=redact(gap.message)) for gap in missing)
            return Objects(tuple(redact_object(each) for each in raw), redacted)
        case Gap():
            return replace(answer, message=redact(answer.message))
        case _:
            return answer


def _files(about: Mapping[str, Any], reads: Mapping[_Read, Answer]) -> dict[str, bytes]:
    """The files of the bundle, by name; `about` is the beginning of its description."""
    about = dict(about)
    absent: list[str] = []
    errors: list[dict[str, Any]] = []
    resources: list[Raw] = []
    network_was_read = False
    files: dict[str, bytes] = {}
    for (source, resource, namespace, name, _), answer in sorted(reads.items(), key=lambda item: item[0]):
        network = source == "azure" and resource.startswith("/")
        match answer:
            case Gap():
                errors.append(_error(answer, namespace, name))
                network_was_read |= network
            case NotInstalled():
                absent.append(resource)
            case Objects(raw) if network:
                network_was_read = True
                resources += raw
            case Objects(raw, missing):
                files |= _written(source, resource, raw)
                errors += [_error(gap, "", gap.name or "") for gap in missing]
                if resource == "version" and (version := text(raw[0] if raw else {}, "gitVersion")):
                    about["server_version"] = version
            case _:
                pass
    if absent:
        about["absent_kinds"] = absent
    if network_was_read:
        files["azure/resources.json"] = _json(resources)
    if errors:
        files["errors.yaml"] = yaml_stream([errors]).encode()
    return {"bundle.yaml": yaml_stream([about]).encode(), **files}


def _error(gap: Gap, namespace: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = {"source": gap.source, "resource": gap.resource, "namespace": namespace or gap.namespace}
    if name:
        found["name"] = name  # one pod's log: logs of other pods in its namespace may have been read
    if gap.credentials is not None:
        found["credentials"] = gap.credentials.value
    if gap.barrier is not None:
        found["barrier"] = gap.barrier.value
    if gap.readable_in:
        found["readable_in"] = list(gap.readable_in)
    return {**found, "status": gap.status, "message": gap.message}


def _written(source: str, resource: str, raw: tuple[Raw, ...]) -> dict[str, bytes]:
    match source, resource:
        case "azure", "managedClusters":
            return {"azure/managed-cluster.json": _json(raw[0])} if raw else {}
        case "azure", "agentPools":
            return {"azure/agent-pools.json": _json(list(raw))}
        case "kubernetes", "version":
            return {}
        case "probes", _:
            return {"probes.yaml": yaml_stream([[dict(each) for each in raw]]).encode()} if raw else {}
        case "metrics", _:
            return {"metrics.json": _json(list(raw))}
        case "logs", _:
            return {_log_name(each): _log(text(each, "text")) for each in raw}
        case _:
            return {name: yaml_stream(found).encode() for name, found in _by_file(resource, raw).items()}


def _by_file(resource: str, raw: Iterable[Raw]) -> dict[str, list[Raw]]:
    """The objects by file: one for each namespace and kind."""
    found: dict[str, list[Raw]] = {}
    for each in raw:
        namespace = text(each, "metadata", "namespace")
        name = f"objects/{_safe(namespace)}/{resource}.yaml" if namespace else f"objects/{resource}.yaml"
        found.setdefault(name, []).append(each)
    return found


def _log_name(raw: Raw) -> str:
    return f"logs/{'/'.join(_safe(text(raw, key)) for key in ('namespace', 'pod', 'container'))}.log"


def _log(lines: str) -> bytes:
    return f"{lines}\n".encode("utf-8", "replace") if lines else b""


def _safe(name: str) -> str:
    """A name as part of a path.

    Objects from a bundle may have names that the API server would not allow.
    """
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in name).lstrip(".") or "_"


def _json(value: Any) -> bytes:
    return inert(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()).encode() + b"\n"
