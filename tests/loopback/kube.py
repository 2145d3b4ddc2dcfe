"""A test cluster behind a loopback API server, which the demo shares with the tests.

with KubeServer(named("base")) as server:
    entry = ClusterConfig(name="x", kubeconfig=str(server.kubeconfig(tmp_path)), azure="none")
"""

from bot.sandbox.cluster.api_server import LOOPBACK_TOKEN as TOKEN
from bot.sandbox.cluster.api_server import VERSION, KubeHandler, KubeServer
from tests.loopback.faults import Fault

__all__ = ["TOKEN", "VERSION", "Fault", "KubeHandler", "KubeServer"]
