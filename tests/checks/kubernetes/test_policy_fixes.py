"""The NetworkPolicies that network-policy-blocks offers allow what was blocked."""

import shlex

import pytest
import yaml

from checks.model.findings import Finding, Status
from checks.model.kubectl_context import without_context
from tests.clusters.compose import compose, named
from tests.recordings import diagnosed, question
from tests.scenarios.cases import Case, all_cases

BLOCKED = [
    case
    for case in all_cases()
    if case.check.slug == "network-policy-blocks" and case.expected[0]["status"] == Status.FAIL
]


def offered(finding: Finding) -> dict[str, object]:
    """The manifest that the command of the finding's fix creates."""
    command = finding.actions[-1].command
    assert shlex.split(without_context(command).splitlines()[0])[:3] == ["kubectl", "apply", "-f"]
    manifest = yaml.safe_load("\n".join(command.splitlines()[1:-1]))
    assert isinstance(manifest, dict)
    return manifest


@pytest.mark.parametrize("case", BLOCKED, ids=lambda case: case.name)
def test_the_offered_policies_let_the_connections_through(case: Case) -> None:
    cluster = compose(named(case.cluster), case.raw["with"])
    findings = [each for each in case.run[0] if each.status is Status.FAIL]
    fixed = compose(cluster, {"add": [offered(each) for each in findings]})
    wanted = question(fixed, "team-egress/egw", None, case.raw.get("from"))
    (after,) = diagnosed(fixed, wanted, [case.check]).finish(0.0).findings
    assert after.status is Status.PASS, after.summary
