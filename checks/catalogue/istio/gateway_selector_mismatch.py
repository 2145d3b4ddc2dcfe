"""EG505: no Istio Gateway selects the egress gateway's pods."""

from collections.abc import Iterator

from checks.engine.check import Because, check
from checks.facts.istio_networking import Gateway, VirtualService
from checks.facts.view import Facts
from checks.istio.faults.requested import ROUTER_READS, decided_by_router
from checks.istio.route.carried import (
    HOST_READS,
    Configuration,
    asked_host,
    configuration,
    judged,
    judged_on,
    nothing_configured,
    served,
)
from checks.istio.route.corrections import applied, listed, manifest, patched, show
from checks.istio.route.gateways import ingress_selected
from checks.istio.route.registry import gateway_named
from checks.istio.route.rules import MESH, gateway_refs
from checks.istio.route.visibility import settle
from checks.model.commands import HOWTO, ISTIO_EGW, TSG, change, inspect, kubectl
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, skip, warn


@check(
    code="EG505",
    title="No Gateway selects the egress gateway's pods",
    severity=Severity.BLOCKS,
    hop="egress gateway",
    article=("IST-3",),
    reads=tuple(dict.fromkeys((*HOST_READS, *ROUTER_READS))),
    explains={
        "gateway-server-unreachable": Because(
            "a Gateway opens no port on pods that it does not select", share="server"
        ),
        "virtual-service-route-broken": Because(
            "a VirtualService applies at the gateway only through a Gateway that selects its pods", share="server"
        ),
    },
)
@decided_by_router("gateway-selector-mismatch")
def gateway_selector_mismatch(facts: Facts) -> Iterator[Observation]:
    """What it checks: the selectors of all Istio Gateways against the labels of the egress gateway's pods, or of its
    Deployments' pod templates if there are no pods. It fails for each Gateway that is intended for this egress gateway
    and does not select it: one that a VirtualService with a route to the gateway's Service names, one in its namespace
    that selects no pod, or one whose selector differs by a typo. A selector that also matches ingress gateways warns.

    Why it matters: a Gateway opens its ports only on the pods that it selects. Without one the gateway's ports are
    closed, and requests get 503 or a refused connection.

    What usually fixes it: setting `spec.selector` to the label `istio` of the gateway's pods.

    Source: article IST-3 (it compares the Service's label; istiod and this check compare the pods' labels); Istio's
    Gateway reference."""
    facts.all(Gateway)
    found = configuration(facts)
    if not found.labels:
        yield skip(f"The {facts.gateway.ref} has no pods and no Deployments to select (deployment-not-available).")
        return
    # VirtualServices show for which egress gateway an unused Gateway is intended. If they are unreadable and this gateway
    # has a Gateway of its own, the unused one may be another gateway's.
    sure = not found.selected or facts.gap(VirtualService) is None
    for gateway in found.intended if sure else ():
        if not asked_host(facts) or judged_on(facts, gateway):
            yield _mismatch(facts, found, gateway)
    if not found.selected and not found.intended:
        facts.all(VirtualService)
        yield _none(facts, found)
        return
    for gateway in found.selected:
        if (pod := ingress_selected(facts, gateway)) is not None or not gateway.selector:
            yield _too_broad(facts, found, gateway, pod.ref if pod else "every gateway of the cluster")
    facts.all(VirtualService)
    settle(facts)
    yield healthy(
        f"{_names(found.selected)} select{'s' if len(found.selected) == 1 else ''} the pods of {facts.gateway.ref}.",
        evidence=[Evidence(each.ref, "spec.selector", _written(each.selector)) for each in found.selected[:20]],
    )


def _names(gateways: tuple[Gateway, ...]) -> str:
    first = ", ".join(each.ref for each in gateways[:3])
    return first + (f" and {len(gateways) - 3} more" if len(gateways) > 3 else "")


def _written(selector: dict[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(selector.items())) or "(empty)"


def _label(found: Configuration) -> dict[str, str]:
    """The label of the gateway's pods that the add-on sets for selection."""
    first = dict(found.labels[0])
    return {"istio": first["istio"]} if "istio" in first else {"app": first["app"]} if "app" in first else first


def _mismatch(facts: Facts, found: Configuration, gateway: Gateway) -> Observation:
    name = f"{gateway.namespace}/{gateway.name}"
    hosts = judged_on(facts, gateway)
    if name in found.hidden:
        return fail(
            f"Istiod does not discover namespace {gateway.namespace}, whose {gateway.ref} selects the pods of "
            f"{facts.gateway.ref}.",
            subject=gateway.ref,
            evidence=[
                Evidence(
                    found.mesh.written[0],
                    "data.mesh",
                    "discoverySelectors",
                    f"a selector that matches {gateway.namespace}",
                )
            ],
            actions=[inspect("Show the mesh configuration", _mesh_command(found), TSG), show(gateway)],
            about=[*served(hosts), Involved("namespace", gateway.namespace)],
        )
    unused_neighbour = bool(found.selected) and name not in found.named | found.near
    elsewhere = bool(hosts) and all(any(s.serves(h) and s.lost_to is None for s in found.servers) for h in hosts)
    observe = warn if unused_neighbour or (elsewhere and name not in found.named) else fail
    return observe(
        f"{gateway.ref} selects {_written(gateway.selector)}, but the pods of {facts.gateway.ref} have "
        f"{_written(_label(found))}.",
        subject=gateway.ref,
        evidence=[Evidence(gateway.ref, "spec.selector", _written(gateway.selector), _written(_label(found)))],
        actions=_fix(facts, found, gateway),
        about=served(hosts),
    )


def _mesh_command(found: Configuration) -> str:
    return kubectl(
        "get", "configmap", found.mesh.written[0].rpartition("/")[2], "-o", "yaml", namespace="aks-istio-system"
    )


def _fix(facts: Facts, found: Configuration, gateway: Gateway) -> list[Action]:
    actual = found.labels[0]
    wrong: dict[str, str | None] = {k: None for k, v in gateway.selector.items() if actual.get(k) != v}
    pods = kubectl(
        "get", "pods", "--show-labels", "-l", f"app={actual.get('app', '')}", namespace=facts.gateway.namespace
    )
    return [
        show(gateway),
        inspect("Show the labels of the gateway's pods", pods),
        change(
            f"Patch {gateway.ref} to select the gateway's pods",
            patched(gateway, {"spec": {"selector": {**wrong, **_label(found)}}}),
            TSG,
            "the gateway opens the ports of its servers within seconds",
        ),
    ]


def _none(facts: Facts, found: Configuration) -> Observation:
    if not found.routes:
        return _unconfigured(facts)
    routes = ", ".join(each.ref for each in found.routes[:3])
    return fail(
        f"No Gateway selects the pods of {facts.gateway.ref}, to which {routes} routes requests.",
        subject=facts.gateway.ref,
        evidence=[
            Evidence("gateways.networking.istio.io", "spec.selector", "(no match)", _written(_label(found))),
            *(Evidence(each.ref, "spec.gateways", ", ".join(each.gateways)) for each in found.routes[:3]),
        ],
        actions=[
            inspect("List all Gateways", listed(Gateway)),
            change(
                "Create a Gateway that selects the gateway's pods",
                _create(facts, found),
                ISTIO_EGW,
                "the gateway opens the ports of the Gateway's servers",
            ),
        ],
        about=served(judged(facts)),
    )


def _unconfigured(facts: Facts) -> Observation:
    return warn(
        nothing_configured(facts),
        subject=facts.gateway.ref,
        evidence=[
            Evidence("gateways.networking.istio.io", "spec.selector", "(no match)", facts.gateway.name),
            Evidence("virtualservices.networking.istio.io", "destination", "(none)", facts.gateway.service_host),
        ],
        actions=[
            inspect("List all Gateways", listed(Gateway), ISTIO_EGW),
            inspect(
                "List all VirtualServices; the linked page shows how to create a first route",
                listed(VirtualService),
                HOWTO,
            ),
        ],
    )


def _create(facts: Facts, found: Configuration) -> str:
    """The Gateway that the VirtualServices name, with a server for each kind of rule."""
    namespace, name = facts.gateway.namespace, f"{facts.gateway.name}-hosts"
    refs = [ref for route in found.routes for ref in gateway_refs(route) if ref != MESH]
    for ref in (ref for ref in refs if gateway_named(facts, ref) is None):
        namespace, _, name = ref.partition("/")
        break
    hosts = list(judged(facts))
    servers: list[dict[str, object]] = []
    if any(route.http for route in found.routes) or not any(route.tls for route in found.routes):
        servers.append({"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": hosts})
    if any(route.tls for route in found.routes):
        port = {"number": 443, "name": "tls", "protocol": "TLS"}
        servers.append({"port": port, "hosts": hosts, "tls": {"mode": "PASSTHROUGH"}})
    return applied(manifest("Gateway", name, namespace, {"selector": _label(found), "servers": servers}))


def _too_broad(facts: Facts, found: Configuration, gateway: Gateway, others: str) -> Observation:
    return warn(
        f"{gateway.ref} {f'has selector {_written(gateway.selector)}, which' if gateway.selector else 'has no selector and'} "
        f"also matches {others}: its servers open ports there too.",
        subject=gateway.ref,
        evidence=[Evidence(gateway.ref, "spec.selector", _written(gateway.selector), _written(_label(found)))],
        actions=_fix(facts, found, gateway),
        about=served(judged_on(facts, gateway)),
    )
