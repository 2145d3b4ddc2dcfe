"""Controllers react to a step in the way that their documentation determines.

There is one module for each controller.

The result depends only on objects that were read. A state whose cause is not in the facts (a container that exits, a node that
does not answer, a registry that is not reached) stays as it was recorded.
"""

from tests.clusters.bundles import Cluster
from tests.simulation.cluster_copy import ClusterCopy
from tests.simulation.controllers.daemon_sets import reconcile_daemon_sets
from tests.simulation.controllers.egress_operator import provision
from tests.simulation.controllers.istio_addon import reconcile_gateways
from tests.simulation.controllers.istiod_pushes import push
from tests.simulation.controllers.node_pools import add_nodes
from tests.simulation.controllers.service_endpoints import write_endpoints
from tests.simulation.controllers.workloads import keep_pods_of_unread_owners, reconcile_workloads


def settle(copy: ClusterCopy, before: Cluster) -> None:
    """Let every controller react to the difference from `before`, one after the other."""
    add_nodes(copy)
    reconcile_gateways(copy)
    provision(copy, before)
    reconcile_daemon_sets(copy, before)
    reconcile_workloads(copy, before)
    keep_pods_of_unread_owners(copy, before)
    provision(copy, before)
    write_endpoints(copy)
    push(copy, before)
