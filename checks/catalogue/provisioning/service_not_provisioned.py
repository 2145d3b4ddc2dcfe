"""EG304: the gateway's Service is missing, has no cluster IP, or has no ready endpoint."""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.pods import Pod
from checks.facts.services import EndpointSlice, Service
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.kubernetes.service_endpoints import endpoint_actions, ready_endpoints, selected_pods, selector_evidence
from checks.kubernetes.service_selectors import patch_selector
from checks.model.commands import HOWTO, TSG, az_accepts, inspect, kubectl
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, warn
from checks.static_egress.restored_gateways import restore_objects

PORTS = (80, 443, 15021)
"""The ports of the add-on's chart: HTTP, TLS and the status port.

Source: docs/domain/components.md#gateway-service.
"""


@check(
    code="EG304",
    title="The gateway's Service is not provisioned",
    severity=Severity.BLOCKS,
    article=("PROV-1",),
    partly=("overview",),
    reads=(Service, EndpointSlice, Pod, Deployment),
    explains={"gateway-server-unreachable": "requests reach the gateway's servers only through this Service"},
)
def service_not_provisioned(facts: Facts) -> Iterator[Observation]:
    """What it checks: the Service with the gateway's name, and its EndpointSlices. It fails when the Service does not
    exist, when its type is not ClusterIP, when it has no cluster IP, and when no endpoint is ready. It warns when port
    80, 443 or 15021 is missing, and when it has an external address.

    Why it matters: sidecars send requests for external hosts to this Service. If it does not exist or has no ready
    endpoint, they return 503. An egress gateway needs no external address; one exposes it.

    What usually fixes it: without endpoints, resolve the cause that keeps the pods from becoming ready. If the Service
    is missing or was changed by hand, reconcile the cluster: AKS then restores it.

    Source: article, overview (ClusterIP) and PROV-1; AKS documentation, "Deploy egress gateways for Istio service
    mesh add-on for Azure Kubernetes Service"."""
    gateway = facts.gateway
    service = facts.get(Service, gateway.name, gateway.namespace)
    if service is None:
        ref = f"Service {gateway}"
        yield fail(
            f"{ref} does not exist.",
            subject=ref,
            evidence=[Evidence(ref, "metadata.name", "(not found)", "a ClusterIP Service")],
            actions=_actions(facts),
            about=[Involved("service", str(gateway))],
        )
        return
    faults = [*_address(facts, service), *_exposure(facts, service)]
    yield from faults
    found = ready_endpoints(facts, service)
    if not found:
        yield _without_endpoint(facts, service)
    elif not faults:
        yield healthy(
            f"{service.ref} has the cluster IP {service.cluster_ip} and {found} ready endpoint{'' if found == 1 else 's'}."
        )


def _address(facts: Facts, service: Service) -> Iterator[Observation]:
    if service.type != "ClusterIP":
        yield fail(
            f"{service.ref} is of type {service.type}.",
            subject=service.ref,
            evidence=[Evidence(service.ref, "spec.type", service.type, "ClusterIP"), *_external(service)],
            actions=_actions(facts),
        )
    elif service.cluster_ip in ("", "None"):
        yield fail(
            f"{service.ref} has no cluster IP.",
            subject=service.ref,
            evidence=[Evidence(service.ref, "spec.clusterIP", service.cluster_ip or "(empty)", "an address")],
            actions=_actions(facts),
        )


def _exposure(facts: Facts, service: Service) -> Iterator[Observation]:
    missing = [str(port) for port in PORTS if port not in {each.port for each in service.ports}]
    if missing:
        given = ", ".join(str(each.port) for each in service.ports) or "(none)"
        yield warn(
            f"{service.ref} lacks port{'s' if len(missing) > 1 else ''} {', '.join(missing)}.",
            subject=service.ref,
            evidence=[Evidence(service.ref, "spec.ports", given, ", ".join(map(str, PORTS)))],
            actions=_actions(facts),
        )
    if service.type == "ClusterIP" and service.external_ips:
        yield warn(
            f"{service.ref} has the external address {', '.join(service.external_ips)}.",
            subject=service.ref,
            evidence=_external(service),
            actions=_actions(facts),
        )


def _external(service: Service) -> list[Evidence]:
    found = ", ".join(service.external_ips)
    return [Evidence(service.ref, "external addresses", found, "(none)")] if found else []


def _without_endpoint(facts: Facts, service: Service) -> Observation:
    evidence = [Evidence(service.ref, "ready endpoints", "0", "1 or more")]
    summary = f"{service.ref} has no ready endpoint."
    chosen = selected_pods(facts, service)
    if chosen is not None:
        evidence.append(selector_evidence(facts, service))
        if not chosen:
            summary = f"{service.ref} selects none of the gateway's pods, so it has no ready endpoint."
    about = [Involved("revision", each) for each in facts.gateway.revisions or ("",)]
    fixes = _selector_fixes(facts, service) if chosen == () else []
    actions = [*fixes, *endpoint_actions(service)]
    return fail(summary, subject=service.ref, evidence=evidence, actions=actions, about=about)


def _selector_fixes(facts: Facts, service: Service) -> list[Action]:
    """Select the gateway's pods again, by the labels of its Deployment if that was read."""
    if facts.gap(Deployment, service.namespace):
        return []
    return [patch_selector(service, each) for each in facts.deployments()[:1]]


def _actions(facts: Facts) -> list[Action]:
    gateway = facts.gateway
    restore = restore_objects(
        facts,
        "Enable the gateway again; the add-on then restores its Service",
        "restores the gateway's Service",
        HOWTO,
        "the Service has a cluster IP and two ready endpoints after a few minutes",
        running=True,
    )
    return [*(restore if az_accepts(gateway.name) else []), _show_service(facts)]


def _show_service(facts: Facts) -> Action:
    gateway = facts.gateway
    if facts.get(Service, gateway.name, gateway.namespace) is None:
        return inspect(
            "List the Services of the namespace", kubectl("get", "services", namespace=gateway.namespace), TSG
        )
    command = kubectl("get", "service", gateway.name, "-o", "yaml", namespace=gateway.namespace)
    return inspect("Show the Service", command, TSG)
