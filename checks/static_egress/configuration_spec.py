"""What can be wrong in a StaticGatewayConfiguration's spec, field by field: the controller's own validation, and what only
the pods' network notices (kube-egress-gateway api/v1alpha1 and pkg/cni/routes; domain.md 2.1)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from checks.facts.static_egress import StaticGatewayConfiguration
from checks.model.raw_values import number, text
from checks.static_egress.prefixes import covers_everything, parse_cidr
from checks.static_egress.procedures import POOL_PLACEHOLDER

THROUGH, AROUND = "staticEgressGateway", "azureNetworking"
_PREFIX_ID = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Network/publicIPPrefixes/[^/]+", re.IGNORECASE
)
_USE_POOL: Mapping[str, object] = {"gatewayNodepoolName": POOL_PLACEHOLDER, "gatewayVmssProfile": None}


@dataclass(frozen=True, slots=True)
class SpecFault:
    """One wrong field. `what` continues the configuration's name to a sentence, `mend` is the merge patch of the spec.

    `refused`: the controller reconciles nothing of it. `routes`: it concerns routes, which running pods keep until they
    are replaced. `works`: it does what it says, which is seldom what is meant."""

    what: str
    path: str
    observed: str
    expected: str
    mend: Mapping[str, object] = field(default_factory=dict)
    refused: bool = False
    routes: bool = False
    works: bool = False


def spec_faults(configuration: StaticGatewayConfiguration) -> Iterator[SpecFault]:
    """Everything that is wrong with the spec."""
    yield from _pool(configuration)
    yield from _own_prefix(configuration)
    yield from _ranges(configuration)
    yield from _default_route(configuration)


def _pool(configuration: StaticGatewayConfiguration) -> Iterator[SpecFault]:
    pool, scale_set = configuration.pool, configuration.scale_set
    path = "spec.gatewayVmssProfile"
    if not pool and not scale_set:
        what = "names neither a node pool nor a scale set"
        yield SpecFault(what, "spec.gatewayNodepoolName", "(empty)", "a node pool", _USE_POOL, refused=True)
    elif pool and scale_set:
        seen = text(scale_set, "vmssName") or "set"
        what = "names a node pool and a scale set at once"
        yield SpecFault(what, path, seen, "only a node pool", {"gatewayVmssProfile": None}, refused=True)
    elif scale_set:
        empty = [key for key in ("vmssResourceGroup", "vmssName") if not text(scale_set, key)]
        size = number(scale_set, "publicIpPrefixSize") or 0
        for key in empty:
            what = f"names a scale set without its {key}"
            yield SpecFault(what, f"{path}.{key}", "(empty)", "a name", _USE_POOL, refused=True)
        if not 0 <= size <= 31:
            what = f"asks for a public IP prefix of size {size}"
            yield SpecFault(what, f"{path}.publicIpPrefixSize", str(size), "0 to 31", _USE_POOL, refused=True)
        elif not empty:
            what = "names a scale set, which is the open-source operator's way and not that of AKS"
            yield SpecFault(what, path, "set", "spec.gatewayNodepoolName", _USE_POOL, works=True)


def _own_prefix(configuration: StaticGatewayConfiguration) -> Iterator[SpecFault]:
    prefix, path, drop = configuration.public_ip_prefix_id, "spec.publicIpPrefixId", {"publicIpPrefixId": None}
    if prefix and not configuration.provisions_public_ips:
        what = "asks for private addresses and names a public IP prefix"
        yield SpecFault(what, path, prefix, "(empty) with provisionPublicIps false", drop, refused=True)
    elif prefix and not _PREFIX_ID.fullmatch(prefix):
        what = "names a public IP prefix by something that is no id of one"
        expected = "/subscriptions/…/resourceGroups/…/providers/Microsoft.Network/publicIPPrefixes/…"
        yield SpecFault(what, path, prefix, expected, drop, refused=True)


def _ranges(configuration: StaticGatewayConfiguration) -> Iterator[SpecFault]:
    path, cidrs = "spec.excludeCidrs", configuration.exclude_cidrs
    if bad := [cidr for cidr in cidrs if parse_cidr(cidr) is None]:
        masked = [cidr if cidr not in bad else f"{cidr}/32" for cidr in cidrs]
        mended = [cidr for cidr in masked if parse_cidr(cidr) is not None]
        named = " and ".join(f'"{cidr}"' for cidr in bad)
        what = f"excludes {named}, which {'is no CIDR' if len(bad) == 1 else 'are no CIDRs'}, so no new pod gets its routes"
        expected = ", ".join(f"{cidr}/32" if parse_cidr(f"{cidr}/32") else "a CIDR" for cidr in bad)
        yield SpecFault(what, path, ", ".join(bad), expected, {"excludeCidrs": mended})
    if six := [cidr for cidr in cidrs if (found := parse_cidr(cidr)) is not None and found.version == 6]:
        rest = [cidr for cidr in cidrs if cidr not in six]
        what = "excludes IPv6 ranges, which the gateway does not know"
        yield SpecFault(what, path, ", ".join(six), "IPv4 CIDRs", {"excludeCidrs": rest}, works=True)


def _default_route(configuration: StaticGatewayConfiguration) -> Iterator[SpecFault]:
    path, route, cidrs = "spec.defaultRoute", configuration.default_route, configuration.exclude_cidrs
    mend = {"defaultRoute": THROUGH}
    networks = [found for cidr in cidrs if (found := parse_cidr(cidr)) is not None]
    if route not in (THROUGH, AROUND):
        yield SpecFault(f"has the unknown default route {route}", path, route, THROUGH, mend, routes=True)
    elif route == AROUND and not cidrs:
        what = "sends nothing through the gateway: its default route is Azure's, and it lists no range"
        yield SpecFault(what, path, route, THROUGH, mend, routes=True)
    elif route == AROUND:
        what = f"sends only {', '.join(cidrs)} through the gateway, since its default route is Azure's"
        yield SpecFault(what, path, route, THROUGH, mend, routes=True, works=True)
    elif covers_everything(networks):
        kept = [cidr for cidr in cidrs if (found := parse_cidr(cidr)) is not None and found.prefixlen > 1]
        what = "excludes the whole Internet, so all traffic goes past the gateway"
        expected = "only ranges that are reached without the gateway"
        yield SpecFault(what, "spec.excludeCidrs", ", ".join(cidrs), expected, {"excludeCidrs": kept}, routes=True)
