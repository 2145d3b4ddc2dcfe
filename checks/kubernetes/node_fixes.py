"""Nodes that are not ready: the evidence, and the steps that make them ready again.

AKS tries the same steps in this order: restart, then a new machine
(https://learn.microsoft.com/azure/aks/node-auto-repair).
"""

import re
from collections.abc import Iterable, Sequence

from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.knowledge.node_states import NodeState, node_state
from checks.model.commands import alternatives, az_aks, change, disrupt, inspect, kubectl, quoted
from checks.model.findings import Action, Evidence
from checks.model.raw_values import text

RUN_COMMAND = "https://learn.microsoft.com/azure/virtual-machines/run-command-overview"
AUTO_REPAIR = "https://learn.microsoft.com/azure/aks/node-auto-repair"
_SCALE_SET = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)/providers/Microsoft\.Compute/"
    r"virtualMachineScaleSets/(?P<set>[^/]+)/virtualMachines/(?P<instance>\d+)$",
    re.IGNORECASE,
)


def state_of_node(node: Node) -> NodeState:
    """Why a node is not ready."""
    condition = node.condition("Ready")
    message = text(condition, "message") or text(condition, "reason")
    return node_state(message, frozenset(each.key for each in node.taints))


def not_ready_evidence(node: Node) -> Evidence:
    """The condition Ready of a node with its reason and message."""
    condition = node.condition("Ready")
    status = text(condition, "status") or "(none)"
    why = ": ".join(each for each in (text(condition, "reason"), text(condition, "message")) if each)
    return Evidence(node.ref, "status.conditions[Ready]", f"{status}, {why}" if why else status, "True")


def restart_machines(facts: Facts, pool: str, nodes: Sequence[Node], wanted: int) -> list[Action]:
    """Start or restart the machines; then replace them, if that does not help.

    Their pods serve nothing. `wanted` is the node count of the pool.
    """
    stopped = [each for each in nodes if state_of_node(each).stopped]
    running = [each for each in nodes if each not in stopped]
    commands = (("start", "Start", stopped), ("restart", "Restart", running))
    first = [
        _power(verb, title, some, command)
        for verb, title, some in commands
        if (command := _machine_command(verb, some))
    ]
    are = "they are" if len(nodes) > 1 else "it is"
    after = f" if {are} still not ready after ten minutes" if first else ""
    replaced = replace_machines(facts, pool, nodes, wanted, after=after)
    return [*_power_state(running), *alternatives(first, replaced)]


def _power(verb: str, title: str, nodes: Sequence[Node], command: str) -> Action:
    """Start or restart machines.

    A running gateway node can still forward connections although its kubelet does not report.
    """
    named = f"{title} the machine{'s' if len(nodes) > 1 else ''} of {' and '.join(each.name for each in nodes)}"
    expect = "Ready within five minutes; AKS tries the same by itself when a node is not ready for longer"
    if verb == "restart" and all(each.mode == "gateway" for each in nodes):
        through = "they" if len(nodes) > 1 else "it"
        return disrupt(
            f"{named}; connections that {through} still forward{'' if len(nodes) > 1 else 's'} are closed",
            command,
            AUTO_REPAIR,
            expect,
        )
    return change(named, command, AUTO_REPAIR, expect)


_POWER = "[].{instance:instanceId,state:instanceView.statuses[?starts_with(code, 'PowerState')].displayStatus | [0]}"
"""The power state of each machine of a scale set, in the answer of Azure."""


def _power_state(nodes: Sequence[Node]) -> list[Action]:
    """Show whether machines that no longer report run at all; a stopped one is started."""
    sets, single = _machines(nodes)
    commands = [
        quoted("az", "vmss", "list-instances", *named, "--expand", "instanceView", "--query", _POWER, "-o", "table")
        for named in map(_scale_set_options, sets)
    ]
    if single:
        commands.append(quoted("az", "vm", "show", "--show-details", "--ids", *single, "-o", "table"))
    if not commands:
        return []
    start = _machine_command("start", nodes)
    expect = f"running: the next step; stopped or deallocated, instead of the next step: `{start}`"
    return [inspect("Show the power state of the machines", " && ".join(commands), AUTO_REPAIR, expect)]


def replace_machines(
    facts: Facts, pool: str, nodes: Sequence[Node], wanted: int, running: int = 0, after: str = ""
) -> Action:
    """Delete the machines of nodes, and scale the pool to its count again.

    `running` pods on them end and start on other nodes.
    """
    names = [each.name for each in nodes]
    named = ("--nodepool-name", pool)
    delete = az_aks(facts.cluster, "nodepool", "delete-machines", *named, "--machine-names", *names)
    # A gateway node pool may have no address for another node; pods of another pool need the new nodes before.
    gateway = all(each.mode == "gateway" for each in nodes)
    count = wanted if gateway else wanted + len(names)
    scale = az_aks(facts.cluster, "nodepool", "scale", *named, "--node-count", str(count))
    commands = f"{delete} && {scale}" if gateway else f"{scale} && {delete}"
    new = "new machines" if len(names) > 1 else "a new machine"
    title = f"Replace {' and '.join(names)} with {new}{after}"
    expect = f"{wanted} node{'s' if wanted != 1 else ''} of the pool {'are' if wanted != 1 else 'is'} Ready"
    if not running:
        return change(title, commands, AUTO_REPAIR, expect)
    pods = f"{running} pod{'s' if running > 1 else ''}"
    return disrupt(
        f"{title}; {pods} on {'them' if len(names) > 1 else 'it'} start elsewhere, and their open connections are closed",
        commands,
        AUTO_REPAIR,
        expect,
    )


def move_pods(nodes: Sequence[str], pods: Sequence[Pod], url: str) -> Action:
    """Cordon nodes on which pods serve nothing, and delete these pods: no connection is closed."""
    names, where = " and ".join(each.name for each in pods), " and ".join(nodes)
    delete = kubectl("delete", "pod", *(each.name for each in pods), namespace=pods[0].namespace)
    get = "get" if len(nodes) > 1 else "gets"
    one = len(pods) == 1
    return change(
        f"Move {names} to another node: {where} {get} no new pods meanwhile",
        f"{kubectl('cordon', *nodes)} && {delete}",
        url,
        f"the new pod{' is' if one else 's are'} Ready on {'another node' if one else 'other nodes'}",
    )


def request_from_machine(node: Node, url: str, expect: str) -> list[Action]:
    """Request a URL from the machine of a node, without a pod, if the machine is known.

    A node without its images cannot start a pod for the test.
    """
    sets, single = _machines([node])
    kind, named = ("vm", ("--ids", *single)) if single else ("vmss", ())
    for key, instances in sets.items():
        named = (*_scale_set_options(key), "--instance-id", instances[0])
    if not named:
        return []
    script = ("--command-id", "RunShellScript", "--scripts", f"curl -sSI -m 10 {url}")
    answer = ("--query", "value[0].message", "--output", "tsv")
    return [
        change(
            f"Request {url} from the machine of {node.name}, which shows the error",
            quoted("az", kind, "run-command", "invoke", *named, *script, *answer),
            RUN_COMMAND,
            expect,
            undo="nothing to take back: the script changes nothing",
        )
    ]


def _machine_command(verb: str, nodes: Iterable[Node]) -> str:
    """One command for each scale set; "" if the machines of the nodes are not known."""
    sets, single = _machines(nodes)
    commands = [
        f"{quoted('az', 'vmss', verb, *_scale_set_options(key))} --instance-ids {' '.join(instances)}"
        for key, instances in sets.items()
    ]
    if single:
        commands.append(quoted("az", "vm", verb, "--ids", *single))
    return " && ".join(commands)


_ScaleSet = tuple[str, str, str]
"""Subscription, resource group and name."""


def _machines(nodes: Iterable[Node]) -> tuple[dict[_ScaleSet, list[str]], list[str]]:
    """The instances of nodes by scale set, and the IDs of single VMs.

    Both are empty if the machine of a node is not known.
    """
    sets: dict[_ScaleSet, list[str]] = {}
    single: list[str] = []
    for node in nodes:
        machine = text(node.raw, "spec", "providerID").removeprefix("azure://")
        found = _SCALE_SET.match(machine)
        if found is not None:
            sets.setdefault((found["subscription"], found["group"], found["set"]), []).append(found["instance"])
        elif "/virtualmachines/" in machine.lower():
            single.append(machine)
        else:
            return {}, []
    return sets, single


def _scale_set_options(key: _ScaleSet) -> tuple[str, ...]:
    subscription, group, name = key
    return ("--subscription", subscription, "--resource-group", group, "--name", name)
