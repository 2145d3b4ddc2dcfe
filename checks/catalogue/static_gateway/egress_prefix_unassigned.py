"""EG405: Azure has not assigned an egress IP prefix.

The gateway's StaticGatewayConfiguration has none.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from checks.engine.check import Because, check
from checks.facts.agent_pools import AgentPool
from checks.facts.events import Event
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.network_resources import Subnet
from checks.facts.static_egress import GatewayLBConfiguration, GatewayVMConfiguration, StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.controller_events import current_errors
from checks.knowledge.controller_texts import event_cause, event_line
from checks.knowledge.sandbox_errors import sandbox
from checks.kubernetes.times_of_faults import first_of
from checks.model.durations import span
from checks.model.findings import Evidence, Involved, Observation, Severity, fail, healthy, skip, unknown, warn
from checks.static_egress.controller_reports import (
    controller_fixes,
    event_evidence,
    main_cause,
    provisioned_parts,
    show_reports,
)
from checks.static_egress.gateway_configuration import CONTROLLER, NotApplicable, gateway_configuration
from checks.static_egress.prefixes import parse_egress_prefix
from checks.static_egress.procedures import new_configuration
from checks.static_egress.subnet_fixes import other_subnet

GRACE = timedelta(minutes=5)
"""Azure's usual time to assign a prefix (article SEG-2).

It counts from creation or the last edit of the spec.
"""


@check(
    code="EG405",
    title="The StaticGatewayConfiguration has no egress IP prefix",
    severity=Severity.BLOCKS,
    article=("SEG-2",),
    partly=("SEG-7",),
    reads=(
        StaticGatewayConfiguration,
        Event,
        GatewayLBConfiguration,
        GatewayVMConfiguration,
        AgentPool,
        Subnet,
        ManagedCluster,
    ),
    explains={
        "pod-network-setup-fails": Because("pod network setup waits for the prefix", share="sandbox"),
        "gateway-pods-not-running": Because(
            "gateway pods get no network without a prefix, so they never start", share="sandbox"
        ),
        "deployment-not-available": "no gateway pod starts before the prefix is assigned, so none becomes available",
        "gateway-server-profile-incomplete": "the controller writes the prefix last, after the server profile",
        "gateway-dataplane-not-ready": "gateway nodes serve a StaticGatewayConfiguration only after it has a prefix",
        "traffic-failing": "gateway nodes serve a StaticGatewayConfiguration only after it has a prefix",
    },
)
def egress_prefix_unassigned(facts: Facts) -> Iterator[Observation]:
    """What it checks: status.egressIpPrefix of the gateway's StaticGatewayConfiguration, its age since creation or the
    last edit of its spec, and the controller's warning events. An SGC without a prefix is pending for the first 5
    minutes. It fails after that, or at once if a current warning gives the reason. A warning is current until the same
    controller reports a success; the event Reconciling says nothing about health. An SGC with a prefix and a current
    warning warns.

    Why it matters: traffic leaves from the addresses of this prefix. Without it no gateway pod gets a network.

    What usually fixes it: the fault that the controller's warning names: the node pool, the public IP prefix of your
    own, a quota, a policy, a lock. If no warning names one, a new SGC.

    Source: article SEG-2 and SEG-7; kube-egress-gateway controllers/manager."""
    configuration = gateway_configuration(facts)
    if isinstance(configuration, NotApplicable):
        yield skip(configuration.reason)
    elif configuration.egress_prefix:
        yield _assigned(facts, configuration)
    else:
        yield from _missing(facts, configuration)


def _assigned(facts: Facts, configuration: StaticGatewayConfiguration) -> Observation:
    prefix = configuration.egress_prefix
    evidence = [Evidence(configuration.ref, "status.egressIpPrefix", prefix)]
    if not parse_egress_prefix(prefix):
        return warn(
            f'Invalid egress IP prefix "{prefix}" in {configuration.ref}: neither a CIDR nor a list of addresses.',
            subject=configuration.ref,
            evidence=[Evidence(configuration.ref, "status.egressIpPrefix", prefix, "an IPv4 CIDR")],
            actions=show_reports(configuration),
        )
    if warnings := current_errors(facts.events_on(configuration)):
        cause = main_cause(warnings)
        meaning = cause.reason if cause is not None else warnings[0].message
        return warn(
            f"{configuration.ref} has egress IP prefix {prefix}, but its controller reports: {meaning}.",
            subject=configuration.ref,
            evidence=[*evidence, *event_evidence(configuration, warnings)],
            actions=[*show_reports(configuration), *controller_fixes(facts, warnings)],
            since=first_of(each.first for each in warnings),
        )
    return healthy(f"{configuration.ref} has egress IP prefix {prefix}.", evidence=evidence)


def _missing(facts: Facts, configuration: StaticGatewayConfiguration) -> Iterator[Observation]:
    since = max(filter(None, (configuration.created, configuration.spec_changed)), default=None)
    blind = facts.gap(Event, configuration.namespace)
    warnings = () if blind else current_errors(facts.events_on(configuration))
    # A warning from before the last edit is about the earlier spec: it is shown, but the edit gets its five minutes.
    current = [e for e in warnings if since is None or e.last is None or e.last >= since]
    evidence = [
        Evidence(configuration.ref, "status.egressIpPrefix", "(empty)", "an IPv4 CIDR"),
        *event_evidence(configuration, warnings),
        *provisioned_parts(facts, configuration),
    ]
    if current or (since is not None and facts.now - since >= GRACE):
        yield _stuck(facts, configuration, evidence, warnings)
    elif since is None:
        yield unknown(
            f"{configuration.ref} has no egress IP prefix, and no creation time from which to count the wait."
        )
    else:
        yield warn(
            f"{configuration.ref} has waited {span(facts.now - since)} for its egress IP prefix; Azure usually takes about "
            "5 minutes.",
            subject=configuration.ref,
            evidence=evidence,
            actions=show_reports(configuration),
            about=[Involved("component", CONTROLLER), sandbox(egress_prefix_unassigned.slug)],
            pending=True,
            since=since,
        )
        facts.events_on(configuration)


def _stuck(
    facts: Facts,
    configuration: StaticGatewayConfiguration,
    evidence: list[Evidence],
    warnings: Sequence[Event],
) -> Observation:
    since = max(filter(None, (configuration.created, configuration.spec_changed)), default=None)
    waited = facts.now - (since or facts.now)
    causes = [event_cause(event.message) for event in warnings]
    main = main_cause(warnings)
    meaning = main.meaning if main is not None else next((event_line(each.message) for each in warnings), "")
    # Another StaticGatewayConfiguration would get the same answer from Azure.
    lasting = waited >= GRACE and not any(cause.fault or cause.explained for cause in causes)
    return fail(
        f"{configuration.ref} has had no egress IP prefix for {span(waited)}" + (f": {meaning}." if meaning else "."),
        subject=configuration.ref,
        evidence=evidence,
        actions=[
            *show_reports(configuration),
            *(other_subnet(facts, configuration, warnings) or controller_fixes(facts, warnings)),
            *(new_configuration(facts, configuration) if lasting else ()),
        ],
        about=[Involved("component", CONTROLLER), sandbox(egress_prefix_unassigned.slug)],
        since=since,
    )
