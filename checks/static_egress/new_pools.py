"""The step that creates a gateway node pool, and whether one is needed."""

from checks.facts.agent_pools import AgentPool
from checks.facts.pool_settings import add_pool, taken_over
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.commands import SEGDOC, az_aks, change
from checks.model.findings import Action
from checks.static_egress.old_subnets import OldSubnet

DEFAULT_PREFIX = "30"
"""The length of a prefix with addresses for four nodes."""
_NODES = 2
"""The fewest nodes of which one can fail."""


def prefix_size_of(configuration: StaticGatewayConfiguration) -> str:
    """The length of the StaticGatewayConfiguration's assigned prefix.

    Without one, /30, which has addresses for four nodes.
    """
    length = configuration.egress_prefix.rpartition("/")[2]
    return length if length in ("28", "29", "30", "31") else DEFAULT_PREFIX


def create_pool(facts: Facts, name: str, size: str = "", like: str = "", subnet: OldSubnet | None = None) -> Action:
    """Create a node pool in Gateway mode.

    It has the settings of the pool `like`, else those of a gateway node pool or of a system pool. `size` is the length of
    the prefix. `subnet` is the one of the pool that it replaces, if that does not exist any more. Requires AgentPool declared.
    """
    model = _model(facts, like or name)
    known = model is not None and model.name.lower() == (like or name).lower()
    given = _gateway_options(model, size)
    missing = "" if known or model is None else f"; if {name} had a subnet of its own, name that one"
    where, last = "", ""
    if subnet is not None and not known:
        given["--vnet-subnet-id"] = ""
        where, last, missing = f" in {subnet.name}", f" --vnet-subnet-id {subnet.words}", ""
    return change(
        f"Create node pool {name} in Gateway mode{where}{taken_over(model, given)}",
        f"{add_pool(facts.cluster, name, given, model)}{last}",
        SEGDOC,
        f"{given['--node-count']} nodes are Ready, and the StaticGatewayConfigurations that name the pool get their prefix"
        + missing,
    )


def _gateway_options(like: AgentPool | None, size: str = "") -> dict[str, str]:
    """The options of a pool in Gateway mode.

    It has as many nodes as the other one, at least two, and an address for each.
    """
    known = str(like.prefix_size) if like is not None and like.prefix_size is not None else ""
    length = size or known or DEFAULT_PREFIX
    counted = like.count if like is not None and like.mode.lower() != "system" else None
    nodes = min(max(counted or 0, _NODES), 2 ** (32 - int(length)))
    return {"--mode": "gateway", "--gateway-prefix-size": length, "--node-count": str(nodes)}


def _model(facts: Facts, named: str) -> AgentPool | None:
    """The pool whose settings a new gateway node pool takes over.

    The first that applies: the named pool, a gateway node pool, a system pool, another Linux pool.
    """
    pools = [each for each in facts.readable(AgentPool) if each.os_type.lower() in ("linux", "")]
    order = ("gateway", "system", "user")
    ranked = sorted(
        (each for each in pools if each.mode.lower() in order),
        key=lambda each: (each.name.lower() != named.lower(), order.index(each.mode.lower()), each.name),
    )
    return next(iter(ranked), None)


_OTHER_SIZES = ("Standard_D2as_v5", "Standard_D2s_v5")
"""Small sizes of two families, each with a quota of its own for cores."""


def create_replacement(facts: Facts, pool: AgentPool, *, other_size: bool) -> tuple[str, Action]:
    """The name of a new gateway node pool in place of another, and its step.

    With another VM size and without zones if Azure lacks that size, otherwise with Linux nodes.
    """
    name = free_pool_name(facts, "gwpool2")
    family = pool.vm_size.rpartition("_D")[2][1:].lower()
    size = next(each for each in _OTHER_SIZES if each.rpartition("_D")[2][1:].lower() != family)
    other = {"--node-vm-size": size, "--zones": ""} if other_size else {"--os-type": "Linux"}
    given = {**_gateway_options(pool), **other}
    title = f"Create gateway node pool {name} " + (
        f"with VM size {size}, which costs money beside {pool.name}" if other_size else "with Linux nodes"
    )
    command = add_pool(facts.cluster, name, given, pool)
    return name, change(title, command, SEGDOC, f"{given['--node-count']} nodes are Ready")


def create_with_image(facts: Facts, name: str, pool: str, sku: str) -> Action:
    """Create a gateway node pool with another OS SKU, and otherwise the settings of a pool."""
    model = _model(facts, pool)
    given = {**_gateway_options(model), "--os-sku": sku}
    return change(
        f"Create gateway node pool {name} with OS SKU {sku}, because the node image of {pool} lacks the wireguard module",
        add_pool(facts.cluster, name, given, model),
        SEGDOC,
        f"{given['--node-count']} nodes are Ready; a StaticGatewayConfiguration on {name} has another egress IP prefix",
    )


def delete_unused_pool(facts: Facts, pool: str, moved: StaticGatewayConfiguration) -> tuple[Action, ...]:
    """Delete a gateway node pool that the gateway has left; () if others use it."""
    users = [each for each in facts.readable(StaticGatewayConfiguration) if each.pool.lower() == pool.lower()]
    if facts.gap(StaticGatewayConfiguration) is not None or any(each.key != moved.key for each in users):
        return ()
    command = az_aks(facts.cluster, "nodepool", "delete", "--nodepool-name", pool)
    title = f"Delete node pool {pool} when {moved.namespace}/{moved.name} is deleted: until then its nodes cost money"
    return (change(title, command, SEGDOC, "its machines are deleted"),)


def lacks_gateway_pool(facts: Facts) -> bool:
    """Whether Azure lists the node pools and none of them is in Gateway mode."""
    if not facts.configured(AgentPool) or facts.gap(AgentPool) is not None:
        return False
    return not any(pool.is_gateway for pool in facts.all(AgentPool))


def free_pool_name(facts: Facts, wanted: str) -> str:
    """The wanted name of a node pool, or gwpool, gwpool2 or gwpool3, that no pool has."""
    taken = {each.name.lower() for each in facts.readable(AgentPool)}
    return next(name for name in (wanted or "gwpool", "gwpool", "gwpool2", "gwpool3") if name.lower() not in taken)
