"""EG519: a Gateway of the Gateway API stands where the add-on's egress gateway should be."""

from collections.abc import Hashable, Iterator

from checks.engine.check import check
from checks.facts.gateway_api import GATEWAY_API, HTTPRoute, KubernetesGateway
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.istio.route.hosts import canonical
from checks.model.commands import GWAPI, TSG, change, kubectl, look
from checks.model.findings import Evidence, Observation, Severity, healthy, skip, warn
from checks.model.raw_values import items, text

CLASS = "istio"
"""The class for which istiod runs a Deployment of its own, unless the Gateway names an address."""


@check(
    code="EG519",
    title="A Gateway API Gateway is used that the add-on does not manage",
    severity=Severity.RISKS,
    hop="egress gateway",
    article=("overview",),
    reads=(KubernetesGateway, HTTPRoute, Deployment),
)
def gateway_api_unmanaged(facts: Facts) -> Iterator[Observation]:
    """What it checks: Gateways of the Kubernetes Gateway API with class istio that are meant for egress: those that name
    this gateway's Service as their address (manual deployment: passes), and those of its namespace, or with routes to
    outside hosts, that name no address (automated deployment: warns). Ingress Gateways are left alone.

    Why it matters: for an automated Gateway istiod runs `<name>-istio`, a Deployment without the static egress gateway's
    annotation: its traffic leaves by the nodes' address. The article says that the Gateway API is not supported for
    egress gateways; newer AKS documentation supports the manual deployment model.

    What usually fixes it: name the gateway's Service in `spec.addresses`, or use Istio's Gateway.

    Source: article, note before Istio step 1; AKS documentation "Gateway API for the Istio add-on"; domain.md 6.9."""
    if not facts.installed(KubernetesGateway):
        yield skip("The Gateway API is not installed.")
        return
    egress = [(each, automated) for each in _candidates(facts) if (automated := _automated(facts, each)) is not None]
    if not egress:
        yield skip("No Gateway of the Gateway API is meant for egress.")
        return
    for gateway, automated in egress:
        if automated:
            yield _warned(facts, gateway)
    manual = [gateway for gateway, automated in egress if not automated]
    if len(manual) == len(egress):
        yield _manual(facts, manual)


def _candidates(facts: Facts) -> Iterator[KubernetesGateway]:
    return (each for each in facts.all(KubernetesGateway) if each.gateway_class == CLASS and each.deleted is None)


def _automated(facts: Facts, gateway: KubernetesGateway) -> bool | None:
    """Whether istiod deploys pods for an egress Gateway; False where it stands for this gateway's Service; None where it
    has nothing to do with egress through it."""
    hosts = [canonical(value) for kind, value in gateway.addresses if kind in ("Hostname", "")]
    service = facts.gateway.service_host
    if any(host == service or service.startswith(f"{host}.") for host in hosts):
        return False
    if gateway.addresses:
        return None
    routes = _routes(facts, gateway)
    if any(_leads_outside(route) for route in routes):
        return True
    # Without routes that tell, a Gateway beside the egress gateway is taken for one; with inside routes it is ingress.
    return True if gateway.namespace == facts.gateway.namespace and not routes else None


def _routes(facts: Facts, gateway: KubernetesGateway) -> list[HTTPRoute]:
    by_parent = facts.index(HTTPRoute, "parents", _parents)
    return by_parent.get((gateway.namespace, gateway.name), [])


def _parents(route: HTTPRoute) -> tuple[Hashable, ...]:
    return route.parents


def _leads_outside(route: HTTPRoute) -> bool:
    """Whether it sends to a host and not to a Service: Istio's backend kind `Hostname`."""
    return any(
        text(backend, "kind") == "Hostname"
        for rule in items(route.raw, "spec", "rules")
        for backend in items(rule, "backendRefs")
    )


def _manual(facts: Facts, gateways: list[KubernetesGateway]) -> Observation:
    names = ", ".join(f"{each.namespace}/{each.name}" for each in gateways)
    return healthy(
        f"Gateway API Gateway {names} uses the Service of {facts.gateway.ref} (manual deployment): the article says "
        "that the Gateway API is not supported, newer AKS documentation supports this model.",
        evidence=[
            Evidence(f"{each.ref} ({GATEWAY_API})", "spec.addresses", ", ".join(value for _, value in each.addresses))
            for each in gateways
        ],
    )


def _warned(facts: Facts, gateway: KubernetesGateway) -> Observation:
    target = facts.gateway
    deployed = f"{gateway.name}-{CLASS}"
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
        f"Gateway API Gateway {gateway.namespace}/{gateway.name} names no address, so istiod runs pods of its own for it, "
        f"which are not {target.ref}; newer AKS documentation supports only the manual model, the article "
        "no Gateway API at all.",
        subject=f"{gateway.ref} ({GATEWAY_API})",
        evidence=evidence,
        actions=[
            look(
                "Look at it and at what istiod deployed",
                kubectl("get", f"gateways.{GATEWAY_API},deployments,pods", "-o", "wide", namespace=gateway.namespace),
                GWAPI,
            ),
            change(
                f"Name the gateway's Service in spec.addresses (type: Hostname, value: {target.service_host}), or use "
                "Istio's own Gateway object; istiod's Deployment is then removed",
                url=TSG,
            ),
        ],
    )
