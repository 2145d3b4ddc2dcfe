"""Servers that send a byte now and then, which renews the time-out of a connection."""

from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import pytest

from checks.facts.pods import Pod
from checks.sources.access import kubeconfig_access
from checks.sources.action_api import ActionApi
from checks.sources.kubernetes import Access, KubernetesReader
from checks.sources.questions import ApiServerQuestions
from checks.sources.replies import Failure
from checks.sources.time_limits import in_time
from tests.clusters.compose import named
from tests.loopback.kube import Fault, KubeServer

pytestmark = pytest.mark.slow

READS: dict[str, Callable[[Access, float], object]] = {
    "list": lambda access, deadline: KubernetesReader(access).first_objects(Pod.origin, 1, deadline),
    "action": lambda access, deadline: ActionApi(access).list("/api/v1/pods", {}, deadline),
    "doctor": lambda access, deadline: ApiServerQuestions(access).version(deadline),
}


@pytest.mark.parametrize("read", READS)
def test_a_read_of_the_api_server_ends_at_its_deadline(read: str, tmp_path: Path) -> None:
    with KubeServer(named("base"), faults=[Fault(".", drip=0.3)]) as server:
        access = kubeconfig_access(server.kubeconfig(tmp_path), None)
        began = monotonic()
        with pytest.raises(Failure) as failed:
            READS[read](access, began + 2)
        assert monotonic() - began < 4
        access.close()
    assert failed.value.status == 504


def test_a_call_in_time_returns_its_result_and_raises_its_errors() -> None:
    late = Failure(504, "late")
    assert in_time(lambda: 7, monotonic() + 5, "test", late) == 7

    def fails() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        in_time(fails, monotonic() + 5, "test", late)


def test_a_late_call_is_not_waited_for() -> None:
    began = monotonic()
    with pytest.raises(Failure, match="late"):
        in_time(lambda: sleep(3), began + 0.2, "test", Failure(504, "late"))
    assert monotonic() - began < 2
