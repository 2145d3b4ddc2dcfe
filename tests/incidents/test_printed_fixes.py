"""The steps of incidents whose first printed step once ended only the symptom.

Each row has the beginnings of the titles of the steps, in order; read-only actions that only show the cause are not steps.
"""

import pytest

from checks.model.findings import Action
from checks.reports.recipes import labeled
from checks.reports.wording import roots_of
from tests.incidents.incidents import incidents, reported
from tests.recordings import diagnosed, question

STEPS = {
    "02": ["Declare www.github.com with DNS resolution", "Declare www.github.com with DNS resolution"],
    "07": ["Change the application to call http://api.x.example", "Export DestinationRule team-egress/originate only"],
    "019": [
        "Patch the webhook to exclude namespace team-egress until",
        "Make ReplicaSet",
        "List the endpoints of the webhook",
    ],
    "52": ["Exempt the cluster's node resource group from policy assignment"],
    "60": [
        "List the policy assignments that change resources",
        "Exempt the cluster's node resource group from that assignment (only if one is listed)",
        "Run an empty update of node pool gwpool",
    ],
    "124": ["List the rules of network security groups that deny the metadata service", "Replace aks-gwpool-0"],
    "140": ["Raise the memory limit of container discovery", "Raise the minimum of HorizontalPodAutoscaler"],
    "141": ["Show why discovery of Pod", "Reconcile the cluster: AKS restores istiod"],
    "154": ["Change the application to call http://edition.cnn.com", "Export DestinationRule"],
    "159": ["Create a NetworkPolicy that allows"] * 3,
    "128": ["Show the power state of the machines", "Restart the machines", "Replace aks-gwpool-0"],
}
"""By the number in the incident's name."""


def steps_of(number: str) -> list[Action]:
    """The steps of every root cause as texts print them."""
    incident = next(each for each in (*incidents(), *reported()) if each.name.partition("-")[0] == number)
    asked = (incident.expect["gateway"], incident.expect.get("host"), incident.expect.get("from"))
    report = diagnosed(incident.cluster, question(incident.cluster, *asked)).finish(0.0)
    return [
        each
        for cause in roots_of(report)
        for _, each in labeled(cause.actions)
        if each.effect != "reads" or each.expect
    ]


@pytest.mark.parametrize("number", STEPS)
def test_the_steps_end_the_cause(number: str) -> None:
    found = steps_of(number)
    assert [each.title[: len(begin)] for each, begin in zip(found, STEPS[number], strict=True)] == STEPS[number]


def test_other_names_of_a_wildcard_are_not_forgotten() -> None:
    assert {"repeat the steps for every other name of *.com" in each.expect for each in steps_of("02")} == {True}


def test_each_blocked_namespace_has_its_policy_also_for_istiod() -> None:
    clients = [each for each in steps_of("159") if "namespace: team-egress\nspec" not in each.command]
    assert len(clients) == 2
    assert all("port: 80" in each.command and "port: 15012" in each.command for each in clients)
