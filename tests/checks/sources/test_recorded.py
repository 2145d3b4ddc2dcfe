"""Failed reads of single namespaces affect no other objects.

Objects of other namespaces and cluster-scoped ones are read as before.
"""

from datetime import UTC, datetime
from pathlib import Path
from threading import get_ident
from time import monotonic
from typing import Any

import pytest

from checks.engine.readings import record
from checks.facts.fact import Gap, Listed, PodName
from checks.facts.namespaces import Namespace
from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.facts.store import FactStore
from checks.sources.bundle import read_bundle
from checks.sources.gathering import gather
from checks.sources.recorded import RecordedSource, Recording
from checks.sources.recording import RecordingSource
from checks.sources.source import Answer, Objects

NOW = datetime(2026, 11, 16, 10, 20, tzinfo=UTC)


def soon() -> float:
    return monotonic() + 10


def made(kind: str, name: str, namespace: str | None = None) -> dict[str, Any]:
    place = {"namespace": namespace} if namespace else {}
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, **place}}


def source(*errors: dict[str, Any]) -> RecordedSource:
    objects = (
        made("Pod", "a", "payments"),
        made("Pod", "b", "checkout"),
        made("Node", "n"),
        made("Namespace", "payments"),
    )
    logs = {"payments/a/c": "one", "checkout/b/c": "two"}
    return RecordedSource(Recording("weu", NOW, objects, errors=errors, logs=logs))


def forbidden(resource: str, namespace: str | None, kind: str = "kubernetes") -> dict[str, Any]:
    return {"source": kind, "resource": resource, "namespace": namespace, "status": 403, "message": "no"}


def names(answer: object) -> list[str]:
    assert isinstance(answer, Objects)
    return [each["metadata"]["name"] for each in answer.raw]


@pytest.mark.parametrize("resource", ["pods", "*"])
def test_a_forbidden_namespace_hides_only_its_own_objects(resource: str) -> None:
    answer = source(forbidden(resource, "payments")).list_objects(Pod.origin, soon())
    assert names(answer) == ["b"]
    assert isinstance(answer, Objects)
    assert answer.missing == (Gap("kubernetes", "list", "pods", 403, "no", "payments"),)


@pytest.mark.parametrize("origin", [Node.origin, Namespace.origin])
def test_an_error_for_a_namespace_does_not_apply_to_cluster_scoped_kinds(origin: Listed) -> None:
    answer = source(forbidden("*", "payments")).list_objects(origin, soon())
    assert isinstance(answer, Objects)
    assert answer.raw
    assert not answer.missing


def test_a_namespace_is_ignored_in_an_error_for_a_cluster_scoped_kind() -> None:
    answer = source(forbidden("nodes", "payments")).list_objects(Node.origin, soon())
    assert answer == Gap("kubernetes", "list", "nodes", 403, "no")


def test_an_error_for_all_namespaces_takes_precedence() -> None:
    answer = source(forbidden("pods", "payments"), forbidden("*", None)).list_objects(Pod.origin, soon())
    assert answer == Gap("kubernetes", "list", "pods", 403, "no")


def test_an_error_for_a_namespace_does_not_apply_to_the_version() -> None:
    assert isinstance(source(forbidden("*", "payments")).server_version(soon()), Objects)
    assert isinstance(source(forbidden("*", None)).server_version(soon()), Gap)


@pytest.mark.parametrize("kind", ["kubernetes", "logs"])
@pytest.mark.parametrize("resource", ["pods/log", "*"])
def test_a_log_error_may_name_either_source(kind: str, resource: str) -> None:
    closed = source(forbidden(resource, "payments", kind))
    assert isinstance(closed.pod_log(PodName("payments", "a"), "c", 10, soon()), Gap)
    assert isinstance(closed.pod_log(PodName("checkout", "b"), "c", 10, soon()), Objects)


def test_the_store_keeps_both_the_objects_and_the_gap() -> None:
    store = FactStore(NOW)
    for reading in gather(source(forbidden("*", "payments")), [Pod], store, soon()):
        record(store, reading)
    assert [each.name for each in store.known(Pod)] == ["b"]
    assert [gap.namespace for gap in store.gaps(Pod)] == ["payments"]


def test_a_recording_is_read_in_the_calling_thread() -> None:
    threads = set()

    class Noting(RecordedSource):
        def list_objects(self, what: Listed, deadline: float) -> Answer:
            threads.add(get_ident())
            return super().list_objects(what, deadline)

    store = FactStore(NOW)
    for reading in gather(Noting(source().recording), [Pod], store, soon()):
        record(store, reading)
    assert [each.name for each in store.known(Pod)] == ["a", "b"]
    assert threads == {get_ident()}


def test_a_recording_of_a_forbidden_namespace_replays_the_same(tmp_path: Path) -> None:
    recording = RecordingSource(source(forbidden("pods", "payments")), "weu")
    first = recording.list_objects(Pod.origin, soon())
    recording.write(tmp_path / "bundle")
    assert RecordedSource(read_bundle(tmp_path / "bundle")).list_objects(Pod.origin, soon()) == first
