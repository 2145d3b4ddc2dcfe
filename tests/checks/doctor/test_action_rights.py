"""The permissions of active steps, as doctor tries them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from checks.actions.step_permissions import PROBE, RESTART, action_rules, single_rights
from checks.doctor.action_rights import action_rights
from checks.doctor.requirement_lines import DoctorLine, DoctorOptions, State
from checks.sources.live import close_sources
from tests.clusters.compose import named
from tests.loopback.kube import Fault, KubeServer

LISTS = list(single_rights(action_rules()))
PROBES = list(single_rights(PROBE))
RESTARTS = list(single_rights(RESTART))


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    close_sources()


def lines(
    folder: Path,
    server: KubeServer,
    probe: Any = ("team-egress",),
    allow: tuple[str, ...] = ("probe", "restart"),
    selected: bool = True,
) -> list[DoctorLine]:
    path = folder / "egress-diag.yaml"
    entry = {"name": "prod", "kubeconfig": str(server.kubeconfig(folder)), "azure": "none"}
    access = [{"allow": list(allow), "users": ["*"]}] if allow else []
    settings = {} if probe is None else {"probe": {"namespaces": list(probe)}}
    path.write_text(yaml.safe_dump({"clusters": [entry], "access": access, **settings}))
    return list(action_rights(DoctorOptions(str(path), selected)))


def rights(found: list[DoctorLine], state: State = State.PASSED) -> list[DoctorLine]:
    return [each for each in found if each.requirement.name == "action-right" and each.state is state]


def test_every_permission_is_tried_in_each_namespace_that_exists(tmp_path: Path) -> None:
    with KubeServer(named("base")) as server:
        found = lines(tmp_path, server, probe=("team-egress", "not-in-this-cluster"))
    assert {each.state for each in found} == {State.PASSED}
    assert len(rights(found)) == len(LISTS) + len(PROBES) + len(RESTARTS)
    assert not [each for each in found if "not-in-this-cluster" in each.subject]


@pytest.mark.parametrize(("verb", "resource", "group"), [*PROBES, *RESTARTS])
def test_each_missing_permission_has_its_line(tmp_path: Path, verb: str, resource: str, group: str) -> None:
    name = f"{resource}.{group}" if group else resource
    with KubeServer(named("base"), denied=[f"{verb} {name} in team-egress"]) as server:
        (failed,) = rights(lines(tmp_path, server), State.FAILED)
        (risk,) = rights(lines(tmp_path, server, selected=False), State.WARNED)
    assert failed.subject == f"prod {verb} {name} in team-egress"
    assert "rbac.probe.namespaces" in failed.fix
    assert "the identity of the action worker needs it" in risk.observed


@pytest.mark.parametrize(
    ("allow", "expected"),
    [(("probe",), PROBES), (("restart",), RESTARTS), (("diagnose",), []), ((), [*PROBES, *RESTARTS])],
)
def test_only_steps_that_an_access_rule_permits_need_permissions(
    tmp_path: Path, allow: tuple[str, ...], expected: list[tuple[str, str, str]]
) -> None:
    with KubeServer(named("base")) as server:
        assert len(rights(lines(tmp_path, server, allow=allow))) == len(LISTS) + len(expected)


def test_nothing_is_tried_while_active_steps_are_off(tmp_path: Path) -> None:
    with KubeServer(named("base")) as server:
        assert lines(tmp_path, server, probe=None, selected=False) == []
        (off,) = lines(tmp_path, server, probe=None)
        assert (off.state, "active steps are off" in off.observed) == (State.NOT_CHECKED, True)
        (_, none) = lines(tmp_path, server, probe=("elsewhere",))
        assert none.observed == "none of elsewhere exists here"


def test_a_cluster_that_does_not_answer_is_named_once(tmp_path: Path) -> None:
    with KubeServer(named("base"), faults=[Fault("/version", status=503)]) as server:
        (failed,) = lines(tmp_path, server)
    assert (failed.requirement.name, failed.subject) == ("action-cluster", "prod")
