"""The new StaticGatewayConfiguration names the prefix that a step before created.

The role on the prefix is assigned before.
"""

import shlex

import pytest
import yaml

from tests.incidents.incidents import Incident, incidents, reported
from tests.recordings import diagnosed, question
from tests.scenarios.cases import Case, all_cases

_CREATE = "az network public-ip prefix create "
_GRANT = "az role assignment create "
_APPLY = "kubectl apply "


def _option(command: str, name: str) -> str:
    words = shlex.split(command)
    return words[words.index(name) + 1]


def named_ids(commands: list[str]) -> list[tuple[str, str, str]]:
    """For each created prefix: its ID, the scope of the role, and the ID of the manifest.

    Its group must be known. Only a created prefix that a new StaticGatewayConfiguration follows counts.
    """
    found = []
    for number, command in enumerate(commands):
        kinds = [each.partition("create ")[0] + "create " for each in commands[number + 1 :]]
        manifests = [each for each in commands[number + 1 :] if each.startswith((_APPLY, "kubectl --context"))]
        manifests = [each for each in manifests if "kind: StaticGatewayConfiguration" in each]
        if not command.startswith(_CREATE) or "$GROUP" in command or not manifests:
            continue
        group, subscription = _option(command, "--resource-group"), _option(command, "--subscription")
        prefix = f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Network/publicIPPrefixes"
        grant = commands[number + 1] if kinds[0] == _GRANT else ""
        spec = yaml.safe_load(manifests[0].partition("<<'EOF'\n")[2].rpartition("\n")[0])["spec"]
        name = _option(command, "--name")
        found.append((f"{prefix}/{name}", _option(grant, "--scope") if grant else "", spec.get("publicIpPrefixId", "")))
    return found


def _hold(commands: list[str]) -> int:
    found = named_ids(commands)
    assert [each for each in found if len(set(each)) != 1] == []
    return len(found)


CASES = [case for case in all_cases() if case.check.slug == "own-prefix-unusable"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_manifest_of_a_case_names_the_created_prefix(case: Case) -> None:
    for finding in case.run[0]:
        _hold([action.command for action in finding.actions])


@pytest.mark.parametrize(
    "incident",
    [each for each in (*incidents(), *reported()) if each.name.startswith(("70-", "129-"))],
    ids=lambda each: each.name,
)
def test_the_manifest_of_an_incident_names_the_created_prefix(incident: Incident) -> None:
    expect = incident.expect
    wanted = question(incident.cluster, expect["gateway"], expect.get("host"), expect.get("from"))
    findings = diagnosed(incident.cluster, wanted).finish(0.0).findings
    assert sum(_hold([action.command for action in finding.actions]) for finding in findings) == 1
