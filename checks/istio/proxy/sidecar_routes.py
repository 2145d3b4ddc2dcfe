"""The route configurations of a sidecar.

Source: Istio `buildSidecarOutboundHTTPRouteConfig` in `pilot/pkg/networking/core/httproute.go`."""

from checks.istio.mesh.egress_listeners import EgressListener
from checks.istio.mesh.proxies import Proxy
from checks.istio.mesh.scope import SidecarScope
from checks.istio.proxy.clusters import PASSTHROUGH, ClusterName
from checks.istio.proxy.listeners import Provenance
from checks.istio.proxy.routes import HttpRoute, RouteConfiguration, VirtualHost
from checks.istio.proxy.virtual_hosts import virtual_hosts
from checks.model.raw_values import number, text


def sidecar_routes(scope: SidecarScope, proxy: Proxy, name: str, authority: str) -> RouteConfiguration | None:
    """The part of a sidecar's route configuration that decides about an authority.

    The configuration is that of a port, or of one service (`host:port`) whose protocol is detected.
    """
    host, _, written = name.rpartition(":")
    port = int(written)
    egress = _egress(scope, port)
    if egress is None:
        return None
    if host:
        own = [each for each in virtual_hosts(egress, proxy, port, host) if {name, host} & set(each.domains)]
        return RouteConfiguration(name, {"*": own[0]} if len(own) == 1 else {})
    hosts = [*virtual_hosts(egress, proxy, port, authority.lower()), _catch_all(scope)]
    # Envoy compares domains without regard to case.
    return RouteConfiguration(name, {domain.lower(): each for each in hosts for domain in each.domains})


def _egress(scope: SidecarScope, port: int) -> EgressListener | None:
    exact = next((each for each in scope.listeners if each.port == port), None)
    return exact or next((each for each in scope.listeners if not each.port), None)


def _catch_all(scope: SidecarScope) -> VirtualHost:
    origin = Provenance(scope.sidecar, "outboundTrafficPolicy.mode")
    if scope.outbound_policy in ("ALLOW_ANY", "ALLOW_ANY_DYNAMIC_DNS"):
        name = ClusterName(PASSTHROUGH)
        proxy = scope.egress_proxy
        if scope.outbound_policy == "ALLOW_ANY" and proxy is not None:
            name = ClusterName(text(proxy, "host"), number(proxy, "port", "number") or 0, text(proxy, "subset"))
        return VirtualHost("allow_any", ("*",), (HttpRoute(None, None, ((name, 100, {}),), origin),), origin=origin)
    return VirtualHost("block_all", ("*",), (), 502, origin=origin)
