"""Tunnels of a DestinationRule: bytes inside a CONNECT or POST request."""

from checks.istio.mesh.destination_rules import MergedRule
from checks.model.raw_values import Raw, mapping, text


def tunnel_of(rule: MergedRule | None, subset: str) -> tuple[str, bool]:
    """The authority of the CONNECT request ("" without a tunnel), and whether POST is used.

    A subset has only its own tunnel.
    """
    if rule is None:
        return "", False
    of_subset: Raw = rule.subsets[subset][0] if subset in rule.subsets else {}
    tunnel = mapping(of_subset, "trafficPolicy", "tunnel") if subset else mapping(rule.policy or {}, "tunnel")
    if not tunnel:
        return "", False
    return f"{text(tunnel, 'targetHost')}:{text(tunnel, 'targetPort')}", text(tunnel, "protocol").upper() == "POST"
