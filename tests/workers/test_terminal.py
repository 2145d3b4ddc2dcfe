"""`egress-diag history` and the last verdicts of `egress-diag list`, from a real Redis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from checks.model.findings import Verdict
from tests.command_line import ENVIRONMENT, ask, refused
from tests.incidents.incidents import incidents
from tests.loopback.kube import KubeServer
from tests.recordings import diagnosed, question
from tests.redis_server import find_free_port
from workers.queue.connection import quick_connection
from workers.queue.settings import WorkerSettings
from workers.records.gateway_state import Fault, GatewayState
from workers.records.history import PastRun
from workers.records.run import Order, Run, RunState, Target
from workers.runs.history import History
from workers.terminal import history_lines, last_verdicts

AT = datetime(2026, 11, 30, 13, 37, tzinfo=UTC)
STORY = next(each for each in incidents() if each.name == "031-gateway-selector-typo")
BROKEN = diagnosed(STORY.cluster, question(STORY.cluster, "team-egress/egw")).finish(0.0)
HEALTHY = replace(BROKEN, verdict=Verdict.HEALTHY, root_causes=(), findings=())

pytestmark = pytest.mark.slow


def environment(redis_url: str, **more: str) -> Mapping[str, str]:
    return {**ENVIRONMENT, "REDIS_URL": redis_url, **more}


@pytest.fixture
def recorded(redis_url: str) -> str:
    """A Redis with two runs of a gateway, in a cluster whose name is that of the kube context."""
    redis = quick_connection(redis_url)
    history = History(redis, "egress-diag:")
    for number, report in enumerate((HEALTHY, BROKEN)):
        named = replace(report, cluster="loopback")
        order = Order(Target("loopback", "egw", "team-egress"), "U0ALICE", "C0OPS", f"command/{number}")
        ended = AT + timedelta(hours=number)
        history.record_verdict(Run(f"run-{number}", order, RunState.DONE, ended, report=named, ended=ended))
    redis.close()
    return redis_url


def test_the_last_checks_are_shown_newest_first_with_what_changed(recorded: str) -> None:
    answer = ask("history", "loopback", "team-egress/egw", env=environment(recorded))
    assert answer.out.splitlines() == [
        "Last 2 checks of team-egress/egw on loopback",
        "  2026-11-30 14:37Z  broken        new EG505",
        "  2026-11-30 13:37Z  healthy       no fault",
    ]
    assert (answer.code, answer.err) == (0, "")


def test_the_name_alone_is_enough_if_it_is_unique(recorded: str) -> None:
    answer = ask("history", "loopback", "egw", env=environment(recorded))
    assert answer.out.startswith("Last 2 checks of team-egress/egw on loopback\n")


def test_without_a_cluster_it_is_that_of_the_kube_context(recorded: str, tmp_path: Path) -> None:
    with KubeServer(STORY.cluster) as server:
        kubeconfig = server.kubeconfig(tmp_path)
    words = ("history", "team-egress/egw", "--kubeconfig", str(kubeconfig))
    assert "on loopback" in ask(*words, env=environment(recorded)).out
    config = tmp_path / "egress-diag.yaml"
    config.write_text("clusters: [{name: prod, kubeconfig: k, context: loopback, azure: none}]\n")
    configured = ask(*words, "--config", config, env=environment(recorded))
    assert configured.out == "team-egress/egw on prod: no checks in the history.\n"


def test_without_redis_one_sentence_says_what_is_missing() -> None:
    port = find_free_port()
    url = f"redis://:hunter2@127.0.0.1:{port}/0"
    error = refused("history", "prod", "team-egress/egw", env=environment(url))
    assert error == (
        f"the history is in the Redis of the deployment: 127.0.0.1:{port} cannot be reached; REDIS_URL names another\n"
    )


def test_the_list_has_the_last_verdicts_the_worst_first(recorded: str, tmp_path: Path) -> None:
    with KubeServer(STORY.cluster) as server:
        words = ("list", "--kubeconfig", str(server.kubeconfig(tmp_path)), "--azure", "none")
        answer = ask(*words, env=environment(recorded))
        (listed,) = ask(*words, "--output", "json", env=environment(recorded)).document["gateways"]
        unknown = ask(*words, env=environment(f"redis://127.0.0.1:{find_free_port()}/0"))
        without = ask(*words)
    assert "LAST VERDICT" in answer.out
    assert "broken (2026-11-30 14:37Z)" in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80
    assert (listed["verdict"], listed["checked_at"]) == ("broken", "2026-11-30T14:37:00Z")
    assert unknown.out == without.out
    assert "LAST VERDICT" not in without.out


def test_without_a_redis_url_no_verdicts_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program's Redis on this machine is left alone."""
    monkeypatch.delenv("REDIS_URL", raising=False)
    assert not WorkerSettings().names_redis
    assert last_verdicts("loopback") == {}
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    assert WorkerSettings().names_redis


def test_the_present_faults_have_their_beginning() -> None:
    past = PastRun("run", AT, Verdict.BROKEN, ("x",), ("EG405",), "U0ALICE", "C0OPS")
    fault = Fault("x", "EG405", "The configuration has no prefix", "sgc", "summary", "id", AT, None)
    state = GatewayState("c", "a/b", "run", AT, Verdict.BROKEN, broken=True, since=AT, faults=(fault,))
    lines = list(history_lines("c", "a/b", [past], state))
    assert lines[-2:] == ["Broken by", "  EG405 The configuration has no prefix (first seen 2026-11-30 13:37Z)"]
    shown = replace(state, faults=(replace(fault, shown_since=AT),))
    assert list(history_lines("c", "a/b", [past], shown))[-1].endswith("(since 2026-11-30 13:37Z)")
