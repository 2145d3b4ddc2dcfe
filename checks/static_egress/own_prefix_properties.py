"""The properties of a customer's own public IP prefix that the gateway nodes cannot use.

Sources: kube-egress-gateway controllers/manager (gatewayVMConfiguration): it compares the subscription letter by letter, and
the length; Azure documentation, "Public IP address prefix" and "Configure Static Egress Gateway in Azure Kubernetes
Service (AKS)": the scale set requires region, SKU, tier, IP version and zones, and addresses that nothing else uses.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from checks.facts.agent_pools import AgentPool
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.public_addresses import PublicIPPrefix
from checks.static_egress.prefixes import capacity

_SCALE_SETS = "/virtualmachinescalesets/"


@dataclass(frozen=True, slots=True)
class PrefixProperty:
    """A property with an unusable value.

    `what` continues a sentence that begins with `The public IP prefix of X`.
    """

    what: str
    field: str
    observed: str
    expected: str


def unusable_properties(
    prefix: PublicIPPrefix, cluster: ManagedCluster | None, pool: AgentPool | None
) -> Iterator[PrefixProperty]:
    """All unusable properties of the prefix; those that were not read are left out."""
    region, own = _region(cluster.location if cluster else ""), _region(prefix.location)
    if region and own and region != own:
        yield PrefixProperty(
            f"is in region {prefix.location}, the cluster in {region}", "location", prefix.location, region
        )
    if prefix.sku and prefix.sku.lower() != "standard":
        yield PrefixProperty(f"has SKU {prefix.sku} instead of Standard", "sku.name", prefix.sku, "Standard")
    if prefix.tier and prefix.tier.lower() != "regional":
        yield PrefixProperty(f"has tier {prefix.tier} instead of Regional", "sku.tier", prefix.tier, "Regional")
    if prefix.ip_version and prefix.ip_version.lower() != "ipv4":
        what = f"is for {prefix.ip_version}, which static egress gateways do not support"
        yield PrefixProperty(what, "publicIPAddressVersion", prefix.ip_version, "IPv4")
        return
    size = pool.prefix_size if pool else None
    if pool is not None and size is not None and prefix.length is not None and size != prefix.length:
        what = f"is a /{prefix.length}, but node pool {pool.name} needs a /{size}"
        yield PrefixProperty(what, "prefixLength", str(prefix.length), str(size))
    if prefix.zones and pool is not None and (missing := sorted(set(pool.zones) - set(prefix.zones))):
        what = f"is in {_zones(prefix.zones)}, but node pool {pool.name} has nodes in {_zones(missing)}"
        yield PrefixProperty(what, "zones", ", ".join(prefix.zones), ", ".join(pool.zones))
    if prefix.attached_to:
        user = prefix.attached_to.rsplit("/", 1)[-1]
        yield PrefixProperty(
            f"is used by {user}, which takes the whole prefix", "used by", prefix.attached_to, "(none)"
        )
    yield from _taken(prefix, pool)


def _taken(prefix: PublicIPPrefix, pool: AgentPool | None) -> Iterator[PrefixProperty]:
    """Addresses of other resources leave too few for the nodes."""
    others = [each for each in prefix.addresses if _SCALE_SETS not in each.lower()]
    nodes = pool.count if pool else None
    if not others or nodes is None or prefix.length is None:
        return
    free = capacity(prefix.length) - len(others)
    if pool is not None and free < nodes:
        what = (
            f"has {max(free, 0)} free address{'' if free == 1 else 'es'} for {nodes} nodes of node pool {pool.name}: other "
            "resources use the rest"
        )
        yield PrefixProperty(what, "publicIPAddresses", ", ".join(each.rsplit("/", 1)[-1] for each in others), "(none)")


def _zones(zones: Sequence[str]) -> str:
    return f"zone{'' if len(zones) == 1 else 's'} {', '.join(zones)}"


def _region(name: str) -> str:
    return name.replace(" ", "").lower()
