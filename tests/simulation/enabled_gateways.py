"""Printed commands that enable a gateway as it is enabled already.

The StaticGatewayConfiguration is then the one of the mesh profile.
azure-cli refuses that command: docs/domain/azure.md#azure-cli.
"""

import re
from collections.abc import Callable, Iterable

from checks.model.findings import Finding
from tests.clusters.bundles import Cluster
from tests.simulation.cluster_copy import ClusterCopy

_ENABLE = re.compile(
    r"az aks mesh enable-egress-gateway .*--istio-egressgateway-name (\S+)"
    r" --istio-egressgateway-namespace (\S+) --gateway-configuration-name (\S+)"
)


def refused(cluster: Callable[[], Cluster], findings: Iterable[Finding]) -> list[str]:
    """The printed commands that azure-cli refuses.

    The cluster is composed only if a command enables a gateway.
    """
    commands = [action.command for finding in findings for action in finding.actions]
    enabling = [each for each in commands if _ENABLE.search(each)]
    if not enabling:
        return []
    istio = (ClusterCopy(cluster()).properties().get("serviceMeshProfile") or {}).get("istio") or {}
    entries = (istio.get("components") or {}).get("egressGateways") or ()
    present = {
        (each["name"], each.get("namespace") or "aks-istio-egress", each.get("gatewayConfigurationName"))
        for each in entries
        if each.get("enabled")
    }
    return [each for each in enabling if any(found.groups() in present for found in _ENABLE.finditer(each))]
