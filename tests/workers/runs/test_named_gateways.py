"""The answer about an unknown gateway names only gateways that its user may diagnose."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from checks.catalogue import catalogue
from checks.config.configuration_file import load
from checks.facts.egress_gateway import UnknownGateway
from checks.model.findings import Report
from checks.model.question import ClusterIdentity, Question
from checks.sources.bundle import read_bundle
from checks.sources.recorded import RecordedSource
from checks.sources.run import run as examine
from tests.clusters.compose import named, write_bundle
from tests.recordings import recording
from workers.client import ConnectedClient as Client
from workers.client import connect
from workers.queue.settings import WorkerSettings
from workers.records.run import Order, Run, Target
from workers.records.watch import Watch
from workers.runs.cluster_sources import ClusterSources
from workers.tasks.beat import step_watches
from workers.tasks.execution import Diagnoser

ORDER = Order(Target("base", "egww", "team-egress"), "U0ALICE", "C0OPS", "command/1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_bundle(named("base"), tmp_path / "base")
    return tmp_path


@pytest.fixture
def client(redis_url: str, folder: Path) -> Iterator[Client]:
    (folder / "egress-diag.yaml").write_text(
        "clusters:\n  - {name: base, bundle: base}\n"
        "access:\n"
        "  - {allow: [diagnose], users: [S0ONCALL]}\n"
        "  - {allow: [], users: ['*'], gateways: [egw]}\n"
        "  - {allow: [diagnose], users: ['*']}\n"
    )
    found = connect(WorkerSettings(REDIS_URL=redis_url), load(folder / "egress-diag.yaml"), retry=True)
    yield found
    found.close()


def answer(client: Client, order: Order) -> str:
    run = client.start(order).run
    Diagnoser(client.stores, ClusterSources(client.stores.config)).execute(run.id)
    found = client.get(Run, run.id)
    assert found is not None
    assert found.private is not bool(order.watch)
    assert found.report is None
    return json.dumps([found.problem, found.choices])


def test_a_gateway_that_the_user_may_not_diagnose_is_not_named(client: Client) -> None:
    shown = answer(client, ORDER)
    assert "team-egress/egww" in shown
    assert "team-egress/egw" not in shown.replace("egww", "")
    assert "no gateway of the cluster has a similar name." in shown


def test_a_gateway_that_the_user_may_diagnose_by_a_group_is_named(client: Client) -> None:
    shown = answer(client, replace(ORDER, groups=("S0ONCALL",)))
    assert "did you mean team-egress/egw?" in shown
    assert '["team-egress/egw"]' in shown


@pytest.mark.parametrize(("groups", "is_named"), [(("S0ONCALL",), True), ((), False)])
def test_a_check_of_a_watch_names_what_the_groups_of_its_owner_permit(
    client: Client, groups: tuple[str, ...], is_named: bool
) -> None:
    """Before, the runs of a watch had no groups."""
    watch, _ = client.watch(ORDER.target, "U0ALICE", "C0OPS", None, timedelta(hours=1), groups)
    step_watches(client)
    (run,) = client.active(Run)
    assert ("did you mean team-egress/egw?" in answer(client, run.order)) == is_named
    client.stores.watches.give_to(watch.id, "U0BOB")
    (given,) = client.active(Watch)
    assert (given.user, given.groups) == ("U0BOB", ())


@pytest.mark.parametrize(("may", "named_ones"), [(True, ("team-egress/egw",)), (False, ())])
def test_the_error_suggests_only_what_may_be_named(folder: Path, may: bool, named_ones: tuple[str, ...]) -> None:
    question = Question(ClusterIdentity("base"), "egww", "team-egress", may_name=lambda _: may)
    with pytest.raises(UnknownGateway) as raised:
        list(examine(RecordedSource(read_bundle(folder / "base")), question, catalogue(), 30))
    assert raised.value.nearest == named_ones
    assert ("team-egress/egw?" in str(raised.value)) == may


@pytest.mark.parametrize(("may", "shown"), [(True, "team-egress/egw2"), (False, "another gateway")])
def test_a_gateway_that_shares_a_configuration_is_named_only_if_it_may_be(may: bool, shown: str) -> None:
    """Before, evidence and actions named every gateway that uses the configuration."""
    source = RecordedSource(recording(named("two-gateways-one-configuration")))
    question = Question(ClusterIdentity("base"), "egw", "team-egress", may_name=lambda _: may)
    *_, report = examine(source, question, catalogue(), 30)
    assert isinstance(report, Report)
    text = json.dumps([[str(each.evidence), str(each.actions)] for each in report.findings])
    assert f"sgc also for {shown}" in text
    assert may or "team-egress/egw2" not in text
