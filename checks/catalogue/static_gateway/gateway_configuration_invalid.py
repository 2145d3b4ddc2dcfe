"""EG403: the spec of the gateway's StaticGatewayConfiguration is invalid."""

from collections.abc import Iterator
from functools import partial

from checks.azure.flow_ends import networks_of
from checks.engine.check import Because, check
from checks.facts.agent_pools import AgentPool
from checks.facts.events import Event
from checks.facts.fact import before_unreadable
from checks.facts.istio_networking import ServiceEntry
from checks.facts.logs import ProxyLog
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.network_resources import Subnet
from checks.facts.nodes import Node
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.facts.workloads import DaemonSet
from checks.istio.configured.configured_hosts import examined_hosts
from checks.istio.faults.resolved_routes import ROUTER_READS, routing_of_run
from checks.istio.request.destinations import fixed_addresses
from checks.istio.traffic.recent_access import no_request_succeeds
from checks.knowledge.controller_events import current_errors
from checks.knowledge.controller_texts import event_cause
from checks.knowledge.sandbox_errors import sandbox
from checks.model.commands import SEGDOC, alternatives, change, kubectl, restart
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, Status, fail, healthy, skip, warn
from checks.static_egress.configuration_spec import AZURE_NETWORKING, STATIC_EGRESS, SpecFault, spec_faults
from checks.static_egress.configuration_yaml import POOL_PLACEHOLDER, cluster_ranges, own_ranges, pool_for, pool_note
from checks.static_egress.gateway_configuration import CONTROLLER, NotApplicable, gateway_configuration
from checks.static_egress.new_pools import create_pool, free_pool_name, lacks_gateway_pool
from checks.static_egress.prefixes import containing, is_within
from checks.static_egress.procedures import describe, patch_spec
from checks.static_egress.tunnel_findings import tunnel_findings


@check(
    code="EG403",
    title="The StaticGatewayConfiguration's spec is invalid",
    severity=Severity.BLOCKS,
    article=("SEG-1",),
    reads=(
        StaticGatewayConfiguration,
        Event,
        DaemonSet,
        Node,
        AgentPool,
        ManagedCluster,
        Subnet,
        ProxyLog,
        *ROUTER_READS,
    ),
    explains={
        "egress-prefix-unassigned": Because(
            "the controller does not reconcile a spec that it rejects, so it assigns no prefix", share="component"
        ),
        "gateway-server-profile-incomplete": Because(
            "the controller writes no status for a spec that it rejects", share="component"
        ),
        "pod-network-setup-fails": Because(
            "a rejected spec gets no prefix, and an invalid CIDR breaks the routes of new pods", share="sandbox"
        ),
        "gateway-dataplane-not-ready": Because(
            "gateway nodes serve only what the controller has reconciled", share="component"
        ),
        "proxy-not-ready": Because(
            "a pod whose lookups or requests to istiod are in the tunnel gets no configuration", share="pod"
        ),
        "source-address-wrong": "with the routes in the spec traffic bypasses the gateway",
        "uninjected-pod-fails": "with the routes in the spec traffic bypasses the gateway",
        "traffic-failing": "the routes send the requests, or the DNS lookups for them, out of the wrong interface",
    },
)
def gateway_configuration_invalid(facts: Facts) -> Iterator[Observation]:
    """What it checks: the spec: exactly one of node pool and scale set, the id of a public IP prefix of your own, each
    entry of excludeCidrs, the default route, and a current InvalidSpec event. An entry of excludeCidrs needs a mask: the
    API server accepts `10.0.0.5`, and then the network setup of every new pod fails. With defaultRoute azureNetworking the
    meaning of excludeCidrs is reversed: only the listed ranges go through the gateway. This warns, and fails if no range is
    listed. It also warns if a ServiceEntry has a fixed address in excludeCidrs for a host that is routed through the gateway,
    and if neither excludeCidrs nor the cni-manager's --exception-cidrs keep Services, LocalDNS, the API server or the
    virtual network out of the tunnel. If this cuts off the gateway's pods, and none of them is ready or no request of the
    last minutes succeeded, it fails.

    Why it matters: the controller does nothing with a spec that it rejects. Pods get no network from invalid ranges, and
    with routes that exclude everything all traffic bypasses the gateway and has another source IP address.

    What usually fixes it: an edit of the named field. Routes and ranges take effect only in new pods, so restart the
    gateway afterwards.

    Source: article SEG-1 and SEG-6; kube-egress-gateway api/v1alpha1 and pkg/cni/routes."""
    configuration = gateway_configuration(facts)
    if isinstance(configuration, NotApplicable):
        yield skip(configuration.reason)
        return
    requests_fail = partial(no_request_succeeds, facts)
    tunnelled, unread = before_unreadable(tunnel_findings(facts, configuration, requests_fail))
    faults = list(spec_faults(configuration))
    if any(each.status is Status.FAIL for each in tunnelled):
        # The fix of the failure corrects such a default route, too.
        faults = [fault for fault in faults if not (fault.works and fault.routes)]
    for fault in faults:
        yield _finding(facts, configuration, fault)
    yield from tunnelled
    if any(fault.rejected for fault in faults):
        # The controller rejects this spec, whatever its events say.
        return
    if unread is not None:
        raise unread
    rejection = _rejected(facts, configuration)
    if rejection is not None:
        yield rejection
    excluded = [] if any(fault.routes for fault in faults) else list(_excluded_destinations(facts, configuration))
    yield from excluded
    if rejection is None and not faults and not excluded and not tunnelled:
        yield healthy(f"The spec of {configuration.ref} is valid.")


def _finding(facts: Facts, configuration: StaticGatewayConfiguration, fault: SpecFault) -> Observation:
    summary = f"{configuration.ref} {fault.what}."
    evidence = [Evidence(configuration.ref, fault.path, fault.observed, fault.expected)]
    fix = dict(fault.fix)
    first: list[Action] = []
    if fix.get("gatewayNodepoolName") == POOL_PLACEHOLDER:
        if lacks_gateway_pool(facts):
            fix["gatewayNodepoolName"] = free_pool_name(facts, "gwpool")
            first = [create_pool(facts, str(fix["gatewayNodepoolName"]))]
        else:
            fix["gatewayNodepoolName"] = pool_for(facts, "")
    placeholder = POOL_PLACEHOLDER in fix.values()
    title = f"Patch {fault.path}" + (pool_note(POOL_PLACEHOLDER) if placeholder else "")
    expect = "new pods get the corrected routes" if fault.routes else "an event Reconciled within some minutes"
    if "defaultRoute" in fix and configuration.default_route == AZURE_NETWORKING:
        # The meaning of the list is the opposite one afterwards.
        fix["excludeCidrs"] = _inside(facts)
        inside = ", ".join(_inside(facts))
        title += f" and spec.excludeCidrs{f', to keep {inside} outside the gateway' if inside else ''}"
        expect += f". {own_ranges(facts)}"
    elif (
        configuration.default_route == STATIC_EGRESS
        and not fault.works
        and isinstance(listed := fix.get("excludeCidrs"), list)
    ):
        kept = [str(each) for each in listed]
        if lacking := [each for each in _inside(facts) if not is_within(each, kept)]:
            fix["excludeCidrs"] = [*kept, *lacking]
            title += (
                f", and add the cluster's own ranges {', '.join(lacking)}: the gateway must not get traffic to them"
            )
    patched = patch_spec(configuration, title, fix, expect)
    others = [] if configuration.exclude_cidrs or "excludeCidrs" not in fix else [_LIST_DESTINATIONS]
    actions = [describe(configuration), *first, *alternatives(patched, *others)]
    if fault.routes:
        actions += [restart(name, facts.gateway.namespace) for name in facts.gateway.deployments]
    if fault.works:
        return warn(summary, subject=configuration.ref, evidence=evidence, actions=actions)
    about = _stopped() if fault.rejected else () if fault.routes else _no_network()
    return fail(summary, subject=configuration.ref, evidence=evidence, actions=actions, about=about)


_LIST_DESTINATIONS = change(
    "Set spec.excludeCidrs to the public ranges of the destinations, and keep azureNetworking, if only traffic to them may use "
    "the gateway",
    url=SEGDOC,
    expect="new pods send these ranges, and nothing else, through the gateway",
)


def _inside(facts: Facts) -> list[str]:
    """The ranges of the pods, the Services and the subnets of the node pools."""
    subnets = sorted({each for subnet in facts.readable(Subnet) for each in networks_of(subnet.prefixes)})
    return list(dict.fromkeys((*cluster_ranges(facts), *map(str, subnets))))


def _excluded_destinations(facts: Facts, configuration: StaticGatewayConfiguration) -> Iterator[Observation]:
    """Fixed addresses of routed hosts that the configuration excludes. Raises Unreadable."""
    ranges = configuration.exclude_cidrs
    if not ranges or not facts.once("fixed addresses", _has_fixed):
        return
    over = routing_of_run(facts)
    for host, entry, address in dict.fromkeys(fixed_addresses(over, examined_hosts(facts))):
        if excluded := containing(ranges, address):
            yield warn(
                f"{configuration.ref} excludes {excluded}, which contains {address} of {host}: the gateway's pods send to it "
                "from their node, not from the egress IP prefix.",
                subject=f"host {host}",
                evidence=[
                    Evidence(configuration.ref, "spec.excludeCidrs", excluded, f"a range without {address}"),
                    Evidence(entry.ref, "spec.endpoints[*].address", address, "not in excludeCidrs"),
                ],
                actions=[
                    describe(configuration),
                    change(
                        f"Exclude ranges without {address} instead of {excluded} if {host} expects the egress IP prefix; "
                        "keep those of pods and Services, and restart the gateway",
                        url=SEGDOC,
                    ),
                ],
                about=[Involved("host", host)],
            )


def _has_fixed(facts: Facts) -> bool:
    """Whether any ServiceEntry of the cluster has fixed addresses."""
    return any(each.resolution == "STATIC" for each in facts.all(ServiceEntry))


def _no_network() -> list[Involved]:
    """New pods get no network with such a spec."""
    return [sandbox(gateway_configuration_invalid.slug)]


def _stopped() -> list[Involved]:
    """The controller does not reconcile such a spec."""
    return [Involved("component", CONTROLLER), *_no_network()]


def _rejected(facts: Facts, configuration: StaticGatewayConfiguration) -> Observation | None:
    """A finding for an InvalidSpec event about the current spec.

    It reports faults that the fields do not show.
    """
    changed = configuration.spec_changed
    for event in current_errors(facts.events_on(configuration)):
        if event.reason != "InvalidSpec" or (changed and event.last and event.last < changed):
            continue
        return fail(
            f"The controller rejects the spec of {configuration.ref}: {event_cause(event.message).meaning or event.message}.",
            subject=configuration.ref,
            evidence=[Evidence(configuration.ref, "event InvalidSpec", event.message, "(none)")],
            actions=[
                describe(configuration),
                change(
                    "Edit the field that the event names",
                    kubectl(
                        "edit", "staticgatewayconfiguration", configuration.name, namespace=configuration.namespace
                    ),
                    SEGDOC,
                    "a newer event Reconciling, then Reconciled",
                ),
            ],
            about=_stopped(),
        )
    return None
