"""EG403: the spec of the gateway's StaticGatewayConfiguration cannot work."""

from collections.abc import Iterator

from checks.engine.check import Because, check
from checks.facts.events import Event
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.controller_events import current_errors, event_cause
from checks.knowledge.sandbox_errors import sandbox
from checks.model.commands import SEGDOC, change, kubectl, restart
from checks.model.findings import Evidence, Involved, Observation, Severity, fail, healthy, skip, warn
from checks.static_egress.configuration import CONTROLLER, NothingThere, configuration_of
from checks.static_egress.configuration_spec import SpecFault, spec_faults
from checks.static_egress.procedures import POOL_PLACEHOLDER, describe, patch_spec, pool_note

_NO_ROUTES = [sandbox("gateway-configuration-invalid")]
"""New pods get no network from such a spec."""

_STOPPED = [Involved("component", CONTROLLER), *_NO_ROUTES]


@check(
    code="EG403",
    title="The StaticGatewayConfiguration's spec is invalid",
    severity=Severity.BLOCKS,
    article=("SEG-1",),
    reads=(StaticGatewayConfiguration, Event),
    explains={
        "egress-prefix-unassigned": Because(
            "the controller reconciles nothing of a spec that it refuses, so no prefix comes", share="component"
        ),
        "gateway-server-profile-incomplete": Because(
            "the controller writes no status for a spec that it refuses", share="component"
        ),
        "pod-network-setup-fails": Because(
            "a refused spec brings no prefix, and a range that is no CIDR breaks the pods' routes", share="sandbox"
        ),
        "gateway-dataplane-not-ready": Because(
            "gateway nodes serve only what the controller has reconciled", share="component"
        ),
        "source-address-wrong": "the spec's routes lead traffic past the gateway",
    },
)
def gateway_configuration_invalid(facts: Facts) -> Iterator[Observation]:
    """What it checks: the spec: exactly one of node pool and scale set, the id of an own prefix, each entry of
    excludeCidrs (a mask is required: `10.0.0.5` is accepted by the API server and then breaks every new pod), the default
    route, and a current InvalidSpec event. With defaultRoute azureNetworking the meaning of excludeCidrs turns round: only
    the listed ranges leave through the gateway, and none without a list. That is a warning, and without a list a failure.

    Why it matters: the controller does nothing with a spec that it refuses, pods get no network from ranges that are
    none, and routes that exclude everything lead all traffic past the gateway with another source address.

    What usually fixes it: editing the named field. Routes and ranges take effect in new pods only, so restart the gateway
    afterwards.

    Source: article SEG-1, SEG-6; kube-egress-gateway api/v1alpha1 and pkg/cni/routes."""
    configuration = configuration_of(facts)
    if isinstance(configuration, NothingThere):
        yield skip(configuration.why)
        return
    faults = list(spec_faults(configuration))
    for fault in faults:
        yield _observed(facts, configuration, fault)
    if any(fault.refused for fault in faults):
        # The controller refuses this spec whatever its events say.
        return
    refused = _refused(facts, configuration)
    if refused is not None:
        yield refused
    elif not faults:
        yield healthy(f"The spec of {configuration.ref} is valid.")


def _observed(facts: Facts, configuration: StaticGatewayConfiguration, fault: SpecFault) -> Observation:
    summary = f"{configuration.ref} {fault.what}."
    evidence = [Evidence(configuration.ref, fault.path, fault.observed, fault.expected)]
    placeholder = POOL_PLACEHOLDER in fault.mend.values()
    actions = [
        describe(configuration),
        patch_spec(
            configuration,
            f"Correct {fault.path}" + (pool_note(POOL_PLACEHOLDER) if placeholder else ""),
            fault.mend,
            "new pods get the corrected routes"
            if fault.routes
            else "the controller says Reconciled some minutes later",
        ),
    ]
    if fault.routes:
        actions += [restart(name, facts.gateway.namespace) for name in facts.gateway.deployments]
    if fault.works:
        return warn(summary, subject=configuration.ref, evidence=evidence, actions=actions)
    about = _STOPPED if fault.refused else () if fault.routes else _NO_ROUTES
    return fail(summary, subject=configuration.ref, evidence=evidence, actions=actions, about=about)


def _refused(facts: Facts, configuration: StaticGatewayConfiguration) -> Observation | None:
    """An InvalidSpec about the spec as it is now: what the controller knows and the fields do not show."""
    changed = configuration.spec_changed
    for event in current_errors(facts.events_on(configuration)):
        if event.reason != "InvalidSpec" or (changed and event.last and event.last < changed):
            continue
        return fail(
            f"The controller refuses the spec of {configuration.ref}: {event_cause(event.message).meaning or event.message}.",
            subject=configuration.ref,
            evidence=[Evidence(configuration.ref, "event InvalidSpec", event.message, "(none)")],
            actions=[
                describe(configuration),
                change(
                    "Correct the field that the event names",
                    kubectl(
                        "edit", "staticgatewayconfiguration", configuration.name, namespace=configuration.namespace
                    ),
                    SEGDOC,
                    "a newer event says Reconciling, later Reconciled",
                ),
            ],
            about=_STOPPED,
        )
    return None
