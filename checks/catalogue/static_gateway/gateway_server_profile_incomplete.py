"""EG406: the StaticGatewayConfiguration lacks fields that gateway nodes need.

It has a prefix, but gateway nodes cannot serve it.
"""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.agent_pools import AgentPool
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.commands import SEGDOC, inspect, kubectl
from checks.model.findings import Evidence, Involved, Observation, Severity, fail, healthy, skip
from checks.static_egress.gateway_configuration import CONTROLLER, NotApplicable, gateway_configuration
from checks.static_egress.procedures import describe, new_configuration


@check(
    code="EG406",
    title="The StaticGatewayConfiguration's gateway server profile is incomplete",
    severity=Severity.BLOCKS,
    article=("SEG-2",),
    reads=(StaticGatewayConfiguration, AgentPool, ManagedCluster),
    explains={
        "gateway-dataplane-not-ready": (
            "the gateway daemon serves a StaticGatewayConfiguration only with address, port and both keys"
        ),
    },
)
def gateway_server_profile_incomplete(facts: Facts) -> Iterator[Observation]:
    """What it checks: ip, port, publicKey and privateKeySecretRef in status.gatewayServerProfile of a
    StaticGatewayConfiguration that has a prefix. An incomplete profile is normal before the prefix is assigned.

    Why it matters: a pod starts when the prefix is assigned, but gateway nodes serve the SGC only with all four fields.
    Until then the pod runs and every request times out.

    What usually fixes it: waiting for the controller; after that, a new SGC.

    Source: article SEG-2; kube-egress-gateway controllers/daemon."""
    configuration = gateway_configuration(facts)
    if isinstance(configuration, NotApplicable):
        yield skip(configuration.reason)
        return
    if not configuration.egress_prefix:
        yield skip(f"{configuration.ref} has no egress IP prefix yet (egress-prefix-unassigned).")
        return
    missing = configuration.server.missing
    if not missing:
        yield healthy(f"The gateway server profile of {configuration.ref} is complete.")
        return
    yield fail(
        f"The gateway server profile of {configuration.ref} lacks {', '.join(missing)}.",
        subject=configuration.ref,
        evidence=[
            Evidence(configuration.ref, f"status.gatewayServerProfile.{field}", "(empty)", _EXPECTED[field])
            for field in missing
        ],
        actions=[
            inspect(
                "Show the StaticGatewayConfiguration with its load balancer and node objects",
                kubectl(
                    "get",
                    "staticgatewayconfiguration,gatewaylbconfiguration,gatewayvmconfiguration",
                    configuration.name,
                    "--ignore-not-found",
                    "-o",
                    "yaml",
                    namespace=configuration.namespace,
                ),
                SEGDOC,
            ),
            describe(configuration),
            *new_configuration(facts, configuration),
        ],
        about=[Involved("component", CONTROLLER)],
    )


_EXPECTED = {
    "ip": "the load balancer's address",
    "port": "6000 to 6999",
    "publicKey": "a WireGuard key",
    "privateKeySecretRef": "the Secret of the private key",
}
