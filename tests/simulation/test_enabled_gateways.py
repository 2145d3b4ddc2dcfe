"""No printed command enables a gateway as it is enabled already.

The StaticGatewayConfiguration is then the one of the mesh profile.
azure-cli refuses that command: docs/domain/azure.md#azure-cli.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache

from checks.model.findings import Finding
from tests.clusters.bundles import Cluster
from tests.incidents.incidents import Incident, incidents, reported
from tests.recordings import diagnosed, question
from tests.scenarios.cases import Case, all_cases
from tests.simulation.cluster_copy import ClusterCopy

_ENABLE = re.compile(
    r"az aks mesh enable-egress-gateway [^&]*--name (\S+) [^&]*--istio-egressgateway-name (\S+)"
    r" --istio-egressgateway-namespace (\S+) --gateway-configuration-name (\S+)"
)


def refused(cluster: Cluster, findings: Iterable[Finding]) -> list[str]:
    """The printed commands that azure-cli refuses.

    A command that disables the gateway before is not among them.
    """
    name = (cluster.managed_cluster or {}).get("name")
    istio = (ClusterCopy(cluster).properties().get("serviceMeshProfile") or {}).get("istio") or {}
    entries = (istio.get("components") or {}).get("egressGateways") or ()
    present = {
        (name, each["name"], each.get("namespace") or "aks-istio-egress", each.get("gatewayConfigurationName"))
        for each in entries
        if each.get("enabled")
    }
    every = (action.command for finding in findings for action in finding.actions)
    commands = [each for each in every if "disable-egress-gateway" not in each]
    return [each for each in commands if any(found.groups() in present for found in _ENABLE.finditer(each))]


@cache
def enabling() -> tuple[Case, ...]:
    """The cases whose findings enable a gateway."""
    return tuple(case for case in all_cases() if _ENABLE.search(str(case.expected)))


def concerned() -> Iterator[Incident]:
    """The incidents in which a check that enables gateways reports a fault."""
    checks = {case.check.slug for case in enabling()}
    for each in (*incidents(), *reported()):
        named = {slug for key in ("root_causes", "failing", "warning") for slug in each.expect.get(key) or ()}
        if checks & named and "ambiguous" not in each.expect:
            yield each


def test_no_case_prints_a_command_that_is_refused() -> None:
    assert len(enabling()) > 10
    wrong = {case.name: found for case in enabling() if (found := refused(case.asked[0], case.run[0]))}
    assert wrong == {}


def test_no_incident_prints_a_command_that_is_refused() -> None:
    wrong, chosen = {}, tuple(concerned())
    assert len(chosen) > 10
    for incident in chosen:
        expect = incident.expect
        wanted = question(incident.cluster, expect["gateway"], expect.get("host"), expect.get("from"))
        if found := refused(incident.cluster, diagnosed(incident.cluster, wanted).finish(0.0).findings):
            wrong[incident.name] = found
    assert wrong == {}
