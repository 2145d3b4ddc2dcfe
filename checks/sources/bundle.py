"""Reading a bundle on disk (docs/contract.md#bundle) as a Recording, one file at a time."""

import difflib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from checks.model.documents import BadDocument, Budget, parse_json, parse_yaml
from checks.model.raw_values import Raw, at, parse_moment, text
from checks.sources.archive import BundleError, files
from checks.sources.counter_entries import counters_problem
from checks.sources.error_entries import error_entry_problem
from checks.sources.expected_answers import WRONG_ANSWER, is_status
from checks.sources.probed import PROBE_KEYS, probe_entry_problem
from checks.sources.recorded import Recording
from checks.sources.saved_answers import (
    CLUSTER_FILE,
    POOLS_FILE,
    RESOURCES_FILE,
    cluster_problem,
    pools_problem,
    resources_problem,
    rows,
)

__all__ = ["API_VERSION", "BundleError", "read_bundle"]

API_VERSION = "egress-diag/v1"
_ABOUT = ("apiVersion", "kind", "cluster", "captured_at", "absent_kinds", "server_version", "context")
_OBJECT_FILES = (".yaml", ".yml", ".json")


def read_bundle(path: Path) -> Recording:
    """Read the recording from a bundle directory or .tar.gz. Raises BundleError."""
    try:
        parts = _Parts()
        for name, content in files(path):
            _take(parts, name, content)
        return parts.recording()
    except BundleError as error:
        raise BundleError(f"{path}: {error}") from None


def _take(parts: "_Parts", name: str, content: bytes) -> None:
    try:
        parts.take(name, content)
    except BadDocument as error:
        raise BundleError(f"{name}: {error}; expected a file as `egress-diag collect` writes it") from None
    except UnicodeDecodeError as error:
        raise BundleError(f"{name}: byte {error.start} is not UTF-8; expected UTF-8 text") from None


def _refuse(name: str, problem: str, expected: str) -> BundleError:
    return BundleError(f"{name}: {problem}; expected {expected}")


class _Parts:
    """The parts of a bundle that have been read so far."""

    def __init__(self) -> None:
        self.budget = Budget()
        self.about: tuple[datetime, Raw] | None = None
        self.errors: list[Raw] = []
        self.wrong: list[Raw] = []
        """Failed reads: files whose content was not requested."""
        self.probes: list[Raw] = []
        self.objects: dict[tuple[str, str, str, str], tuple[str, Raw]] = {}
        self.azure: dict[str, Any] = {}
        self.logs: dict[str, str] = {}
        self.metrics: list[Raw] | None = None

    def take(self, name: str, content: bytes) -> None:
        """Read one file; files that are not part of a bundle (README, expect.yaml) are ignored."""
        match PurePosixPath(name).parts:
            case ("bundle.yaml",):
                self.about = self._about(name, content)
            case ("errors.yaml",):
                self.errors = self._errors(name, content)
            case ("probes.yaml",):
                self.probes = self._probes(name, content)
            case ("metrics.json",):
                self.metrics = self._counters(name, content)
            case ("azure", "managed-cluster.json" | "agent-pools.json" | "resources.json" as which):
                self.azure[which] = parse_json(content, self.budget)
            case ("objects", *_):
                self._objects(name, content)
            case ("logs", *_):
                self._log(name, content)
            case _:
                pass

    def recording(self) -> Recording:
        """The complete recording. Raises BundleError if a required part is missing."""
        if self.about is None:
            raise _refuse("bundle.yaml", "is missing", "it at the top of the bundle")
        captured_at, about = self.about
        return Recording(
            cluster=about["cluster"],
            captured_at=captured_at,
            objects=[found for _, found in self.objects.values()],
            managed_cluster=self._managed_cluster(),
            agent_pools=self._agent_pools(),
            resources=self._resources(),
            logs=self.logs,
            errors=[*self.errors, *self.wrong],
            absent_kinds=about.get("absent_kinds") or (),
            server_version=text(about, "server_version"),
            probes=self.probes,
            context=text(about, "context"),
            metrics=self.metrics,
        )

    def _single(self, name: str, content: bytes) -> Any:
        documents = list(parse_yaml(content.decode("utf-8"), self.budget))
        if len(documents) > 1:
            raise _refuse(name, f"{len(documents)} YAML documents", "one")
        return documents[0] if documents else None

    def _about(self, name: str, content: bytes) -> tuple[datetime, Raw]:
        about = self._single(name, content)
        if not isinstance(about, Mapping):
            raise _refuse(name, "not a mapping", f"the keys {', '.join(_ABOUT[:4])}")
        for key in about:
            if key not in _ABOUT and (near := difflib.get_close_matches(key, _ABOUT, 1, 0.75)):
                raise _refuse(name, f'unknown key "{key}"', near[0])
        if about.get("apiVersion") != API_VERSION:
            raise _refuse(name, f"apiVersion is {about.get('apiVersion')!r}", API_VERSION)
        if about.get("kind") != "Bundle":
            raise _refuse(name, f"kind is {about.get('kind')!r}", "Bundle")
        if not isinstance(about.get("cluster"), str) or not about["cluster"]:
            raise _refuse(name, f"cluster is {about.get('cluster')!r}", "the cluster's name")
        captured_at = parse_moment(about.get("captured_at"))
        if captured_at is None:
            raise _refuse(
                name, f"captured_at is {about.get('captured_at')!r}", "an RFC 3339 time such as 2026-11-16T10:20:00Z"
            )
        absent = about.get("absent_kinds") or []
        if not isinstance(absent, list) or not all(isinstance(each, str) for each in absent):
            raise _refuse(
                name, "absent_kinds is not a list of names", "names such as httproutes.gateway.networking.k8s.io"
            )
        return captured_at, about

    def _errors(self, name: str, content: bytes) -> list[Raw]:
        found = self._single(name, content)
        if found is None:
            return []
        if not isinstance(found, list):
            raise _refuse(name, "not a list", "a list of {source, resource, namespace, status, message}")
        for number, error in enumerate(found, 1):
            if problem := error_entry_problem(error):
                raise _refuse(name, f"entry {number}{problem[0]}", problem[1])
        return found

    def _probes(self, name: str, content: bytes) -> list[Raw]:
        found = self._single(name, content)
        if found is None:
            return []
        if not isinstance(found, list):
            raise _refuse(name, "not a list", f"a list of {{{', '.join(PROBE_KEYS)}}}")
        for number, entry in enumerate(found, 1):
            if problem := probe_entry_problem(entry):
                raise _refuse(name, f"entry {number}: {problem[0]}", problem[1])
        return found

    def _counters(self, name: str, content: bytes) -> list[Raw]:
        found = parse_json(content, self.budget)
        if problem := counters_problem(found):
            raise _refuse(name, *problem)
        counters: list[Raw] = found
        return counters

    def _objects(self, name: str, content: bytes) -> None:
        suffix = PurePosixPath(name).suffix.lower()
        if suffix not in _OBJECT_FILES:
            if PurePosixPath(name).name.lower().startswith("readme"):
                return
            raise _refuse(name, "not a file of Kubernetes objects", "a name that ends in .yaml")
        if content.lstrip()[:1] == b"{":
            # JSON is also YAML, but the JSON parser is much faster.
            try:
                documents: Iterator[Any] = iter((parse_json(content, self.budget),))
            except BadDocument:
                if suffix == ".json":
                    raise
                documents = parse_yaml(content.decode("utf-8"), self.budget)
        else:
            documents = parse_yaml(content.decode("utf-8-sig"), self.budget)
        for number, document in enumerate(documents, 1):
            for found in self._expanded(name, f"document {number}", document):
                self._add(name, found)

    def _expanded(self, name: str, which: str, document: Any) -> Iterator[Raw]:
        kind, version = at(document, "kind"), at(document, "apiVersion")
        if not isinstance(kind, str) or not isinstance(version, str) or not kind or not version:
            raise _refuse(
                name, f"{which} has no kind and apiVersion", "Kubernetes objects, as `kubectl get -o yaml` prints"
            )
        listed = document.get("items")
        if not kind.endswith("List") or (listed is None and at(document, "metadata", "name")):
            if not isinstance(at(document, "metadata", "name"), str):
                raise _refuse(name, f"{which}, a {kind}, has no metadata.name", "a Kubernetes object")
            yield document
            return
        if at(document, "metadata", "continue"):
            problem = f"{which}, a {kind}, is one page of a list (metadata.continue is set)"
            raise _refuse(name, problem, "the whole list, as `kubectl get -o yaml` prints it")
        if not isinstance(listed, list | None):
            raise _refuse(name, f"{which}, a {kind}: items is not a list", "a list of Kubernetes objects")
        for position, item in enumerate(listed or (), 1):
            if not isinstance(item, Mapping):
                raise _refuse(name, f"{which}, item {position} is not an object", "a list of Kubernetes objects")
            # Items of the API's own lists (PodList) have neither kind nor apiVersion.
            stamp = {} if kind == "List" else {"apiVersion": version, "kind": kind.removesuffix("List")}
            yield from self._expanded(name, f"{which}, item {position}", {**stamp, **item} if stamp else item)

    def _add(self, name: str, found: Raw) -> None:
        kind, version = found["kind"], found["apiVersion"]
        group = version.partition("/")[0] if "/" in version else ""
        if kind == "Event" and group == "events.k8s.io":
            group = ""  # both APIs return the same events
        key = (group, kind, at(found, "metadata", "namespace") or "", found["metadata"]["name"])
        where, known = self.objects.setdefault(key, (name, found))
        if known is not found and known != found and known["apiVersion"] == version:
            label = f"{kind} {key[2]}/{key[3]}" if key[2] else f"{kind} {key[3]}"
            raise _refuse(name, f"{label} is also in {where}, with different content", "each object once")

    def _log(self, name: str, content: bytes) -> None:
        match PurePosixPath(name):
            case PurePosixPath(suffix=".log", parts=("logs", namespace, pod, container)):
                if is_status(content):
                    self._failed(
                        "logs", "pods/log", f"{name}: it is a Status of the API server, not a log", namespace, pod
                    )
                    return
                # A container may write any bytes; invalid UTF-8 must not discard the rest of the log.
                key = f"{namespace}/{pod}/{container.removesuffix('.log')}"
                self.logs[key] = content.decode("utf-8", "replace")
            case PurePosixPath(suffix=".log" | ".txt" | ".gz"):
                raise _refuse(name, "a log in an unexpected place", "logs/<namespace>/<pod>/<container>.log")
            case _:
                pass

    def _managed_cluster(self) -> Raw | None:
        name = "managed-cluster.json"
        found = self.azure.get(name)
        if name in self.azure and not isinstance(found, Mapping):
            raise _refuse(f"azure/{name}", "not a JSON object", CLUSTER_FILE)
        if found is not None and (problem := cluster_problem(found)):
            self._failed("azure", "managedClusters", f"azure/{name}: {problem}")
        return found

    def _agent_pools(self) -> list[Raw] | None:
        name = "agent-pools.json"
        if name not in self.azure:
            return None
        found, problem = rows(self.azure[name]), pools_problem(self.azure[name])
        if found is None:
            raise _refuse(f"azure/{name}", problem, POOLS_FILE)
        if problem:
            self._failed("azure", "agentPools", f"azure/{name}: {problem}")
        return found

    def _resources(self) -> list[Raw] | None:
        name = "resources.json"
        if name not in self.azure:
            return None
        if problem := resources_problem(self.azure[name]):
            raise _refuse(f"azure/{name}", problem, RESOURCES_FILE)
        return rows(self.azure[name])

    def _failed(self, source: str, resource: str, message: str, namespace: str = "", name: str = "") -> None:
        """Record a file with the answer to another request as a failed read.

        Source: docs/rulings.md#ruling-30.
        """
        where = {"namespace": namespace, "name": name} if name else {}
        self.wrong.append({"source": source, "resource": resource, "status": WRONG_ANSWER, "message": message, **where})
