"""The hop from the gateway's pods through the static egress gateway.

The source address behind it is the one that destinations see.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from checks.azure.outbound_destinations import OutboundDestination
from checks.azure.subnet_effects import EffectKind, subnet_effect
from checks.facts.fact import Unreadable
from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.istio.trace.source_address import (
    PRIVATE_ADDRESS,
    EgressAddress,
    PodAddress,
    SourceAddress,
    SubnetAddress,
    node_source,
)
from checks.model.route import Decision, Hop, HopName, Mark
from checks.static_egress.gateway_configuration import NotApplicable, gateway_configuration
from checks.static_egress.prefixes import containing, covers_everything, parse_cidr

_ANNOTATION = "metadata.annotations[kubernetes.azure.com/static-gateway-configuration]"
_AZURE_ROUTE = "azureNetworking"
"""The default route of a StaticGatewayConfiguration that leaves most ranges to Azure.

The static egress gateway then routes only the ranges that the configuration lists.
"""


class EgressFault(Enum):
    """A fault of this hop: its name in JSON, and the slug of the check that reports it."""

    NO_PREFIX = ("no-prefix", "egress-prefix-unassigned")
    NO_ANNOTATION = ("no-annotation", "annotation-mismatch")
    NOT_DEFAULT = ("not-default", "gateway-configuration-invalid")
    DENIED = ("rule-denies", "egress-range-blocked")
    DROPPED = ("route-drops", "egress-range-blocked")
    SERVICE_ENDPOINT = ("service-endpoint", "egress-range-blocked")
    APPLIANCE = ("route-redirects", "egress-range-blocked")
    NAT_GATEWAY = ("nat-gateway", "egress-range-blocked")

    def __init__(self, cause: str, check: str) -> None:
        self.cause = cause
        self.check = check


@dataclass(frozen=True, slots=True)
class StaticEgress:
    """The hop, and the source address that a destination sees.

    The address is None if it is not known or if nothing arrives.
    """

    hop: Hop
    address: SourceAddress | None = None


def static_egress(
    facts: Facts, codes: Mapping[str, str], destination: OutboundDestination, *, outside: bool
) -> StaticEgress:
    """The hop of requests from the gateway to a destination.

    `codes` are the checks' codes by slug. `outside` is set if the destination is outside the cluster.
    """
    if not outside:
        message = "not used: the destination is in the cluster"
        return StaticEgress(Hop(HopName.STATIC_EGRESS, Mark.PASSES, message), PodAddress())
    try:
        found = gateway_configuration(facts)
        if isinstance(found, NotApplicable):
            cause = EgressFault.NO_PREFIX.cause
            return StaticEgress(_stops(Mark.BREAKS, found.statement, (), cause, codes.get(found.fault, "")))
        return _configured(facts, found, codes, destination)
    except Unreadable as unread:
        return StaticEgress(Hop(HopName.STATIC_EGRESS, Mark.UNKNOWN, f"not checked: {unread.gap}"))


def _stops(mark: Mark, message: str, shown: tuple[Decision, ...], cause: str, code: str) -> Hop:
    return Hop(HopName.STATIC_EGRESS, mark, message, shown, cause=cause, finding=code)


def _leaves(
    fault: EgressFault, codes: Mapping[str, str], message: str, shown: tuple[Decision, ...], address: SourceAddress
) -> StaticEgress:
    return StaticEgress(_stops(Mark.LEAVES, message, shown, fault.cause, codes.get(fault.check, "")), address)


def _configured(
    facts: Facts, found: StaticGatewayConfiguration, codes: Mapping[str, str], destination: OutboundDestination
) -> StaticEgress:
    pod = next((each for each in facts.pods() if each.static_gateway_configuration != found.name), None)
    if pod is not None:
        named = pod.static_gateway_configuration
        shown = (Decision(pod.ref, _ANNOTATION, named or "(none)", f"{found.name} is expected"),)
        message = f"{pod.ref} does not use {found.ref}"
        return _leaves(EgressFault.NO_ANNOTATION, codes, message, shown, _address(facts, pod))
    if not found.egress_prefix:
        shown = (Decision(found.ref, "status.egressIpPrefix", "(empty)", "Azure has not assigned one"),)
        message = f"{found.ref} has no egress IP prefix yet"
        fault = EgressFault.NO_PREFIX
        return StaticEgress(_stops(Mark.BREAKS, message, shown, fault.cause, codes.get(fault.check, "")))
    return _routed(facts, found, codes, destination)


def _address(facts: Facts, pod: Pod) -> SourceAddress:
    named = pod.static_gateway_configuration
    if not named:
        return node_source(facts)
    known = facts.readable(StaticGatewayConfiguration, pod.namespace)
    prefix = next((each.egress_prefix for each in known if each.name == named), "")
    return EgressAddress(prefix, f"StaticGatewayConfiguration {pod.namespace}/{named}")


def _routed(
    facts: Facts, found: StaticGatewayConfiguration, codes: Mapping[str, str], destination: OutboundDestination
) -> StaticEgress:
    shown: tuple[Decision, ...] = (
        Decision(found.ref, "spec.gatewayNodepoolName", found.pool),
        Decision(found.ref, "status.egressIpPrefix", found.egress_prefix),
    )
    ranges = [network for each in found.exclude_cidrs if (network := parse_cidr(each)) is not None]
    listed, only_listed = ", ".join(found.exclude_cidrs), found.default_route == _AZURE_ROUTE
    if only_listed and not covers_everything(ranges):
        only = f"only traffic to {listed} uses it" if listed else "no traffic uses it"
        route = Decision(found.ref, "spec.defaultRoute", found.default_route, only)
        return _leaves(EgressFault.NOT_DEFAULT, codes, f"{found.ref}: {only}", (*shown, route), node_source(facts))
    if not only_listed and covers_everything(ranges):
        excluded = Decision(found.ref, "spec.excludeCidrs", listed, "the whole Internet is excluded")
        message = f"{found.ref} excludes every address"
        return _leaves(EgressFault.NOT_DEFAULT, codes, message, (*shown, excluded), node_source(facts))
    if not only_listed and (excluded_range := containing(found.exclude_cidrs, str(destination.address))):
        excluded = Decision(found.ref, "spec.excludeCidrs", excluded_range, f"it contains {destination.address}")
        fault = EgressFault.NOT_DEFAULT
        message = f"{found.ref} excludes {destination.address}: the gateway's pods send to it from their node"
        hop = _stops(Mark.DOUBTS, message, (*shown, excluded), fault.cause, codes.get(fault.check, ""))
        return StaticEgress(hop, node_source(facts))
    if listed and not only_listed:
        why = "traffic to these addresses leaves from the node"
        shown = (*shown, Decision(found.ref, "spec.excludeCidrs", listed, why))
    return _beyond(facts, found, codes, destination, shown)


def _beyond(
    facts: Facts,
    found: StaticGatewayConfiguration,
    codes: Mapping[str, str],
    destination: OutboundDestination,
    shown: tuple[Decision, ...],
) -> StaticEgress:
    """The hop with what the gateway node pool's subnet does to the requests."""
    message = f"through gateway node pool {found.pool}"
    effect = subnet_effect(facts, found, destination)
    if effect is None:
        private = found.provisions_public_ips and not destination.is_public
        address = PRIVATE_ADDRESS if private else EgressAddress(found.egress_prefix)
        return StaticEgress(Hop(HopName.STATIC_EGRESS, Mark.PASSES, message, shown), address)
    fault, evidence = EgressFault[effect.kind.name], effect.evidence
    code = codes.get(fault.check, "")
    if not effect.seen:
        why = "denies the requests" if effect.kind is EffectKind.DENIED else "drops the requests"
        shown = (*shown, Decision(evidence.resource, evidence.field, evidence.observed, f"it {why}"))
        return StaticEgress(_stops(Mark.BREAKS, f"{message}, where {effect.by} {why}", shown, fault.cause, code))
    chosen = effect.by if effect.kind is EffectKind.NAT_GATEWAY else evidence.observed
    shown = (*shown, Decision(evidence.resource, evidence.field, chosen, "it replaces the source address"))
    hop = _stops(Mark.DOUBTS, f"{message}, and then {effect.by}", shown, fault.cause, code)
    return StaticEgress(hop, SubnetAddress(effect.seen))
