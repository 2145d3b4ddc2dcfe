"""`egress-diag probe` against a real API server, as the account of the action worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.command_line import Answer
from tests.helm.installed import LIVE
from tests.live.cluster import StepCluster
from tests.live.scenarios import SCENARIOS

pytestmark = LIVE


@pytest.fixture(scope="module")
def answers(cluster: StepCluster) -> Iterator[Mapping[str, Future[Answer]]]:
    """The answer of the command in each scenario.

    Several run at the same time, because some wait for a minute.
    """
    for name, each in SCENARIOS.items():
        cluster.add_gateway(name, each.behaviour, each.labels, each.replicas)
        cluster.chart.server.create(each.objects(name))
    for name, each in SCENARIOS.items():
        if each.denied:
            cluster.wait_until_denied(name, each.denied)
    with ThreadPoolExecutor(6) as pool:
        yield {name: pool.submit(cluster.take, "probe", name, *each.words) for name, each in SCENARIOS.items()}


@pytest.mark.parametrize("name", SCENARIOS)
def test_each_result_has_its_exit_code_and_sentence(
    cluster: StepCluster, answers: Mapping[str, Future[Answer]], name: str
) -> None:
    wanted = SCENARIOS[name]
    answer = answers[name].result(timeout=200)
    summary = answer.document["result"]["summary"]
    assert (answer.code, wanted.sentence in summary) == (wanted.code, True), (answer.code, summary)
    if not wanted.words:
        cluster.wait_until_removed(name)
    else:
        added = cluster.ephemeral_containers(name)
        assert len(added) == 1 or (not added and wanted.code in (2, 3))
        assert ("stays until the pod restarts" in answer.document["result"]["left_over"]) == bool(added)


@pytest.mark.parametrize(
    ("name", "cause"),
    [("other-address", "uninjected-pod-fails"), ("gateway-other-address", "source-address-wrong"), ("answers", "")],
)
def test_the_new_diagnosis_evaluates_the_result(answers: Mapping[str, Future[Answer]], name: str, cause: str) -> None:
    document = answers[name].result(timeout=200).document
    evaluated = {"uninjected-pod-fails", "source-address-wrong"} & set(document["root_causes"])
    assert evaluated == ({cause} if cause else set())
