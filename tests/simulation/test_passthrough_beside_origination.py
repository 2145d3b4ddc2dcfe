"""TLS of applications and TLS that the gateway originates, for the same host.

After the steps both kinds of requests go through the gateway, and after none of the steps does a request fail that did not
fail before.
"""

import pytest

from checks.model.route import Outcome
from checks.reports.wording import roots_of
from checks.steps.shell import commands
from tests.clusters.bundles import Cluster
from tests.incidents.incidents import Incident, incidents
from tests.recordings import diagnosed, question
from tests.simulation import kubectl
from tests.simulation.cluster_copy import ClusterCopy
from tests.simulation.execution import chosen

INCIDENTS = tuple(each for each in incidents() if each.name[:3] in ("153", "154"))
_HOST = "edition.cnn.com"


def outcomes(cluster: Cluster, gateway: str, port: int) -> set[Outcome]:
    route = diagnosed(cluster, question(cluster, gateway, f"{_HOST}:{port}")).finish(0.0).route
    assert route is not None
    return {each.outcome for each in route.requests}


@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda each: each.name)
def test_both_kinds_of_requests_are_routed_through_the_gateway(incident: Incident) -> None:
    gateway = incident.expect["gateway"]
    report = diagnosed(incident.cluster, question(incident.cluster, gateway, f"{_HOST}:443")).finish(0.0)
    copy, passed = ClusterCopy(incident.cluster), 0
    for cause in roots_of(report):
        for action in chosen(cause.actions):
            for command in commands(action.command) if action.effect != "reads" and action.command else ():
                kubectl.run(command, copy)
                passed += 1
                assert outcomes(copy.cluster, gateway, 80) == {Outcome.THROUGH}, action.title
    assert passed >= 4
    assert outcomes(copy.cluster, gateway, 443) == {Outcome.THROUGH}


def test_the_incidents_exist() -> None:
    assert len(INCIDENTS) == 2
