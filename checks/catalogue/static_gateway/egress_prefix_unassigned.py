"""EG405: Azure has assigned no egress prefix to the gateway's configuration."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from checks.engine.check import Because, check
from checks.facts.agent_pools import AgentPool
from checks.facts.events import Event
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.static_egress import GatewayLBConfiguration, GatewayVMConfiguration, StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.controller_events import current_errors, event_cause
from checks.knowledge.sandbox_errors import sandbox
from checks.model.commands import SEGDOC, kubectl, look, quoted
from checks.model.durations import span
from checks.model.findings import (
    Action,
    Effect,
    Evidence,
    Involved,
    Observation,
    Severity,
    fail,
    healthy,
    skip,
    unknown,
    warn,
)
from checks.static_egress.configuration import CONTROLLER, NothingThere, configuration_of
from checks.static_egress.prefixes import parse_egress_prefix
from checks.static_egress.procedures import describe, new_configuration

GRACE = timedelta(minutes=5)
"""The article: an egress prefix can take "about five minutes", counted from creation or the last edit of the spec."""
SHOWN_EVENTS = 3


@check(
    code="EG405",
    title="The gateway configuration has no egress IP prefix",
    severity=Severity.BLOCKS,
    article=("SEG-2",),
    reads=(
        StaticGatewayConfiguration,
        Event,
        GatewayLBConfiguration,
        GatewayVMConfiguration,
        AgentPool,
        ManagedCluster,
    ),
    explains={
        "pod-network-setup-fails": Because("a pod's network waits for the prefix", share="sandbox"),
        "gateway-pods-not-running": Because(
            "without a prefix gateway pods get no network and never start", share="sandbox"
        ),
        "deployment-not-available": "no gateway pod starts before there is a prefix, so none becomes available",
        "gateway-server-profile-incomplete": "the prefix is written last, after the server profile",
        "gateway-dataplane-not-ready": "gateway nodes serve a configuration only once it has a prefix",
    },
)
def egress_prefix_unassigned(facts: Facts) -> Iterator[Observation]:
    """What it checks: status.egressIpPrefix of the gateway's StaticGatewayConfiguration, its age since creation or the last
    edit of its spec, and the controller's warnings on it. Without a prefix it is pending for the first five minutes, and
    fails from then on, or at once when a current warning says why. A warning is current while no success of the same
    controller is newer; the event Reconciling says nothing about health. With a prefix, a current warning warns.

    Why it matters: the prefix is the range that traffic leaves from. Without it no gateway pod gets a network.

    What usually fixes it: what the controller's warning names: the pool, the own prefix, a quota, a policy, a lock. Where
    nothing is named and it lasts, a new configuration.

    Source: article SEG-2, SEG-7; kube-egress-gateway controllers/manager."""
    configuration = configuration_of(facts)
    if isinstance(configuration, NothingThere):
        yield skip(configuration.why)
    elif configuration.egress_prefix:
        yield _assigned(facts, configuration)
    else:
        yield from _missing(facts, configuration)


def _assigned(facts: Facts, configuration: StaticGatewayConfiguration) -> Observation:
    prefix = configuration.egress_prefix
    evidence = [Evidence(configuration.ref, "status.egressIpPrefix", prefix)]
    if not parse_egress_prefix(prefix):
        return warn(
            f'{configuration.ref} has "{prefix}" for an egress prefix, which is neither a CIDR nor a list of addresses.',
            subject=configuration.ref,
            evidence=[Evidence(configuration.ref, "status.egressIpPrefix", prefix, "an IPv4 CIDR")],
            actions=_looks(configuration),
        )
    if complained := current_errors(facts.events_on(configuration)):
        meaning = event_cause(complained[0].message).meaning or complained[0].message
        return warn(
            f"{configuration.ref} has the egress prefix {prefix}, but its controller complains: {meaning}.",
            subject=configuration.ref,
            evidence=[*evidence, *_events(configuration, complained)],
            actions=[*_looks(configuration), *_remedy(facts, complained)],
        )
    return healthy(f"{configuration.ref} has the egress prefix {prefix}.", evidence=evidence)


def _missing(facts: Facts, configuration: StaticGatewayConfiguration) -> Iterator[Observation]:
    since = max(filter(None, (configuration.created, configuration.spec_changed)), default=None)
    blind = facts.gap(Event, configuration.namespace)
    complained = () if blind else current_errors(facts.events_on(configuration))
    # A complaint from before the last edit is about another spec: it is shown, but the edit has its five minutes.
    now_wrong = [e for e in complained if since is None or e.last is None or e.last >= since]
    evidence = [
        Evidence(configuration.ref, "status.egressIpPrefix", "(empty)", "an IPv4 CIDR"),
        *_events(configuration, complained),
        *_parts(facts, configuration),
    ]
    if now_wrong or (since is not None and facts.now - since >= GRACE):
        yield _stuck(facts, configuration, evidence, complained)
    elif since is None:
        yield unknown(f"{configuration.ref} has no egress prefix, and no time from which to wait for one.")
    else:
        yield warn(
            f"{configuration.ref} has waited for its egress prefix for {span(facts.now - since)}; about five minutes are "
            "usual.",
            subject=configuration.ref,
            evidence=evidence,
            actions=_looks(configuration),
            about=[Involved("component", CONTROLLER), sandbox("egress-prefix-unassigned")],
            pending=True,
        )
        facts.events_on(configuration)


def _stuck(
    facts: Facts,
    configuration: StaticGatewayConfiguration,
    evidence: list[Evidence],
    complained: Sequence[Event],
) -> Observation:
    since = max(filter(None, (configuration.created, configuration.spec_changed)), default=facts.now)
    waited = facts.now - since
    causes = [event_cause(event.message) for event in complained]
    said = next((c.meaning or e.message for c, e in zip(causes, complained, strict=True)), "")
    lasting = waited >= GRACE and not any(cause.maps_to for cause in causes)
    return fail(
        f"{configuration.ref} has had no egress prefix for {span(waited)}" + (f": {said}." if said else "."),
        subject=configuration.ref,
        evidence=evidence,
        actions=[
            *_looks(configuration),
            *_remedy(facts, complained),
            *(new_configuration(facts, configuration) if lasting else ()),
        ],
        about=[Involved("component", CONTROLLER), sandbox("egress-prefix-unassigned")],
    )


def _events(configuration: StaticGatewayConfiguration, complained: Sequence[Event]) -> Iterator[Evidence]:
    for event in complained[:SHOWN_EVENTS]:
        yield Evidence(configuration.ref, f"event {event.reason}", event.message)


def _parts(facts: Facts, configuration: StaticGatewayConfiguration) -> Iterator[Evidence]:
    """How far the controller got: the load balancer comes first, then the nodes."""
    where = (configuration.name, configuration.namespace)
    if facts.gap(GatewayLBConfiguration, configuration.namespace) is None:
        balancer = facts.get(GatewayLBConfiguration, *where)
        got = "(no such object)" if balancer is None else balancer.frontend_ip or "(empty)"
        ref = f"GatewayLBConfiguration {configuration.namespace}/{configuration.name}"
        yield Evidence(ref, "status.frontendIp", got, "an address")
    if facts.gap(GatewayVMConfiguration, configuration.namespace) is None:
        machines = facts.get(GatewayVMConfiguration, *where)
        count = "(no such object)" if machines is None else f"{machines.profiles or 0} nodes"
        ref = f"GatewayVMConfiguration {configuration.namespace}/{configuration.name}"
        yield Evidence(ref, "status.gatewayVMProfiles", count, "one for each gateway node")


def _looks(configuration: StaticGatewayConfiguration) -> list[Action]:
    name, namespace = configuration.name, configuration.namespace
    return [
        describe(configuration),
        look(
            "See how far load balancer and nodes have got",
            kubectl("get", "gatewaylbconfiguration,gatewayvmconfiguration", name, "-o", "yaml", namespace=namespace),
            SEGDOC,
        ),
    ]


def _remedy(facts: Facts, complained: Sequence[Event]) -> Iterator[Action]:
    """What helps against each cause that the tables know."""
    causes = [event_cause(event.message) for event in complained]
    for azure in dict.fromkeys(cause.azure for cause in causes):
        if azure is not None and azure.show:
            yield look(f"See what stands behind {azure.code}", _filled(facts, azure.show), SEGDOC)
    for fix in dict.fromkeys(cause.fix for cause in causes):
        if fix:
            yield Action(fix, effect=Effect.READS if fix.startswith("Wait") else Effect.CHANGES, url=SEGDOC)


def _filled(facts: Facts, command: str) -> str:
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    group, location = (cluster.node_resource_group, cluster.location) if cluster else ("", "")
    whole = command.format(
        group=quoted(group) if group else '"$NODE_RESOURCE_GROUP"',
        location=quoted(location) if location else '"$LOCATION"',
    )
    subscription = facts.cluster.subscription
    return f"{whole} --subscription {quoted(subscription)}" if subscription else whole
