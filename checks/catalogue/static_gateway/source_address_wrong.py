"""EG413: a destination sees another source IP address than the egress IP prefix.

The check evaluates the result of a probe; without one it offers the command that sends the request.
"""

from collections.abc import Iterator, Sequence

from checks.actions.plan import ActionKind
from checks.actions.probe_evidence import PROBE_READS, probe_observation
from checks.engine.check import Because, check
from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.model.commands import TSG, change, kubectl
from checks.model.findings import Action, Observation, Severity, skip
from checks.static_egress.probe_results import newest_probe
from checks.static_egress.procedures import restart_gateway

_IMAGE = "curlimages/curl"


@check(
    code="EG413",
    title="Traffic leaves from an address outside the egress IP prefix",
    severity=Severity.BLOCKS,
    hop="internet",
    article=("SEG-4",),
    reads=(*PROBE_READS, Pod, Deployment),
    explains={
        "traffic-failing": Because("destinations reject requests from an address that they do not allow", succeeds=True)
    },
)
def source_address_wrong(facts: Facts) -> Iterator[Observation]:
    """What it checks: the result of the last probe from a gateway pod (`egress-diag probe --from gateway`) of the last
    hour, if this pod still exists, and the StaticGatewayConfiguration and its prefix are those that were probed: the
    source IP address that a destination returned, against the egress IP prefix. It fails for another address, and if no
    connection could be made. Without a probe it does not apply, and offers the
    article's request from inside a gateway pod.

    Why it matters: only this request proves which address traffic leaves from. An address of the egress IP prefix is right.
    An outbound address of the cluster means that the annotation has no effect. Any other address means that a firewall
    or NAT gateway translates it. The finding compares it with the public IPs of the cluster's load balancer or NAT
    gateway; if they are not readable, it says what is possible with the outbound type. No response points to the static
    egress layer.

    What usually fixes it: the fixes of the other static gateway checks; otherwise a restart of the gateway.

    Source: article SEG-4."""
    gateway = facts.gateway
    found = facts.readable(StaticGatewayConfiguration, gateway.namespace)
    prefix = next((c.egress_prefix for c in found if c.name == gateway.configuration and c.egress_prefix), "")
    unreadable = facts.gap(StaticGatewayConfiguration, gateway.namespace) is not None
    why = (
        "the egress IP prefix to compare it with is not readable"
        if unreadable
        else "no egress IP prefix is assigned to compare it with"
    )
    unread = facts.gap(Pod, gateway.namespace) or facts.gap(Deployment, gateway.namespace)
    pods = () if unread else facts.pods()
    by_hand = [_by_hand(facts, pods, prefix)] if pods or unread else []
    if newest_probe(facts, ActionKind.PROBE_GATEWAY) is not None:
        # A result counts only as long as its pod exists.
        facts.deployments()
        pods = facts.pods()
    shown = "; the command of this check shows it" if by_hand else ": the gateway has no pod"
    living = {each.name for each in pods}
    yield probe_observation(facts, ActionKind.PROBE_GATEWAY, by_hand, restart_gateway(facts), living) or skip(
        f"The source IP address is not probed{shown}"
        + (f". Expected: an address of {prefix}." if prefix else f" ({why})."),
        actions=by_hand,
    )


def _by_hand(facts: Facts, pods: Sequence[Pod], prefix: str) -> Action:
    gateway = facts.gateway
    pod = next((p.name for p in pods if p.ready), pods[0].name if pods else "POD")
    return change(
        "Request the source IP address that a destination sees, from inside a gateway pod"
        + (" (replace POD with the name of a gateway pod)" if pod == "POD" else ""),
        kubectl(
            *("debug", "-it", "--image", _IMAGE, pod, "-n", gateway.namespace),
            *("--", "curl", "-sS", "-m", "10", "https://ifconfig.me"),
        ),
        TSG,
        f"an address of {prefix or 'the egress IP prefix'}. The article first sets outboundTrafficPolicy to "
        "ALLOW_ANY; gateway pods do not redirect traffic, so try without it",
    )
