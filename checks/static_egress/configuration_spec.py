"""The invalid fields of a StaticGatewayConfiguration's spec.

They are those that the controller's validation rejects, and those at which only pod network setup fails.

Sources: kube-egress-gateway api/v1alpha1 and pkg/cni/routes;
docs/domain/custom-resources.md#staticgatewayconfiguration-spec.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from checks.facts.static_egress import StaticGatewayConfiguration
from checks.model.raw_values import number, text
from checks.static_egress.configuration_yaml import POOL_PLACEHOLDER
from checks.static_egress.prefixes import covers_everything, parse_cidr

STATIC_EGRESS, AZURE_NETWORKING = "staticEgressGateway", "azureNetworking"
_PREFIX_ID = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Network/publicIPPrefixes/[^/]+", re.IGNORECASE
)
_USE_POOL: Mapping[str, object] = {"gatewayNodepoolName": POOL_PLACEHOLDER, "gatewayVmssProfile": None}


@dataclass(frozen=True, slots=True)
class SpecFault:
    """One wrong field.

    `what` continues a sentence that begins with the StaticGatewayConfiguration's name; `fix` is a merge patch of the
    spec.

    `rejected`: the controller does not reconcile the spec. `routes`: the field concerns routes, which running pods keep
    until they are replaced. `works`: the value is valid, but rarely intended.
    """

    what: str
    path: str
    observed: str
    expected: str
    fix: Mapping[str, object] = field(default_factory=dict)
    rejected: bool = False
    routes: bool = False
    works: bool = False


def spec_faults(configuration: StaticGatewayConfiguration) -> Iterator[SpecFault]:
    """All faults of the spec."""
    yield from _pool(configuration)
    yield from _own_prefix(configuration)
    yield from _ranges(configuration)
    yield from _default_route(configuration)


def _pool(configuration: StaticGatewayConfiguration) -> Iterator[SpecFault]:
    pool, scale_set = configuration.pool, configuration.scale_set
    path = "spec.gatewayVmssProfile"
    if not pool and not scale_set:
        what = "names neither a node pool nor a scale set"
        yield SpecFault(what, "spec.gatewayNodepoolName", "(empty)", "a node pool", _USE_POOL, rejected=True)
    elif pool and scale_set:
        seen = text(scale_set, "vmssName") or "set"
        what = "names both a node pool and a scale set"
        yield SpecFault(what, path, seen, "only a node pool", {"gatewayVmssProfile": None}, rejected=True)
    elif scale_set:
        empty = [key for key in ("vmssResourceGroup", "vmssName") if not text(scale_set, key)]
        size = number(scale_set, "publicIpPrefixSize") or 0
        for key in empty:
            what = f"names a scale set without its {key}"
            yield SpecFault(what, f"{path}.{key}", "(empty)", "a name", _USE_POOL, rejected=True)
        if not 0 <= size <= 31:
            what = f"requests a public IP prefix of size /{size}"
            yield SpecFault(what, f"{path}.publicIpPrefixSize", str(size), "0 to 31", _USE_POOL, rejected=True)
        elif not empty:
            what = "names a scale set, which only the open-source operator supports, not AKS"
            yield SpecFault(what, path, "set", "spec.gatewayNodepoolName", _USE_POOL, works=True)


def _own_prefix(configuration: StaticGatewayConfiguration) -> Iterator[SpecFault]:
    prefix, path, drop = configuration.public_ip_prefix_id, "spec.publicIpPrefixId", {"publicIpPrefixId": None}
    if prefix and not configuration.provisions_public_ips:
        what = "requests private addresses but names a public IP prefix"
        yield SpecFault(what, path, prefix, "(empty) with provisionPublicIps false", drop, rejected=True)
    elif prefix and not _PREFIX_ID.fullmatch(prefix):
        what = "has a publicIpPrefixId that is not the resource id of a public IP prefix"
        expected = "/subscriptions/…/resourceGroups/…/providers/Microsoft.Network/publicIPPrefixes/…"
        yield SpecFault(what, path, prefix, expected, drop, rejected=True)


def _ranges(configuration: StaticGatewayConfiguration) -> Iterator[SpecFault]:
    path, cidrs = "spec.excludeCidrs", configuration.exclude_cidrs
    if bad := [cidr for cidr in cidrs if parse_cidr(cidr) is None]:
        masked = [cidr if cidr not in bad else f"{cidr}/32" for cidr in cidrs]
        fixed = [cidr for cidr in masked if parse_cidr(cidr) is not None]
        named = " and ".join(f'"{cidr}"' for cidr in bad)
        what = f"excludes {named}, {'not a CIDR' if len(bad) == 1 else 'not CIDRs'}: new pods get no routes"
        expected = ", ".join(f"{cidr}/32" if parse_cidr(f"{cidr}/32") else "a CIDR" for cidr in bad)
        yield SpecFault(what, path, ", ".join(bad), expected, {"excludeCidrs": fixed})
    if six := [cidr for cidr in cidrs if (found := parse_cidr(cidr)) is not None and found.version == 6]:
        rest = [cidr for cidr in cidrs if cidr not in six]
        what = "excludes IPv6 ranges, which the gateway does not support"
        yield SpecFault(what, path, ", ".join(six), "IPv4 CIDRs", {"excludeCidrs": rest}, works=True)


def _default_route(configuration: StaticGatewayConfiguration) -> Iterator[SpecFault]:
    path, route, cidrs = "spec.defaultRoute", configuration.default_route, configuration.exclude_cidrs
    fix = {"defaultRoute": STATIC_EGRESS}
    networks = [found for cidr in cidrs if (found := parse_cidr(cidr)) is not None]
    if route not in (STATIC_EGRESS, AZURE_NETWORKING):
        yield SpecFault(f"has the unknown default route {route}", path, route, STATIC_EGRESS, fix, routes=True)
    elif route == AZURE_NETWORKING and not cidrs:
        what = "sends no traffic through the gateway: defaultRoute is azureNetworking and excludeCidrs is empty"
        yield SpecFault(what, path, route, STATIC_EGRESS, fix, routes=True)
    elif route == AZURE_NETWORKING:
        what = f"sends only {', '.join(cidrs)} through the gateway: defaultRoute is azureNetworking"
        yield SpecFault(what, path, route, STATIC_EGRESS, fix, routes=True, works=True)
    elif covers_everything(networks):
        kept = [cidr for cidr in cidrs if (found := parse_cidr(cidr)) is not None and found.prefixlen > 1]
        what = "excludes the whole Internet: all traffic bypasses the gateway"
        expected = "only ranges that bypass the gateway"
        yield SpecFault(what, "spec.excludeCidrs", ", ".join(cidrs), expected, {"excludeCidrs": kept}, routes=True)
