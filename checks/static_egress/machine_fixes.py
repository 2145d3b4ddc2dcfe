"""New machines for nodes on which another program has changed settings."""

from collections.abc import Sequence

from checks.facts.agent_pools import AgentPool
from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.kubernetes.node_fixes import replace_machines
from checks.model.findings import Action


def new_machines(facts: Facts, names: Sequence[str]) -> list[Action]:
    """Replace the machines of these nodes, pool by pool; other pods on them move."""
    if facts.gap(Node):
        return []
    nodes = [each for each in facts.all(Node) if each.name in names]
    by_pool: dict[str, list[Node]] = {}
    for node in nodes:
        by_pool.setdefault(node.pool, []).append(node)
    counts = {each.name.lower(): each.count for each in facts.readable(AgentPool)}
    found = []
    for pool, some in by_pool.items():
        everything = sum(1 for each in facts.all(Node) if each.pool == pool)
        wanted = counts.get(pool.lower()) or everything
        found.append(replace_machines(facts, pool, some, wanted, _running(facts, some)))
    return found


def _running(facts: Facts, nodes: Sequence[Node]) -> int:
    """The ready pods of workloads on these nodes, which a replacement ends."""
    names = {each.name for each in nodes}
    return sum(
        1
        for pod in facts.readable(Pod)
        if pod.node in names and pod.ready and pod.owner[0] not in ("DaemonSet", "Node")
    )
