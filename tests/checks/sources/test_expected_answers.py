"""No answer that is not what was requested reads as empty.

Source: docs/rulings.md#ruling-30.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic

import orjson
import pytest

from checks.catalogue import catalogue
from checks.facts.agent_pools import AgentPool
from checks.facts.api_server import ApiServer
from checks.facts.fact import ArmResource, AzureCall, Gap, Listed, Origin, PodLog, PodName
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.network_resources import Subnet
from checks.facts.pods import Pod
from checks.sources.access import kubeconfig_access
from checks.sources.azure import AzureAccount, AzureReader
from checks.sources.kubernetes import KubernetesReader
from checks.sources.source import Answer, NotInstalled, Objects
from tests.checks.conftest import UseAzure
from tests.clusters.compose import named
from tests.loopback.azure import AzureServer
from tests.loopback.faults import Fault
from tests.loopback.kube import KubeServer
from tests.loopback.wrong_answers import ANSWERS, STATUS, wrong_answer

pytestmark = pytest.mark.slow

KINDS = {kind.origin.resource: kind.origin for check in catalogue() for kind in check.reads}
LISTED = {name: origin for name, origin in KINDS.items() if isinstance(origin, Listed)}
GATEWAY_POD = PodName("team-egress", "egw-asm-1-30-abc")
SHORT = 0.4
"""Seconds for a read that hangs."""


@pytest.fixture
def account() -> Iterator[AzureAccount]:
    opened = AzureAccount("00000000-0000-0000-0000-000000000000")
    yield opened
    opened.close()


def seconds_for(name: str) -> float:
    return SHORT if name == "hangs" else 10


@pytest.mark.parametrize("name", ANSWERS)
def test_a_wrong_answer_to_any_list_is_a_failed_read(name: str, tmp_path: Path) -> None:
    """All declared kinds; one that hangs is tried for a few."""
    origins = list(LISTED.values())[:: 10 if name == "hangs" else 1]
    faults = [wrong_answer(name, each, rf"/{each.plural}$") for each in origins]
    read: dict[str, Answer] = {}
    with KubeServer(named("base")) as server:
        reader = KubernetesReader(kubeconfig_access(server.kubeconfig(tmp_path), None))
        for origin, fault in zip(origins, faults, strict=True):
            server.faults.faults = [fault]
            read[origin.resource] = reader.list_objects(origin, monotonic() + seconds_for(name))
        server.stopped.set()
        reader.close()
    wrong = NotInstalled if name == "404" else Gap
    assert {resource: answer for resource, answer in read.items() if not isinstance(answer, wrong)} == {}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_wrong_answer_about_the_version_and_a_log_is_a_failed_read(name: str, tmp_path: Path) -> None:
    log = next(each for each in KINDS.values() if isinstance(each, PodLog))
    faults = [wrong_answer(name, ApiServer.origin, "/version$"), wrong_answer(name, log, "/log$")]
    with KubeServer(named("base"), faults=faults) as server:
        reader = KubernetesReader(kubeconfig_access(server.kubeconfig(tmp_path), None))
        version = reader.server_version(monotonic() + seconds_for(name))
        lines = reader.pod_log(GATEWAY_POD, "istio-proxy", 500, monotonic() + seconds_for(name))
        server.stopped.set()
        reader.close()
    assert isinstance(version, Gap)
    assert isinstance(lines, Gap)


@pytest.mark.parametrize("body", [STATUS, {}, {"kind": "NodeList", "apiVersion": "v1", "items": []}], ids=str)
def test_a_later_page_that_is_not_one_is_a_failed_read(body: object, tmp_path: Path) -> None:
    base = named("base")
    pod = next(each for each in base.objects if each["kind"] == "Pod")
    many = [{**pod, "metadata": {**pod["metadata"], "name": f"pod-{number:05}"}} for number in range(1200)]
    cluster = replace(base, objects=tuple(many))
    with KubeServer(cluster, faults=[Fault("/pods$", body=orjson.dumps(body), after=2)]) as server:
        reader = KubernetesReader(kubeconfig_access(server.kubeconfig(tmp_path), None))
        answer = reader.list_objects(Pod.origin, monotonic() + 10)
        reader.close()
    assert isinstance(answer, Gap)
    assert server.requests["/api/v1/pods"] == 3


def test_a_list_that_ends_before_its_last_objects_is_a_failed_read(tmp_path: Path) -> None:
    about = {"continue": "", "remainingItemCount": 3}
    written: dict[str, object] = {"kind": "PodList", "apiVersion": "v1", "metadata": about, "items": []}
    with KubeServer(named("base"), faults=[Fault("/pods$", body=orjson.dumps(written))]) as server:
        reader = KubernetesReader(kubeconfig_access(server.kubeconfig(tmp_path), None))
        answer = reader.list_objects(Pod.origin, monotonic() + 10)
        reader.close()
    assert isinstance(answer, Gap)
    assert (answer.status, answer.message) == (502, "the list ends without its last 3 objects")


def test_an_empty_list_is_empty(tmp_path: Path) -> None:
    written: dict[str, object] = {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": None}
    with KubeServer(named("base"), faults=[Fault("/pods$", body=orjson.dumps(written))]) as server:
        reader = KubernetesReader(kubeconfig_access(server.kubeconfig(tmp_path), None))
        assert reader.list_objects(Pod.origin, monotonic() + 10) == Objects(())
        reader.close()


def test_a_404_of_something_else_does_not_mean_that_a_kind_is_not_installed(tmp_path: Path) -> None:
    origin = LISTED["httproutes.gateway.networking.k8s.io"]
    with KubeServer(named("base"), faults=[Fault("/httproutes$", status=404, page=True)]) as server:
        reader = KubernetesReader(kubeconfig_access(server.kubeconfig(tmp_path), None))
        answer = reader.list_objects(origin, monotonic() + 10)
        reader.close()
    assert isinstance(answer, Gap)


@pytest.mark.parametrize("name", ANSWERS)
def test_a_wrong_answer_of_azure_is_a_failed_read(name: str, use_azure: UseAzure, account: AzureAccount) -> None:
    base = named("base")
    subnet = next(each for each in base.resources or () if "/subnets/" in each["id"])
    paths: dict[str, Origin] = {
        r"aks1$": ManagedCluster.origin,
        "agentPools": AgentPool.origin,
        "/subnets/": Subnet.origin,
    }
    read: dict[str, Answer] = {}
    with AzureServer(base, faults=[wrong_answer(name, origin, path) for path, origin in paths.items()]) as server:
        use_azure(server)
        reader = AzureReader(account, "rg1", "aks1")
        for path, origin in paths.items():
            deadline = monotonic() + (2 if name == "hangs" else 20)
            if isinstance(origin, AzureCall):
                read[path] = reader.azure(origin, deadline)
            else:
                assert isinstance(origin, ArmResource)
                read[path] = reader.arm(subnet["id"], deadline)
    assert {path: answer for path, answer in read.items() if not isinstance(answer, Gap)} == {}
    if name not in ("403", "404", "429", "500", "504"):
        # An answer that cannot be used is not a missing sign-in.
        assert {answer.status for answer in read.values() if isinstance(answer, Gap)} <= {0, 502, 504}
