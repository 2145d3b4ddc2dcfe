"""After the printed steps of every root cause, the gateway is no longer broken.

The steps are read from the printed commands. Their effects are those of the API server, of the controllers that are documented
(`tests/simulation/controllers`), and of Azure's parameters. The lists name the root causes that stay because the effect of a
step does not follow from the facts, or because no step is printed, with the reason. `wrong.yaml` lists printed steps that are
known to be wrong or incomplete: it must become empty. Of alternatives the first is carried out, and then each other one by
itself. The undo command of each step gives back the state before it.
"""

import re
from pathlib import Path
from typing import Any

import pytest

from checks.model.findings import Verdict
from tests.clusters.bundles import read_yaml
from tests.incidents.incidents import Incident
from tests.scenarios.cases import Case
from tests.simulation.execution import Outcome
from tests.simulation.suite import broken_incidents, case_name, case_outcomes, failing_cases, outcomes

NOT_SIMULATED = Path(__file__).parent / "not_simulated.yaml"
CASES_NOT_SIMULATED = Path(__file__).parent / "not_simulated_cases.yaml"
WRONG = Path(__file__).parent / "wrong.yaml"
INCIDENTS = tuple(broken_incidents())
CASES = tuple(failing_cases())


@pytest.fixture(scope="module")
def listed() -> dict[str, Any]:
    return dict(read_yaml(NOT_SIMULATED) or {})


@pytest.fixture(scope="module")
def listed_cases() -> dict[str, Any]:
    return dict(read_yaml(CASES_NOT_SIMULATED) or {})


@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda each: each.name)
def test_the_steps_of_an_incident_end_in_a_gateway_that_is_not_broken(
    incident: Incident, listed: dict[str, Any]
) -> None:
    for name, found in outcomes(incident):
        _hold(name, found, listed)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_the_steps_of_a_single_fault_end_in_a_gateway_that_is_not_broken(
    case: Case, listed_cases: dict[str, Any]
) -> None:
    for name, found in case_outcomes(case):
        _hold(name, found, listed_cases)


NOT_GIVEN_BACK = {
    r"az aks update .* --enable-static-egress-gateway": "a feature that was never set is disabled afterwards",
    r"az aks update .* --ip-families ipv4": "Azure chooses the IPv6 ranges of the cluster again",
    r"az aks mesh enable-egress-gateway .*": "the mesh profile keeps the entry of a gateway that is disabled",
    r"kubectl --context \S+ cordon \S+ && kubectl --context \S+ delete pod .*": "a pod that was moved stays where it is",
    r"az aks mesh enable .*--revision .*": "what the disabled add-on leaves in the cluster does not follow from the facts",
    r"kubectl --context \S+ delete validatingwebhookconfiguration .*": "the step before saves the object in a file",
    r"az vmss start .*": "what a machine reports after it is stopped again does not follow from the facts",
    r"az aks nodepool start .*": "a stopped pool has no number of nodes in Azure's answer",
    r'kubectl --context \S+ patch deployment .*/static-gateway-configuration": "sgc".*': "AKS has set it before the step",
}
"""Commands of steps whose undo command does not give back everything, with the reason."""


def _hold_undo(name: str, found: Outcome) -> None:
    assert [
        f"{name}: {action.command}: {problem}"
        for action, problem in found.not_undone
        if not any(re.fullmatch(each, action.command) for each in NOT_GIVEN_BACK)
    ] == []


def _hold(name: str, found: Outcome, listed: dict[str, Any]) -> None:
    _hold_undo(name, found)
    if found.before.verdict is not Verdict.BROKEN:
        return
    assert found.wrong() == (read_yaml(WRONG) or {}).get(name, [])
    assert found.left() == listed.get(name, {}), (
        "python -m tests.simulation.accept writes the list: read its difference"
    )


def test_the_lists_name_only_incidents_that_exist(listed: dict[str, Any], listed_cases: dict[str, Any]) -> None:
    assert {_before_or(each) for each in listed} <= {each.name for each in INCIDENTS}
    assert {_before_or(each) for each in listed_cases} <= {case_name(each) for each in CASES}


def _before_or(name: str) -> str:
    """The name without the alternative that was chosen."""
    return name.partition(", or: ")[0]


@pytest.mark.slow
def test_each_exception_of_the_undo_commands_is_needed() -> None:
    steps = [
        action.command
        for each in (*(outcomes(i) for i in INCIDENTS), *(case_outcomes(c) for c in CASES))
        for _, found in each
        for action, _ in found.not_undone
    ]
    assert [each for each in NOT_GIVEN_BACK if not any(re.fullmatch(each, step) for step in steps)] == []
