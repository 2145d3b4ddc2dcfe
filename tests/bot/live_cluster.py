"""A cluster behind a slow loopback API server, for tests that interrupt a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.clusters.compose import Cluster, write_bundle
from tests.loopback.faults import Fault
from tests.loopback.kube import KubeServer


@contextmanager
def slow_cluster(folder: Path, cluster: Cluster, seconds: float) -> Iterator[tuple[KubeServer, str]]:
    """The API server, and its entry for the configuration (`live`, also `slow`).

    Lists of VirtualServices hang for `seconds`; everything else answers at once.
    """
    saved = folder / "saved"
    write_bundle(cluster, saved)
    with KubeServer(cluster, faults=[Fault("virtualservices", hang=seconds)]) as kube:
        kubeconfig = kube.kubeconfig(folder)
        azure = saved / "azure"
        yield (
            kube,
            (
                f"  - name: live\n    kubeconfig: '{kubeconfig}'\n    azure:\n"
                f"      managed_cluster: '{azure / 'managed-cluster.json'}'\n"
                f"      agent_pools: '{azure / 'agent-pools.json'}'\n"
                f"      resources: '{azure / 'resources.json'}'\n"
            ),
        )
