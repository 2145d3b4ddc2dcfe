"""Which engine enforces the cluster's NetworkPolicies?"""

from checks.facts.managed_cluster import ManagedCluster
from checks.facts.view import Facts
from checks.facts.workloads import DaemonSet
from checks.kubernetes.pod_connections import CILIUM

_DAEMON_SETS = {"azure-npm": "azure", "calico-node": "calico", "cilium": CILIUM}
"""The engine of each DaemonSet that enforces NetworkPolicies."""


def policy_engine(facts: Facts) -> str:
    """The name of the engine (`azure`, `calico`, `cilium`), "" if there is none.

    Without an answer of Azure, or with a CNI plugin of the user's own, the cluster's DaemonSets show it. Raises Unreadable.
    """
    cluster = facts.one(ManagedCluster)
    if cluster is not None and cluster.network and cluster.network_plugin != "none":
        return cluster.network_policy
    return next((_DAEMON_SETS[each.name] for each in facts.all(DaemonSet) if each.name in _DAEMON_SETS), "")
