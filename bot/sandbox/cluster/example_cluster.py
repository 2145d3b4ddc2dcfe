"""The demo's cluster that accepts active steps: an example behind a loopback API server.

Everything is configured correctly, and a new pod leaves by the egress IP prefix, but the gateway pods leave by another
address until they are restarted, as after a change of the StaticGatewayConfiguration that only new pods use.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bot.sandbox.cluster.active_cluster import ActiveKubeServer
from bot.sandbox.cluster.kubelet import ANSWER, Kubelet
from checks.model.documents import Budget, parse_yaml

LIVE_CLUSTER = "live"
"""The name of the cluster in the demo's configuration."""

_OTHER_ADDRESS = "52.1.2.3\n{id} 0 200 0.380000 \n"
"""The log of a probe from a gateway pod until the restart."""


@dataclass(frozen=True, slots=True)
class ExampleCluster:
    """The objects and logs of an example bundle."""

    objects: tuple[dict[str, Any], ...]
    logs: Mapping[str, str]
    errors: tuple[Mapping[str, Any], ...] = ()
    absent_kinds: tuple[str, ...] = ()


def read_example(bundle: Path) -> ExampleCluster:
    """The content of an example bundle."""
    budget = Budget()
    objects = [
        each
        for path in sorted((bundle / "objects").rglob("*.yaml"))
        for each in parse_yaml(path.read_text(encoding="utf-8"), budget)
        if each
    ]
    logs = {
        path.relative_to(bundle / "logs").with_suffix("").as_posix(): path.read_text(encoding="utf-8")
        for path in sorted((bundle / "logs").rglob("*.log"))
    }
    return ExampleCluster(tuple(objects), logs)


@contextmanager
def serve_example(bundle: Path, folder: Path) -> Iterator[str]:
    """Serve the example, and yield its entry of the configuration file.

    Its kubeconfig is in the folder.
    """
    kubelet = Kubelet(seconds=2.0, gateway_log=_OTHER_ADDRESS, restarted_log=ANSWER)
    with ActiveKubeServer(read_example(bundle), kubelet) as server:
        files = {"managed_cluster": "managed-cluster", "agent_pools": "agent-pools", "resources": "resources"}
        azure = {key: str(bundle / "azure" / f"{name}.json") for key, name in files.items()}
        entry = {"name": LIVE_CLUSTER, "kubeconfig": str(server.kubeconfig(folder)), "azure": azure}
        yield yaml.safe_dump([entry])
