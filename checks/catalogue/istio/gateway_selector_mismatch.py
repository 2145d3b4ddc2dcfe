"""EG505: no Istio Gateway selects the egress gateway's pods."""

from collections.abc import Iterator

from checks.engine.check import Because, check
from checks.engine.route_findings import decided_by_router_or_alone
from checks.facts.gateway_api import KubernetesGateway
from checks.facts.istio_networking import Gateway, VirtualService
from checks.facts.label_selectors import selects
from checks.facts.view import Facts
from checks.istio.configured.configured_hosts import common_host, configured_hosts, examined_hosts, nothing_configured
from checks.istio.configured.intended_gateways import IntendedGateways, gateway_full_name, intended_gateways
from checks.istio.configured.proxy_labels import ingress_pod_of, selects_other_gateways
from checks.istio.configured.revision_settings import require_settings
from checks.istio.configured.routing_index import destinations_in, routing_index
from checks.istio.examined_servers import hosts_of_servers
from checks.istio.faults.resolved_routes import ROUTER_READS, hosts_through
from checks.istio.fixes.gateways import pod_label, selecting, selecting_title
from checks.istio.fixes.show_commands import show_object
from checks.model.commands import HOWTO, ISTIO_EGW, TSG, change, inspect, kubectl
from checks.model.findings import Action, Evidence, Observation, Severity, fail, healthy, skip, warn


@decided_by_router_or_alone(lambda facts, gap: gap == facts.gap(VirtualService))
@check(
    code="EG505",
    title="No Gateway selects the egress gateway's pods",
    severity=Severity.BLOCKS,
    hop="egress gateway",
    article=("IST-3",),
    reads=ROUTER_READS,
    explains={
        "gateway-server-unreachable": Because(
            "a Gateway opens no port on pods that it does not select", share="server"
        ),
        "virtual-service-route-broken": Because(
            "a VirtualService applies at the gateway only through a Gateway that selects its pods", share="server"
        ),
        "traffic-failing": "the gateway has no listener for the requests",
    },
)
def gateway_selector_mismatch(facts: Facts) -> Iterator[Observation]:
    """What it checks: the selectors of all Istio Gateways against the labels of the egress gateway's pods, or of its
    Deployments' pod templates if there are no pods. It fails if requests for a host are not routed because the Gateway with
    its server does not select the pods, or does not exist. A Gateway that is intended for these pods and that no host needs
    warns: one in their namespace that selects no pod, or one whose selector has a typo. A selector that also matches
    ingress gateways warns too.

    Why it matters: a Gateway opens its ports only on the pods that it selects. Without one the gateway's ports are
    closed, and requests get 503 or a refused connection.

    What usually fixes it: setting `spec.selector` to the label `istio` of the gateway's pods.

    Source: article IST-3 (it compares the Service's label; istiod and this check compare the pods' labels); Istio's
    Gateway reference."""
    found = intended_gateways(facts)
    if not found.labels:
        yield skip(f"The {facts.gateway.ref} has no pods and no Deployments to select (deployment-not-available).")
        return
    facts.all(Gateway)
    # VirtualServices show for which egress gateway an unused Gateway is intended. If they are unreadable and this gateway
    # has a Gateway of its own, the unused one may be another gateway's.
    sure = not found.selected or facts.gap(VirtualService) is None
    for gateway in found.intended if sure else ():
        if gateway_full_name(gateway) not in found.undiscovered and (_hosts(facts, gateway) or not facts.question.host):
            yield _mismatch(facts, found, gateway)
    for gateway in found.selected:
        if (pod := ingress_pod_of(facts, gateway)) is not None or not gateway.selector:
            yield _too_broad(facts, found, gateway, pod.ref if pod else "every gateway of the cluster")
    if not found.selected or found.idle or not _every_pod(found):
        # A VirtualService may name an unused Gateway for this gateway, or one that selects only some of its pods.
        facts.all(VirtualService)
    if not found.selected:
        yield _without_gateway(facts, found)
        return
    require_settings(facts)
    yield healthy(
        f"{_names(found.selected)} select{'s' if len(found.selected) == 1 else ''} the pods of {facts.gateway.ref}.",
        evidence=[Evidence(each.ref, "spec.selector", _written(each.selector)) for each in found.selected[:20]],
    )


def _every_pod(found: IntendedGateways) -> bool:
    """Whether each Gateway that selects a pod of the gateway selects all of them."""
    return all(selects(gateway.selector, labels) for gateway in found.selected for labels in found.labels)


def _hosts(facts: Facts, gateway: Gateway) -> list[str]:
    """The hosts of the run for which a Gateway has a server."""
    own = [name for server in gateway.servers for name in server.host_names]
    return [host for host in examined_hosts(facts) if any(common_host(host, each) for each in own)]


def _names(gateways: tuple[Gateway, ...]) -> str:
    first = ", ".join(each.ref for each in gateways[:3])
    return first + (f" and {len(gateways) - 3} more" if len(gateways) > 3 else "")


def _written(selector: dict[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(selector.items())) or "(empty)"


def _mismatch(facts: Facts, found: IntendedGateways, gateway: Gateway) -> Observation:
    """A Gateway that is intended for these pods.

    It is a failure unless its hosts are routed without it.
    """
    name, hosts = gateway_full_name(gateway), _hosts(facts, gateway)
    neighbour = bool(found.selected) and name not in found.named | found.near
    routed = bool(hosts) and bool(found.selected) and set(hosts) <= hosts_through(facts)
    observe = warn if neighbour or routed else fail
    wanted = _written(pod_label(found.labels))
    return observe(
        f"{gateway.ref} selects {_written(gateway.selector)}, but the pods of {facts.gateway.ref} have {wanted}.",
        subject=gateway.ref,
        evidence=[Evidence(gateway.ref, "spec.selector", _written(gateway.selector), wanted)],
        actions=_fix(facts, found, gateway),
        about=hosts_of_servers(hosts),
    )


def _fix(facts: Facts, found: IntendedGateways, gateway: Gateway) -> list[Action]:
    app = found.labels[0].get("app", "")
    pods = kubectl("get", "pods", "--show-labels", "-l", f"app={app}", namespace=facts.gateway.namespace)
    return [
        show_object(gateway),
        inspect("Show the labels of the gateway's pods", pods),
        change(
            selecting_title(gateway, facts.gateway.namespace),
            "" if _is_shared(facts, found, gateway) else selecting(gateway, found.labels).command,
            TSG,
            "the gateway opens the ports of its servers within seconds",
        ),
    ]


def _is_shared(facts: Facts, found: IntendedGateways, gateway: Gateway) -> bool:
    """Whether another gateway's proxies would lose servers that are meant for them.

    They are not meant for them if every VirtualService of the Gateway leads to this gateway's Service.
    """
    if not selects_other_gateways(facts, gateway, found.labels):
        return False
    bound = routing_index(facts).bound_to(gateway_full_name(gateway))
    leading = (any(to == facts.gateway.service_host for _, to in destinations_in(each)) for each in bound)
    return not bound or not all(leading)


def _without_gateway(facts: Facts, found: IntendedGateways) -> Observation:
    """The result for a gateway that no Gateway selects.

    Nothing is configured, or another check has the reason.
    """
    if found.undiscovered:
        return skip(f"Istiod discovers no Gateway for the pods of {facts.gateway.ref} (namespace-not-discovered).")
    egress = facts.gateway
    for each in facts.readable(KubernetesGateway):
        if each.has_address(egress.service_host):
            return skip(
                f"No Istio Gateway selects the pods of {egress.ref}: {each.ref} of the Gateway API opens its ports."
            )
    if configured_hosts(facts).routes:
        return skip(f"No Gateway selects the pods of {facts.gateway.ref}, and no request arrives there.")
    return _unconfigured(facts)


def _unconfigured(facts: Facts) -> Observation:
    return warn(
        nothing_configured(facts),
        subject=facts.gateway.ref,
        evidence=[
            Evidence("gateways.networking.istio.io", "spec.selector", "(no match)", facts.gateway.name),
            Evidence("virtualservices.networking.istio.io", "destination", "(none)", facts.gateway.service_host),
        ],
        actions=[
            inspect("List all Gateways", kubectl("get", "gateways.networking.istio.io", "-A"), ISTIO_EGW),
            inspect(
                "List all VirtualServices; the linked page shows how to create a first route",
                kubectl("get", "virtualservices.networking.istio.io", "-A"),
                HOWTO,
            ),
        ],
    )


def _too_broad(facts: Facts, found: IntendedGateways, gateway: Gateway, others: str) -> Observation:
    return warn(
        f"{gateway.ref} {f'has selector {_written(gateway.selector)}, which' if gateway.selector else 'has no selector and'} "
        f"also matches {others}: its servers open ports there too.",
        subject=gateway.ref,
        evidence=[
            Evidence(gateway.ref, "spec.selector", _written(gateway.selector), _written(pod_label(found.labels)))
        ],
        actions=_fix(facts, found, gateway),
        about=hosts_of_servers(_hosts(facts, gateway)),
    )
