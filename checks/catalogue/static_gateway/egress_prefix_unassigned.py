"""EG405."""

from collections.abc import Iterator
from datetime import timedelta

from checks.check import check
from checks.commands import SEGDOC, TSG, kubectl, look
from checks.facts.kubernetes import Event
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.findings import Evidence, Observation, Severity, fail, healthy, skip, warn

GRACE = timedelta(minutes=5)
"""The article: "about five minutes" from creation to an egress prefix."""


@check(
    code="EG405",
    title="The gateway configuration has no egress IP prefix",
    severity=Severity.BLOCKS,
    article=("SEG-2",),
    reads=(StaticGatewayConfiguration, Event),
    explains={
        "gateway-pods-not-running": "without a prefix the pods get no network",
    },
)
def egress_prefix_unassigned(facts: Facts) -> Iterator[Observation]:
    """What it looks at: …"""
    gateway = facts.gateway
    configuration = facts.get(StaticGatewayConfiguration, gateway.configuration, gateway.namespace)
    if configuration is None:
        yield skip("There is no configuration to look at.")
        return
    if configuration.egress_prefix:
        yield healthy(f"{configuration.ref} has the egress prefix {configuration.egress_prefix}.")
        return
    evidence = [Evidence(configuration.ref, "status.egressIpPrefix", "(empty)", "an IPv4 CIDR")]
    actions = [look("Events", kubectl("describe", "x", configuration.name, namespace=configuration.namespace), SEGDOC)]
    age = facts.now - (configuration.created or facts.now)
    if age < GRACE and not facts.events_on(configuration):
        yield warn(
            f"{configuration.ref} waits for its prefix.",
            subject=configuration.ref,
            evidence=evidence,
            actions=actions,
            pending=True,
        )
        return
    yield fail(f"{configuration.ref} has no prefix.", subject=configuration.ref, evidence=evidence, actions=[*actions, look("TSG", "", TSG)])
