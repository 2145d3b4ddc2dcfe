"""The pushes of istiod after an EnvoyFilter was deleted.

Source: https://istio.io/latest/docs/ops/diagnostic-tools/proxy-cmd/: istiod sends the configuration to every proxy again. A
proxy that rejected the configuration because of the filter accepts it without the filter, and logs no new rejection.
"""

import re
from dataclasses import replace

from tests.clusters.bundles import Cluster
from tests.clusters.compose import identity
from tests.simulation.cluster_copy import ClusterCopy

_NACK = re.compile(r"ADS:(\w+): ACK ERROR (\S+)-\d+ ")


def push(copy: ClusterCopy, before: Cluster) -> None:
    """Write the lines about the pushes that follow a deletion."""
    kept = {identity(each) for each in copy.of("EnvoyFilter")}
    if not any(each["kind"] == "EnvoyFilter" and identity(each) not in kept for each in before.objects):
        return
    logs = dict(copy.cluster.logs)
    for key, text in logs.items():
        pushes = dict.fromkeys(
            f"{kind}: PUSH for node:{node} resources:2 size:4.1kB" for kind, node in _NACK.findall(text)
        )
        logs[key] = text + "".join(f"{copy.stamp}\tinfo\tdelta\t{each}\n" for each in pushes)
    copy.cluster = replace(copy.cluster, logs=logs)
