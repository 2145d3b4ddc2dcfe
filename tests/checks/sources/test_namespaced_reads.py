"""Lists of an identity that may read a few namespaces only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from checks.catalogue import catalogue
from checks.config.configuration import ClusterConfig, SavedAzure
from checks.facts.fact import Gap
from checks.facts.gateway_api import HTTPRoute
from checks.facts.namespaces import Namespace
from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.model.findings import Report, Status
from checks.sources.bundle import read_bundle
from checks.sources.live import LiveSource, close_sources, open_source
from checks.sources.recorded import RecordedSource
from checks.sources.recording import RecordingSource
from checks.sources.run import run
from checks.sources.source import Answer, NotInstalled, Objects, Source
from tests.clusters.bundles import write_bundle
from tests.clusters.compose import Cluster, compose, named
from tests.command_line import ask
from tests.docs.namespaces_only import NAMESPACES, forbidden_outside, unknown_codes
from tests.loopback.kube import Fault, KubeServer
from tests.recordings import question

pytestmark = pytest.mark.slow


def restricted(*errors: Mapping[str, Any], readable: tuple[str, ...] = NAMESPACES, **patch: Any) -> Cluster:
    return compose(named("base"), {"errors": [*errors, forbidden_outside(*readable)], **patch})


def opened(server: KubeServer, folder: Path, namespace: str | None = "team-egress", **entry: Any) -> LiveSource:
    close_sources()
    config = ClusterConfig(name="x", kubeconfig=str(server.kubeconfig(folder)), **{"azure": "none", **entry})
    source = open_source(config, namespace)
    assert isinstance(source, LiveSource)
    return source


def places(answer: Answer) -> set[str]:
    assert isinstance(answer, Objects), answer
    return {each["metadata"].get("namespace") or each["metadata"]["name"] for each in answer.raw}


def soon() -> float:
    return monotonic() + 20


def diagnosed(source: Source) -> Report:
    *_, found = run(source, question(named("base"), "team-egress/egw"), catalogue(), 60)
    assert isinstance(found, Report)
    return found


def test_a_forbidden_list_is_read_in_single_namespaces(tmp_path: Path) -> None:
    with KubeServer(restricted()) as server:
        answer = opened(server, tmp_path).list_objects(Pod.origin, soon())
    assert places(answer) == set(NAMESPACES)
    assert isinstance(answer, Objects)
    (gap,) = answer.missing
    assert str(gap) == "list pods outside aks-istio-system, aks-static-egress-gateway, team-egress: forbidden (403)"
    assert not any(gap.covers(namespace) for namespace in NAMESPACES)
    assert gap.covers("kube-system")
    assert gap.covers(None)


def test_an_allowed_list_is_read_once(tmp_path: Path) -> None:
    with KubeServer(named("base")) as server:
        opened(server, tmp_path).list_objects(Pod.origin, soon())
        assert server.requests == {"/api/v1/pods": 1}


def test_a_namespace_is_read_by_its_name(tmp_path: Path) -> None:
    with KubeServer(restricted()) as server:
        answer = opened(server, tmp_path).list_objects(Namespace.origin, soon())
    assert places(answer) == set(NAMESPACES)
    assert isinstance(answer, Objects)
    (gap,) = answer.missing
    assert not gap.covers(None, "team-egress")
    assert gap.covers(None, "team-a")


def test_a_namespace_that_does_not_exist_is_read_as_none(tmp_path: Path) -> None:
    with KubeServer(restricted(readable=("gone",))) as server:
        answer = opened(server, tmp_path, "gone").list_objects(Namespace.origin, soon())
    assert isinstance(answer, Objects)
    assert answer.raw == ()


def test_kinds_without_a_namespace_stay_forbidden(tmp_path: Path) -> None:
    with KubeServer(restricted()) as server:
        answer = opened(server, tmp_path).list_objects(Node.origin, soon())
        assert server.requests == {"/api/v1/nodes": 1}
    assert isinstance(answer, Gap)
    assert (answer.status, answer.readable_in) == (403, ())


def test_without_any_namespace_the_answer_is_that_of_the_whole_cluster(tmp_path: Path) -> None:
    with KubeServer(restricted(readable=("unknown",))) as server:
        answer = opened(server, tmp_path).list_objects(Pod.origin, soon())
    assert isinstance(answer, Gap)
    assert (answer.status, answer.readable_in, answer.namespace) == (403, (), None)


def test_a_kind_that_is_not_installed_is_forbidden_in_the_cluster_and_not_found_in_a_namespace(tmp_path: Path) -> None:
    with KubeServer(restricted(absent_kinds=[HTTPRoute.origin.resource])) as server:
        assert opened(server, tmp_path).list_objects(HTTPRoute.origin, soon()) == NotInstalled()


def test_another_failure_in_a_namespace_is_a_gap_of_its_own(tmp_path: Path) -> None:
    fault = Fault("/api/v1/namespaces/aks-istio-system/pods$", status=500, message="etcdserver: leader changed")
    with KubeServer(restricted(), faults=[fault]) as server:
        answer = opened(server, tmp_path).list_objects(Pod.origin, soon())
    assert places(answer) == {"aks-static-egress-gateway", "team-egress"}
    assert isinstance(answer, Objects)
    assert {(gap.status, gap.namespace) for gap in answer.missing} == {(403, None), (500, "aks-istio-system")}
    assert any(gap.covers("aks-istio-system") for gap in answer.missing)


@pytest.mark.parametrize("asked", ["the question", "the configuration"])
def test_the_namespace_of_the_gateway_is_that_of(asked: str, tmp_path: Path) -> None:
    with KubeServer(restricted()) as server:
        if asked == "the question":
            source = opened(server, tmp_path, "team-egress")
        else:
            source = opened(server, tmp_path, None, namespaces=("team-egress",))
        assert "team-egress" in places(source.list_objects(Pod.origin, soon()))
        assert "team-egress" not in places(opened(server, tmp_path, None).list_objects(Pod.origin, soon()))


def test_a_live_diagnosis_leaves_unknown_what_the_page_lists_and_its_bundle_replays(tmp_path: Path) -> None:
    write_bundle(named("base"), tmp_path / "saved")
    files = {name: tmp_path / f"saved/azure/{name.replace('_', '-')}.json" for name in SavedAzure.model_fields}
    with KubeServer(restricted()) as server:
        recorder = RecordingSource(opened(server, tmp_path, azure=SavedAzure(**files)), "aks1")
        live = diagnosed(recorder)
    recorder.write(tmp_path / "bundle")
    replayed = diagnosed(RecordedSource(read_bundle(tmp_path / "bundle")))
    assert replayed.findings == live.findings
    assert replayed.gaps == live.gaps
    logs = {each.code for each in live.of(Status.UNKNOWN) if "pods/log" in each.reason}
    assert {each.code for each in live.of(Status.UNKNOWN)} - logs == unknown_codes()


def test_the_command_line_reads_the_namespace_of_the_gateway_or_of_the_context(tmp_path: Path) -> None:
    with KubeServer(restricted()) as server:
        kubeconfig = server.kubeconfig(tmp_path)
        words = ("--kubeconfig", str(kubeconfig), "--azure", "none")
        answer = ask("diagnose", "team-egress/egw", *words, "--output", "json")
        assert answer.code == 3
        assert {"EG301", "EG303", "EG405", "EG502"} <= {
            each["code"] for each in answer.document["findings"] if each["status"] == "pass"
        }
        kubeconfig.write_text(
            kubeconfig.read_text().replace("user: someone", "user: someone\n    namespace: team-egress", 1)
        )
        assert ask("diagnose", "egw", *words, "--only", "EG303").code == 0


def test_the_list_of_a_readable_namespace_is_complete_and_that_of_the_cluster_asks_for_a_namespace(
    tmp_path: Path,
) -> None:
    with KubeServer(restricted()) as server:
        words = ("--kubeconfig", str(server.kubeconfig(tmp_path)), "--azure", "none")
        answer = ask("list", "-n", "team-egress", *words)
        assert (answer.code, answer.err) == (0, "")
        assert "team-egress/egw  2 of 2" in answer.out
        nothing = ask("list", *words)
    assert (nothing.code, nothing.out) == (3, "")
    assert nothing.err.startswith("The gateways of loopback were not checked: Other namespaces than")
    assert nothing.err.endswith("name the namespace of the gateways:\n    --namespace NAMESPACE.\n")
    assert max(map(len, nothing.err.splitlines())) <= 80
