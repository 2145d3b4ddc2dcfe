"""The YAML of a new StaticGatewayConfiguration.

Its name, its node pool, and the fields that it takes from an existing one.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from checks.facts.agent_pools import AgentPool
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.network_resources import Subnet
from checks.facts.static_egress import REPLACES, StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.commands import quoted
from checks.static_egress.prefixes import parse_cidr

POOL_PLACEHOLDER = "GATEWAY_POOL"
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9./-]*")
_YAML_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def manifest_like(
    old: StaticGatewayConfiguration,
    name: str,
    pool: str,
    namespace: str = "",
    prefix_id: str = "",
    *,
    replaces: bool = True,
) -> str:
    """The YAML of a new StaticGatewayConfiguration with the old one's routes, but without:

    - the old one's own public IP prefix, whose addresses stay attached to the old SGC;
    - entries of excludeCidrs that are not a CIDR, with which pod network setup fails.

    `prefix_id` is the Azure resource ID of the public IP prefix that the new one uses, "" for a prefix that Azure assigns.
    In the namespace of the old one it has the annotation by which EG416 follows the move; without `replaces` it has none,
    because the old one is in another cluster."""
    lines = manifest_head(namespace or old.namespace, name, pool)
    if replaces and namespace in ("", old.namespace):
        lines[lines.index("spec:") : lines.index("spec:")] = [
            "  annotations:",
            f"    {REPLACES}: {yaml_string(old.name)}",
        ]
    if not old.provisions_public_ips:
        lines[-1] = "  provisionPublicIps: false"
    lines.append(f"  defaultRoute: {yaml_string(old.default_route)}")
    if kept := [cidr for cidr in old.exclude_cidrs if parse_cidr(cidr) is not None]:
        lines.append("  excludeCidrs:")
        lines.extend(f"    - {yaml_string(cidr)}" for cidr in kept)
    if prefix_id and old.provisions_public_ips:
        lines.append(f"  publicIpPrefixId: {yaml_string(prefix_id)}")
    elif old.public_ip_prefix_id:
        lines.append("  # publicIpPrefixId: to use a prefix of your own, the id of one that nothing else uses")
    return "\n".join(lines)


def manifest_head(namespace: str, name: str, pool: str) -> list[str]:
    """The lines of a minimal valid StaticGatewayConfiguration.

    Spec comes last, so that lines can follow.
    """
    return [
        "apiVersion: egressgateway.kubernetes.azure.com/v1alpha1",
        "kind: StaticGatewayConfiguration",
        "metadata:",
        f"  name: {yaml_string(name)}",
        f"  namespace: {yaml_string(namespace)}",
        "spec:",
        f"  gatewayNodepoolName: {yaml_string(pool)}",
        "  provisionPublicIps: true",
    ]


def own_ranges(facts: Facts) -> str:
    """The sentence about ranges that `new_manifest` does not know. Requires AgentPool declared."""
    networks = {each.subnet_id.rsplit("/", 2)[0] for each in facts.readable(AgentPool) if each.subnet_id}
    show = ("--query", "addressSpace.addressPrefixes", "--output", "tsv")
    shown = [quoted("az", "network", "vnet", "show", "--ids", each, *show) for each in sorted(networks)[:1]]
    where = f" (`{shown[0]}`)" if shown else ""
    return f"Add the other ranges of your virtual network{where} to excludeCidrs, unless traffic to them has to use the gateway"


def new_manifest(facts: Facts, namespace: str, name: str, pool: str) -> str:
    """The YAML of a StaticGatewayConfiguration whose earlier fields are not known.

    Its fields are written out, and it excludes the cluster's own pod and Service ranges, and the subnets of its nodes.
    Requires ManagedCluster, AgentPool and Subnet declared.
    """
    return manifest_excluding([*cluster_ranges(facts), *_node_ranges(facts)], namespace, name, pool)


def manifest_excluding(ranges: Iterable[str], namespace: str, name: str, pool: str) -> str:
    """The YAML of a StaticGatewayConfiguration with the default route.

    `ranges` are excluded from it.
    """
    lines = [*manifest_head(namespace, name, pool), "  defaultRoute: staticEgressGateway"]
    if own := list(dict.fromkeys(ranges)):
        lines += ["  excludeCidrs:", *(f"    - {yaml_string(each)}" for each in own)]
    return "\n".join(lines)


def cluster_ranges(facts: Facts) -> list[str]:
    """The IPv4 ranges of the cluster's pods and Services. Requires ManagedCluster declared."""
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    given = (*cluster.pod_cidrs, *cluster.service_cidrs) if cluster is not None else ()
    own = (each for each in given if (found := parse_cidr(each)) is not None and found.version == 4)
    return list(dict.fromkeys(own))


def _node_ranges(facts: Facts) -> list[str]:
    """The address prefixes of the node pools' subnets, [] in a network that AKS manages."""
    used = {each.subnet_id.lower() for each in facts.readable(AgentPool) if each.subnet_id}
    subnets = sorted(facts.readable(Subnet), key=lambda each: each.id.lower())  # they are read in any order
    prefixes = [each for subnet in subnets if subnet.id.lower() in used for each in subnet.prefixes]
    return [each for each in prefixes if (found := parse_cidr(each)) is not None and found.version == 4]


def pool_for(facts: Facts, named: str) -> str:
    """The pool to write into a StaticGatewayConfiguration, the first that applies:

    - the named pool, if it is a gateway node pool or Azure gave no list;
    - the gateway node pool with the fewest StaticGatewayConfigurations;
    - the named pool, if it does not exist and there is no gateway node pool;
    - a placeholder."""
    pools = facts.readable(AgentPool)
    gateways = [pool.name for pool in pools if pool.is_gateway]
    if named and (not pools or named.lower() in (pool.lower() for pool in gateways)):
        return named
    if gateways:
        return least_used(facts, gateways)
    missing = named.lower() not in (pool.name.lower() for pool in pools)
    return named if named and missing else POOL_PLACEHOLDER


def least_used(facts: Facts, pools: Sequence[str]) -> str:
    """The pool with the fewest StaticGatewayConfigurations, of equal ones the first by name."""
    used = Counter(each.pool.lower() for each in facts.readable(StaticGatewayConfiguration))
    return min(pools, key=lambda name: (used[name.lower()], name))


def pool_note(pool: str) -> str:
    """The note in an action's title that the reader has to fill in the pool.

    "" if the pool is known.
    """
    return f" (replace {POOL_PLACEHOLDER} with the gateway node pool)" if pool == POOL_PLACEHOLDER else ""


def free_name(facts: Facts, old: StaticGatewayConfiguration) -> str:
    """A name that no StaticGatewayConfiguration of the namespace has.

    `sgc-2` after `sgc`, `sgc-3` after `sgc-2`.
    """
    taken = {each.name for each in facts.readable(StaticGatewayConfiguration, old.namespace)}
    stem, dash, digits = old.name.rpartition("-")
    number = int(digits) if dash and digits.isascii() and digits.isdigit() and len(digits) < 4 else 1
    base = stem if number > 1 else old.name
    return next(name for n in range(number + 1, number + len(taken) + 2) if (name := f"{base}-{n}") not in taken)


def yaml_string(text: str) -> str:
    """A YAML string: plain if it is unambiguous, otherwise quoted as JSON, which is valid YAML."""
    if _PLAIN.fullmatch(text) and text.lower() not in _YAML_WORDS:
        return text
    return json.dumps(text)
