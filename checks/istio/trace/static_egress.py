"""The hop from the gateway's pods through the static egress gateway.

The source address behind it is the one that destinations see.
"""

from dataclasses import dataclass

from checks.facts.fact import Unreadable
from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.istio.trace.source_address import node_source
from checks.model.route import Decision, Hop, HopName, Mark
from checks.static_egress.configuration import NotApplicable, gateway_configuration
from checks.static_egress.prefixes import covers_everything, parse_cidr

_ANNOTATION = "metadata.annotations[kubernetes.azure.com/static-gateway-configuration]"
_AZURE_ROUTE = "azureNetworking"
"""The default route of a StaticGatewayConfiguration that leaves most ranges to Azure.

The static egress gateway then routes only the ranges that the configuration lists.
"""


@dataclass(frozen=True, slots=True)
class StaticEgress:
    """The hop, and the source address that a destination sees.

    The address is "" if it is not known or if nothing arrives.
    """

    hop: Hop
    address: str = ""


def static_egress(facts: Facts, *, outside: bool) -> StaticEgress:
    """The hop of requests from the gateway.

    `outside` is set if the destination is outside the cluster.
    """
    if not outside:
        message = "not used: the destination is in the cluster"
        return StaticEgress(Hop(HopName.STATIC_EGRESS, Mark.PASSES, message), "the gateway pod's own address")
    try:
        found = gateway_configuration(facts)
        return _not_applicable(found) if isinstance(found, NotApplicable) else _configured(facts, found)
    except Unreadable as unread:
        return StaticEgress(Hop(HopName.STATIC_EGRESS, Mark.UNKNOWN, f"not checked: {unread.gap}"))


def _not_applicable(found: NotApplicable) -> StaticEgress:
    return StaticEgress(_breaks(found.reason.rstrip("."), (), "no-prefix", "EG405"))


def _breaks(message: str, shown: tuple[Decision, ...], fault: str, code: str) -> Hop:
    return Hop(HopName.STATIC_EGRESS, Mark.BREAKS, message, shown, (), (), fault, code)


def _leaves(message: str, shown: tuple[Decision, ...], fault: str, code: str, address: str) -> StaticEgress:
    return StaticEgress(Hop(HopName.STATIC_EGRESS, Mark.LEAVES, message, shown, (), (), fault, code), address)


def _configured(facts: Facts, found: StaticGatewayConfiguration) -> StaticEgress:
    pod = next((each for each in facts.pods() if each.static_gateway_configuration != found.name), None)
    if pod is not None:
        named = pod.static_gateway_configuration
        shown = (Decision(pod.ref, _ANNOTATION, named or "(none)", f"{found.name} is expected"),)
        return _leaves(f"{pod.ref} does not use {found.ref}", shown, "no-annotation", "EG404", _address(facts, pod))
    if not found.egress_prefix:
        shown = (Decision(found.ref, "status.egressIpPrefix", "(empty)", "Azure has not assigned one"),)
        return StaticEgress(_breaks(f"{found.ref} has no egress IP prefix yet", shown, "no-prefix", "EG405"))
    return _routed(facts, found)


def _address(facts: Facts, pod: Pod) -> str:
    named = pod.static_gateway_configuration
    if not named:
        return node_source(facts)
    known = facts.readable(StaticGatewayConfiguration, pod.namespace)
    prefix = next((each.egress_prefix for each in known if each.name == named), "")
    return f"{prefix or 'an unassigned prefix'} of StaticGatewayConfiguration {pod.namespace}/{named}"


def _routed(facts: Facts, found: StaticGatewayConfiguration) -> StaticEgress:
    shown: tuple[Decision, ...] = (
        Decision(found.ref, "spec.gatewayNodepoolName", found.pool),
        Decision(found.ref, "status.egressIpPrefix", found.egress_prefix),
    )
    ranges = [network for each in found.exclude_cidrs if (network := parse_cidr(each)) is not None]
    listed, only_listed = ", ".join(found.exclude_cidrs), found.default_route == _AZURE_ROUTE
    if only_listed and not covers_everything(ranges):
        only = f"only traffic to {listed} uses it" if listed else "no traffic uses it"
        route = Decision(found.ref, "spec.defaultRoute", found.default_route, only)
        return _leaves(f"{found.ref}: {only}", (*shown, route), "not-default", "EG412", node_source(facts))
    if not only_listed and covers_everything(ranges):
        excluded = Decision(found.ref, "spec.excludeCidrs", listed, "the whole Internet is excluded")
        message = f"{found.ref} excludes every address"
        return _leaves(message, (*shown, excluded), "not-default", "EG412", node_source(facts))
    if listed and not only_listed:
        why = "traffic to these addresses leaves from the node"
        shown = (*shown, Decision(found.ref, "spec.excludeCidrs", listed, why))
    message = f"through gateway node pool {found.pool}"
    return StaticEgress(Hop(HopName.STATIC_EGRESS, Mark.PASSES, message, shown), found.egress_prefix)
