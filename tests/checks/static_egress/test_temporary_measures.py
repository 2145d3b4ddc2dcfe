"""A step ends each temporary measure, and the root cause has the fix that logs name."""

import pytest

from checks.model.findings import Effect, Finding
from tests.incidents.incidents import incidents
from tests.recordings import diagnosed, question


def cause(number: str, check: str) -> Finding:
    incident = next(each for each in incidents() if each.name.startswith(f"{number}-"))
    report = diagnosed(incident.cluster, question(incident.cluster, incident.expect["gateway"])).finish(0.0)
    return next(each for each in report.findings if each.check == check)


@pytest.mark.parametrize("number", ["017"])
def test_a_cordoned_node_is_uncordoned_after_the_fix(number: str) -> None:
    changes = [each for each in cause(number, "static-egress-components-unhealthy").actions if each.effect != "reads"]
    assert changes[0].command.startswith("kubectl --context aks1 cordon aks-system-0 && ")
    assert changes[-1].title == "Uncordon aks-system-0 when its cni-manager is Ready"
    assert changes[-1].command == "kubectl --context aks1 uncordon aks-system-0"


def test_a_replaced_machine_is_not_uncordoned() -> None:
    commands = [each.command for each in cause("211", "static-egress-components-unhealthy").actions]
    assert any("delete-machines" in each for each in commands)
    assert not any(" uncordon " in each for each in commands)


def test_the_root_cause_has_the_fix_that_the_daemons_logs_name() -> None:
    changes = [each for each in cause("130", "gateway-dataplane-not-ready").actions if each.effect is not Effect.READS]
    assert [each.title.partition(":")[0] for each in changes] == ["Scale node pool gwpool to 3 nodes and back to 2"]
