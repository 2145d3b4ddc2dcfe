"""EG516: a client's Sidecar does not import the route to the gateway, or the ServiceEntry."""

from collections.abc import Iterator

from checks.engine.check import Because, check
from checks.engine.route_findings import decided_by_router_or_alone
from checks.facts.istio_networking import Sidecar
from checks.facts.view import Facts
from checks.istio.configured.client_namespaces import client_namespaces
from checks.istio.configured.configured_hosts import examined_hosts, nothing_configured
from checks.istio.configured.revision_settings import require_settings
from checks.istio.faults.resolved_routes import ROUTER_READS
from checks.model.commands import inspect, kubectl
from checks.model.findings import Evidence, Involved, Observation, Severity, healthy, skip, warn


@decided_by_router_or_alone(lambda facts, _: not facts.all(Sidecar))
@check(
    code="EG516",
    title="A Sidecar object does not import the route for its clients",
    severity=Severity.BLOCKS,
    article=("IST-4",),
    reads=ROUTER_READS,
    explains={"traffic-failing": Because("a Sidecar does not import the objects of the route", share="host")},
)
def sidecar_hides_route(facts: Facts) -> Iterator[Observation]:
    """What it checks: the Sidecar object that applies to each client (its own, otherwise that of aks-istio-system). It fails
    if requests to a host are not routed because its `egress.hosts` do not import the VirtualService with the route to the
    gateway, or the ServiceEntry that a TLS route needs. Several Sidecars without a selector in one namespace warn. It does
    not apply without Sidecar objects.

    Why it matters: a sidecar that does not import the VirtualService never sends the request to the gateway. The request
    gets 502 with REGISTRY_ONLY, and leaves from the node's address with ALLOW_ANY. An entry names the namespace of the
    *object*: `./*` imports nothing of the gateway's namespace.

    What usually fixes it: an entry `<namespace of the VirtualService>/<host>` in the Sidecar's `egress.hosts`.

    Source: Istio's Sidecar reference; docs/domain/istio.md#sidecar-visibility; docs/domain/istio.md#b25."""
    if not facts.all(Sidecar):
        yield skip("No Sidecar object exists; sidecars import everything.")
        return
    several = list(_several(facts))
    yield from several
    require_settings(facts)
    if not examined_hosts(facts):
        yield skip(nothing_configured(facts))
    elif not several:
        yield healthy("The Sidecar objects of all clients import the routes to the gateway.")


def _several(facts: Facts) -> Iterator[Observation]:
    for namespace in client_namespaces(facts):
        plain = [each for each in facts.in_namespace(Sidecar, namespace) if not each.workload_selector]
        if len(plain) > 1:
            command = kubectl("get", "sidecars.networking.istio.io", namespace=namespace)
            yield warn(
                f"Namespace {namespace} has {len(plain)} Sidecar objects without a selector: istiod uses only the oldest.",
                subject=f"Namespace {namespace}",
                evidence=[Evidence(each.ref, "spec.workloadSelector", "(none)", "one such object") for each in plain],
                actions=[
                    inspect(
                        "List the Sidecars of the namespace",
                        command,
                    )
                ],
                about=[Involved("namespace", namespace)],
            )
