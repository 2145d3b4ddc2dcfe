"""`az aks nodepool add` with the settings of another node pool.

A new node pool takes over subnet, VM size, zones, OS SKU and the other settings that azure-cli can set. Without them Azure
chooses its own: a size without quota, or a subnet with other rules. Source: docs/domain/azure.md#azure-cli.
"""

from collections.abc import Iterator, Mapping

from checks.facts.agent_pools import AgentPool
from checks.model.commands import az_aks
from checks.model.enumerations import enumerated
from checks.model.question import ClusterIdentity
from checks.model.raw_values import flag, items, labels, number, text, texts

PoolOptions = Mapping[str, str]
"""Options of `az aks nodepool add` with their values.

An empty value leaves the option of the other pool out.
"""

_LINUX = frozenset({"ubuntu", "ubuntu2204", "ubuntu2404", "azurelinux", "azurelinux3"})
"""The OS SKUs that azure-cli takes for a new Linux pool, in lower case."""
_OF_AKS = ("kubernetes.azure.com/", "kubernetes.io/", "node.kubernetes.io/")
"""The prefixes of labels and taints that AKS sets, and refuses in a command."""


def add_pool(cluster: ClusterIdentity, name: str, given: PoolOptions, like: AgentPool | None) -> str:
    """The command that creates a node pool.

    It has these options, and otherwise the settings of another pool. Labels and taints are taken over from a pool of the
    same mode only.
    """
    words = ["--nodepool-name", name]
    for option, value in given.items():
        if value:
            words += [option, value]
    for option, values in _settings(like, given.get("--mode", "User")) if like is not None else ():
        if option not in given:
            words += [option, *values]
    return az_aks(cluster, "nodepool", "add", *words)


def taken_over(like: AgentPool | None, given: PoolOptions) -> str:
    """The settings that a new pool takes over, as the end of a title; "" without another pool."""
    if like is None:
        return ""
    named = {"--vnet-subnet-id": "subnet", "--node-vm-size": "VM size", "--zones": "zones", "--os-sku": "OS SKU"}
    found = {option for option, _ in _settings(like, given.get("--mode", "User"))} - set(given)
    words = [word for option, word in named.items() if option in found]
    if not words:
        return ""
    return f", with the {enumerated(words)} of {like.name}"


def _settings(pool: AgentPool, mode: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The options that give a new pool the settings of this one."""
    values = {
        "--vnet-subnet-id": pool.subnet_id,
        "--node-vm-size": pool.vm_size or _size_of_machines(pool),
        "--vm-set-type": pool.kind if pool.has_single_machines else "",
        "--os-sku": pool.os_sku if pool.os_sku.lower() in _LINUX else "",
        "--max-pods": str(number(pool.raw, "maxpods") or ""),
        "--node-osdisk-size": str(number(pool.raw, "osdisksizegb") or ""),
        "--node-osdisk-type": text(pool.raw, "osdisktype"),
        "--node-public-ip-prefix-id": text(pool.raw, "nodepublicipprefixid"),
    }
    yield from ((option, (value,)) for option, value in values.items() if value)
    flags = {
        "--enable-node-public-ip": "enablenodepublicip",
        "--enable-encryption-at-host": "enableencryptionathost",
        "--enable-fips-image": "enablefips",
    }
    yield from ((option, ()) for option, field in flags.items() if flag(pool.raw, field) is True)
    lists = {"--zones": pool.zones, "--tags": _pairs(labels(pool.raw, "tags"))}
    if pool.mode.lower() == mode.lower():
        lists |= {"--labels": _pairs(_own(labels(pool.raw, "nodelabels"))), "--node-taints": _own_taints(pool)}
    yield from ((option, words) for option, words in lists.items() if words)


def _pairs(values: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{key}={value}" for key, value in sorted(values.items()))


def _own(values: Mapping[str, str]) -> Mapping[str, str]:
    return {key: value for key, value in values.items() if not key.startswith(_OF_AKS)}


def _own_taints(pool: AgentPool) -> tuple[str, ...]:
    found = ",".join(each for each in texts(pool.raw, "nodetaints") if not each.startswith(_OF_AKS))
    return (found,) if found else ()


def _size_of_machines(pool: AgentPool) -> str:
    """The VM size of a pool of type VirtualMachines, "" without one.

    Such a pool has a profile for each size.
    """
    sizes = (text(each, "size") for each in items(pool.raw, "virtualmachinesprofile", "scale", "manual"))
    return next(filter(None, sizes), "")
