"""The connections of a pod that its sidecar intercepts.

Annotations of the pod include or exclude ranges and ports.
"""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address, ip_network

from checks.istio.mesh.objects.hosts import is_address

_EXCLUDE, _INCLUDE = "traffic.sidecar.istio.io/excludeOutbound", "traffic.sidecar.istio.io/includeOutbound"


def is_intercepted(annotations: Mapping[str, str], address: str, port: int) -> bool:
    """Whether the sidecar intercepts a connection.

    A name stands for any address outside the ranges that the annotations list.
    """
    if str(port) in _listed(annotations, f"{_EXCLUDE}Ports"):
        return False
    if _within(address, _listed(annotations, f"{_EXCLUDE}IPRanges")):
        return False
    if str(port) in _listed(annotations, f"{_INCLUDE}Ports"):
        return True
    if f"{_INCLUDE}IPRanges" not in annotations:
        return True
    return _within(address, _listed(annotations, f"{_INCLUDE}IPRanges"))


def outbound_ranges(annotations: Mapping[str, str]) -> list[str]:
    """The ranges of addresses that the annotations exclude or include."""
    return [*_listed(annotations, f"{_EXCLUDE}IPRanges"), *_listed(annotations, f"{_INCLUDE}IPRanges")]


def _listed(annotations: Mapping[str, str], name: str) -> list[str]:
    return [each.strip() for each in annotations.get(name, "").split(",") if each.strip()]


def _within(address: str, ranges: Iterable[str]) -> bool:
    networks = []
    for each in ranges:
        if each == "*":
            return True
        try:
            networks.append(ip_network(each, strict=False))
        except ValueError:
            continue
    if any(each.version == 4 and each.prefixlen == 0 for each in networks):
        return True
    return is_address(address) and any(ip_address(address) in each for each in networks)
