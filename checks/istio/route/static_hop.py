"""The last stretch: from the gateway's pods through their static egress to the destination, and the address it then carries."""

from datetime import timedelta

from checks.facts.fact import Unreadable
from checks.facts.logs import ProxyLog
from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.istio.route.access_lines import newest_flag
from checks.istio.route.addresses import node_address
from checks.istio.route.obstacles import Blocked, Obstacle
from checks.istio.route.walk import Walk
from checks.model.route import Decision, HopName
from checks.static_egress.configuration import NotApplicable, gateway_configuration
from checks.static_egress.prefixes import covers_everything, parse_cidr

ANNOTATION = "metadata.annotations[kubernetes.azure.com/static-gateway-configuration]"
FRESH = timedelta(hours=1)
"""How old the newest access log line may be to stand for what requests meet now."""

AZURE = "azureNetworking"
"""The default route with which a configuration takes only the ranges that it lists."""


def static_egress(facts: Facts, walk: Walk, *, outside: bool) -> None:
    """Adds the hops from the gateway's pods to the destination. `outside`: whether the destination is outside of the
    cluster; to a Service of the cluster no static egress is used."""
    if not outside:
        walk.passes(HopName.STATIC_EGRESS, "not used: the destination is in the cluster")
        walk.address = "the gateway pod's own address"
        return
    try:
        found = gateway_configuration(facts)
        _configured(facts, walk, found)
    except Unreadable as gap:
        walk.unknown(HopName.STATIC_EGRESS, gap, ends=False)
        walk.address = ""


def _configured(facts: Facts, walk: Walk, found: StaticGatewayConfiguration | NotApplicable) -> None:
    gateway = facts.gateway
    if isinstance(found, NotApplicable):
        cause = Blocked(Obstacle.NO_PREFIX, text=gateway.configuration)
        walk.breaks(HopName.STATIC_EGRESS, cause, found.reason.rstrip("."))
        return
    pod = _unannotated(facts)
    if pod is not None:
        named = pod.static_gateway_configuration
        cause = Blocked(Obstacle.NO_ANNOTATION, pod, (found,), text=named)
        shown = [Decision(pod.ref, ANNOTATION, named or "(none)", f"{found.name} is expected")]
        if named:
            other = next(
                (c for c in facts.readable(StaticGatewayConfiguration, pod.namespace) if c.name == named), None
            )
            address = other.egress_prefix if other is not None else ""
            address = f"{address or 'an unassigned prefix'} of StaticGatewayConfiguration {pod.namespace}/{named}"
        else:
            address = node_address(facts)
        says = f"{pod.ref} does not use {found.ref}"
        walk.leaves(HopName.STATIC_EGRESS, cause, says, address, shown)
        return
    if not found.egress_prefix:
        shown = [Decision(found.ref, "status.egressIpPrefix", "(empty)", "Azure has not assigned one")]
        walk.breaks(
            HopName.STATIC_EGRESS, Blocked(Obstacle.NO_PREFIX, found), f"{found.ref} has no egress IP prefix yet", shown
        )
        return
    _routed(facts, walk, found)


def _routed(facts: Facts, walk: Walk, found: StaticGatewayConfiguration) -> None:
    shown = [
        Decision(found.ref, "spec.gatewayNodepoolName", found.pool),
        Decision(found.ref, "status.egressIpPrefix", found.egress_prefix),
    ]
    ranges = [network for each in found.exclude_cidrs if (network := parse_cidr(each)) is not None]
    listed = ", ".join(found.exclude_cidrs)
    around = found.default_route == AZURE
    if around and not covers_everything(ranges):
        cause = Blocked(Obstacle.NOT_DEFAULT, found, text="spec.defaultRoute")
        only = f"only traffic to {listed} uses it" if listed else "no traffic uses it"
        shown.append(Decision(found.ref, "spec.defaultRoute", found.default_route, only))
        walk.leaves(HopName.STATIC_EGRESS, cause, f"{found.ref}: {only}", node_address(facts), shown)
        return
    if not around and covers_everything(ranges):
        cause = Blocked(Obstacle.NOT_DEFAULT, found, text="spec.excludeCidrs")
        shown.append(Decision(found.ref, "spec.excludeCidrs", listed, "the whole Internet is excluded"))
        walk.leaves(HopName.STATIC_EGRESS, cause, f"{found.ref} excludes every address", node_address(facts), shown)
        return
    if listed and not around:
        shown.append(
            Decision(found.ref, "spec.excludeCidrs", listed, "traffic to these addresses leaves from the node")
        )
    walk.passes(HopName.STATIC_EGRESS, f"through gateway node pool {found.pool}", shown)
    walk.address = found.egress_prefix


def _unannotated(facts: Facts) -> Pod | None:
    """A pod of the gateway that uses another configuration than the gateway's, or none."""
    wanted = facts.gateway.configuration
    return next((pod for pod in facts.pods() if pod.static_gateway_configuration != wanted), None)


def arrive(facts: Facts, walk: Walk, name: str, port: int) -> None:
    """Adds the destination: what it sees, and what the gateway's access log last said about it."""
    line = newest_flag(facts.readable(ProxyLog, facts.gateway.namespace), name, port)
    shown = [Decision(line.log, "newest log line", line.said)] if line is not None else []
    fresh = line is not None and line.at is not None and facts.now - line.at < FRESH
    if line is not None and fresh and line.flag == "UH":
        says = f"the gateway has no address for {name}: the newest request in its access log got 503 (UH)"
        walk.breaks(HopName.DESTINATION, Blocked(Obstacle.NO_ANSWER, text=name), says, shown)
        return
    doubts = (
        [f"its newest request there ended with {line.flag}: {line.meaning}"] if line is not None and line.flag else []
    )
    seen = f"sees an address of {walk.address}" if "/" in walk.address.split(" ")[0] else f"sees {walk.address}"
    if not walk.address:
        walk.unknown(HopName.DESTINATION, f"{name}:{port} sees an address that is not readable", ends=False)
        return
    walk.passes(HopName.DESTINATION, f"{name}:{port} {seen}", shown, doubts=doubts)
