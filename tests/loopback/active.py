"""An API server that accepts active steps, which the demo shares with the tests."""

from bot.sandbox.cluster.active_cluster import ActiveKubeServer
from bot.sandbox.cluster.kubelet import ANSWER, Kubelet

__all__ = ["ANSWER", "ActiveKubeServer", "Kubelet"]
