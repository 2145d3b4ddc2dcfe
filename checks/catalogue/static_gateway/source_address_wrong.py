"""EG413: a destination sees another source IP address than the egress IP prefix.

The check sends no request to a destination; it offers the command that does.
"""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.model.commands import TSG, change, kubectl
from checks.model.findings import Observation, Severity, skip

_IMAGE = "curlimages/curl"


@check(
    code="EG413",
    title="Traffic leaves from an address outside the egress IP prefix",
    severity=Severity.BLOCKS,
    hop="internet",
    article=("SEG-4",),
    reads=(StaticGatewayConfiguration, Pod, Deployment),
)
def source_address_wrong(facts: Facts) -> Iterator[Observation]:
    """What it checks: nothing yet. It offers the article's request from inside a gateway pod, which shows the source IP
    address that a destination sees.

    Why it matters: only this request proves which address traffic leaves from. An address of the egress IP prefix is right.
    The cluster's default outbound address means that the annotation has no effect. Any other address means that a firewall
    or a route table translates it. No response points to the static egress layer.

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
    pods = () if facts.gap(Pod, gateway.namespace) or facts.gap(Deployment, gateway.namespace) else facts.pods()
    pod = next((p.name for p in pods if p.ready), pods[0].name if pods else "POD")
    yield skip(
        "The source IP address is not probed; the command below shows it"
        + (f". Expected: an address of {prefix}." if prefix else f" ({why})."),
        actions=[
            change(
                "Request the source IP address that a destination sees, from inside a gateway pod"
                + (" (replace POD with the name of a gateway pod)" if pod == "POD" else ""),
                kubectl(
                    "debug",
                    "-it",
                    "--image",
                    _IMAGE,
                    pod,
                    *("-n", gateway.namespace, "--", "curl", "-sS", "-m", "10", "https://ifconfig.me"),
                ),
                TSG,
                f"an address of {prefix or 'the egress IP prefix'}. The article first sets outboundTrafficPolicy to "
                "ALLOW_ANY; gateway pods do not redirect traffic, so try without it. The container remains until the pod "
                "is replaced",
            )
        ],
    )
