"""EG519: a Gateway of the Kubernetes Gateway API is used for egress.

It is used instead of the add-on's egress gateway.
"""

from collections.abc import Hashable, Iterator

from checks.engine.check import check
from checks.facts.gateway_api import (
    GATEWAY_API,
    GatewayRoute,
    GRPCRoute,
    HTTPRoute,
    KubernetesGateway,
    TCPRoute,
    TLSRoute,
)
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.model.commands import GWAPI, TSG, change, inspect, kubectl
from checks.model.findings import Evidence, Observation, Severity, healthy, skip, warn
from checks.model.raw_values import items, text

_CLASS = "istio"
"""The class for which istiod creates a Deployment, unless the Gateway names an address."""

_ROUTES: tuple[type[GatewayRoute], ...] = (HTTPRoute, GRPCRoute, TLSRoute, TCPRoute)


@check(
    code="EG519",
    title="A Gateway API Gateway is not managed by the add-on",
    severity=Severity.RISKS,
    hop="egress gateway",
    article=("overview",),
    reads=(KubernetesGateway, *_ROUTES, Deployment),
)
def gateway_api_unmanaged(facts: Facts) -> Iterator[Observation]:
    """What it checks: egress Gateways of the Kubernetes Gateway API with class istio. Gateways that name this gateway's
    Service as their address pass (manual deployment). Gateways without an address warn if they are in its namespace or
    have routes to external hosts (automated deployment). Ingress Gateways are ignored.

    Why it matters: for an automated Gateway istiod creates the Deployment `<name>-istio`, without the annotation of the
    static egress gateway: its traffic leaves from the nodes' outbound address. The article says that the Gateway API is
    not supported for egress gateways; newer AKS documentation supports the manual deployment model.

    What usually fixes it: the gateway's Service in `spec.addresses`, or Istio's Gateway.

    Source: article, note before IST-1; AKS documentation, "Configure Istio ingress with the Kubernetes Gateway API
    for Azure Kubernetes Service (AKS)"; docs/domain/decision-tables.md#gateway-api-unmanaged."""
    if not facts.installed(KubernetesGateway):
        yield skip("The Gateway API is not installed.")
        return
    egress = [(each, automated) for each in _candidates(facts) if (automated := _automated(facts, each)) is not None]
    if not egress:
        yield skip("No Gateway of the Gateway API is used for egress.")
        return
    for gateway, automated in egress:
        if automated:
            yield _warned(facts, gateway)
    manual = [gateway for gateway, automated in egress if not automated]
    if len(manual) == len(egress):
        yield _manual(facts, manual)


def _candidates(facts: Facts) -> Iterator[KubernetesGateway]:
    return (each for each in facts.all(KubernetesGateway) if each.gateway_class == _CLASS and each.deleted is None)


def _automated(facts: Facts, gateway: KubernetesGateway) -> bool | None:
    """True if istiod deploys pods for this egress Gateway.

    False if it uses this gateway's Service, None if it is not for egress through this gateway.
    """
    hosts = [value.strip().lower().rstrip(".") for kind, value in gateway.addresses if kind in ("Hostname", "")]
    service = facts.gateway.service_host
    if any(host == service or service.startswith(f"{host}.") for host in hosts):
        return False
    if gateway.addresses:
        return None
    routes = _routes(facts, gateway)
    if any(_has_external_backend(route) for route in routes):
        return True
    # Without routes a Gateway in the egress gateway's namespace counts as egress; with routes to Services it is ingress.
    return True if gateway.namespace == facts.gateway.namespace and not routes else None


def _routes(facts: Facts, gateway: KubernetesGateway) -> list[GatewayRoute]:
    key = (gateway.namespace, gateway.name)
    return [route for kind in _ROUTES for route in facts.index(kind, "parents", _parents).get(key, ())]


def _parents(route: GatewayRoute) -> tuple[Hashable, ...]:
    return route.parents


def _has_external_backend(route: GatewayRoute) -> bool:
    """Whether the route has a backend outside the cluster: Istio's backend kind `Hostname`."""
    return any(
        text(backend, "kind") == "Hostname"
        for rule in items(route.raw, "spec", "rules")
        for backend in items(rule, "backendRefs")
    )


def _manual(facts: Facts, gateways: list[KubernetesGateway]) -> Observation:
    names = ", ".join(f"{each.namespace}/{each.name}" for each in gateways)
    return healthy(
        f"Gateway API Gateway {names} uses the Service of {facts.gateway.ref} (manual deployment). Newer AKS documentation "
        "supports this model; the article says that the Gateway API is not supported.",
        evidence=[
            Evidence(f"{each.ref} ({GATEWAY_API})", "spec.addresses", ", ".join(value for _, value in each.addresses))
            for each in gateways
        ],
    )


def _warned(facts: Facts, gateway: KubernetesGateway) -> Observation:
    target = facts.gateway
    deployed = f"{gateway.name}-{_CLASS}"
    deployment = facts.get(Deployment, deployed, gateway.namespace)
    evidence = [
        Evidence(f"{gateway.ref} ({GATEWAY_API})", "spec.addresses", "(none)", f"Hostname {target.service_host}")
    ]
    if deployment is not None:
        evidence.append(
            Evidence(
                deployment.ref,
                "spec.template.metadata.annotations[kubernetes.azure.com/static-gateway-configuration]",
                deployment.template_configuration or "(none)",
                target.configuration,
            )
        )
    return warn(
        f"Gateway API Gateway {gateway.namespace}/{gateway.name} names no address: istiod runs separate pods for it instead "
        f"of {target.ref}. Newer AKS documentation supports only the manual model; the article does not support Gateway API.",
        subject=f"{gateway.ref} ({GATEWAY_API})",
        evidence=evidence,
        actions=[
            inspect(
                "List the Gateways, and the Deployments and pods of istiod",
                kubectl("get", f"gateways.{GATEWAY_API},deployments,pods", "-o", "wide", namespace=gateway.namespace),
                GWAPI,
            ),
            change(
                f"Set spec.addresses to the gateway's Service (type: Hostname, value: {target.service_host}), or use an "
                "Istio Gateway object; istiod then removes its Deployment",
                url=TSG,
            ),
        ],
    )
