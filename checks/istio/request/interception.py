"""The connections of a pod that its sidecar intercepts.

Annotations of the pod include or exclude ranges and ports.
"""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address, ip_network

from checks.istio.mesh.objects.hosts import is_address, is_public

_EXCLUDE, _INCLUDE = "traffic.sidecar.istio.io/excludeOutbound", "traffic.sidecar.istio.io/includeOutbound"


def is_intercepted(annotations: Mapping[str, str], address: str, port: int) -> bool | None:
    """Whether the sidecar intercepts a connection.

    None means that it depends on the address of a name, which is not known.
    """
    if str(port) in _listed(annotations, f"{_EXCLUDE}Ports"):
        return False
    excluded = _within(address, _listed(annotations, f"{_EXCLUDE}IPRanges"))
    if excluded is not False:
        return None if excluded is None else False
    if str(port) in _listed(annotations, f"{_INCLUDE}Ports"):
        return True
    if f"{_INCLUDE}IPRanges" not in annotations:
        return True
    included = _listed(annotations, f"{_INCLUDE}IPRanges")
    return "*" in included or _within(address, included)


def _listed(annotations: Mapping[str, str], name: str) -> list[str]:
    return [each.strip() for each in annotations.get(name, "").split(",") if each.strip()]


def _within(address: str, ranges: Iterable[str]) -> bool | None:
    networks = []
    for each in ranges:
        if each == "*":
            return True
        try:
            networks.append(ip_network(each, strict=False))
        except ValueError:
            continue
    if not networks:
        return False
    if any(each.version == 4 and each.prefixlen == 0 for each in networks):
        return True
    if not is_address(address):
        # A name outside the cluster has a public address.
        return None if any(is_public(str(each)) for each in networks) else False
    return any(ip_address(address) in each for each in networks)
