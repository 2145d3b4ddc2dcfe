"""The filters that decide a request.

They are the network filters of a chain and the HTTP filters of a connection manager.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tests.istiod.walker.configuration import ProxyConfiguration
from tests.istiod.walker.matching import Json, NotModelledError, header_matches, path_matches
from tests.istiod.walker.rbac import Peer, allowed, matching
from tests.istiod.walker.routes import candidates, percentage, virtual_host
from tests.istiod.walker.wire import Connect, Http, Layer

TCP_PROXY = "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
HTTP_MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_RBAC = "envoy.extensions.filters.network.rbac.v3.RBAC"
_SNI_DYNAMIC = "envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig"
_NETWORK_NEUTRAL = (
    "envoy.extensions.filters.network.mongo_proxy.v3.MongoProxy",  # reads along, and never ends a connection
    "stats.PluginConfig",
    "io.istio.network.authn.Config",
    "envoy.tcp.metadataexchange.config.MetadataExchange",
)

_AUTHORIZER = "envoy.extensions.filters.network.ext_authz.v3.ExtAuthz"
_HTTP_AUTHORIZER = "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz"
_HTTP_RBAC = "envoy.extensions.filters.http.rbac.v3.RBAC"
_JWT = "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication"
_FAULT = "envoy.extensions.filters.http.fault.v3.HTTPFault"
_FAULT_NAME = "envoy.filters.http.fault"
_DYNAMIC = "envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig"
_HTTP_NEUTRAL = (
    "stats.PluginConfig",
    "io.istio.http.peer_metadata.Config",
    "io.istio.http.authn.Config",
    "envoy.extensions.filters.http.grpc_stats.v3.FilterConfig",
    "istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig",
    "envoy.extensions.filters.http.cors.v3.Cors",
    "envoy.extensions.filters.http.grpc_web.v3.GrpcWeb",
    "envoy.extensions.filters.http.router.v3.Router",
    _DYNAMIC,
    "envoy.extensions.filters.http.stateful_session.v3.StatefulSession",
    "envoy.extensions.filters.http.compressor.v3.Compressor",
)


def _kind(filtered: Json) -> str:
    config = filtered.get("typed_config", {})
    kind = config.get("type_url") or config.get("@type", "")
    return str(kind).rpartition("/")[2]


class NetworkFilters:
    """The network filters of a filter chain."""

    def __init__(self, chain: Json) -> None:
        self._filters = [(_kind(each), each.get("typed_config", {})) for each in chain.get("filters", ())]
        known = (TCP_PROXY, HTTP_MANAGER, _RBAC, _AUTHORIZER, _SNI_DYNAMIC, *_NETWORK_NEUTRAL)
        unknown = [kind for kind, _ in self._filters if kind not in known]
        if unknown:
            raise NotModelledError(f"network filter {unknown[0].rpartition('.')[2] or 'without type'}")

    def allow(self, peer: Peer) -> bool:
        """Whether all RBAC filters let the connection pass."""
        return _allow(self._filters, (_RBAC, _AUTHORIZER), peer)

    def last(self) -> tuple[str, Json]:
        """The filter that forwards: its kind and configuration."""
        return self._filters[-1] if self._filters else ("", {})

    def dynamic_port(self) -> int | None:
        """The port to which connections go that are forwarded by their SNI."""
        return next(
            (
                int(config["port_value"])
                for kind, config in self._filters
                if kind == _SNI_DYNAMIC and "port_value" in config
            ),
            None,
        )


class Manager:
    """An HTTP connection manager with its filters and route configuration."""

    def __init__(self, proxy: ProxyConfiguration, config: Json) -> None:
        self._proxy = proxy
        self._filters = [
            (_kind(each), each.get("typed_config", {}))
            for each in config.get("http_filters", ())
            if not each.get("disabled")
        ]
        known = (_HTTP_RBAC, _HTTP_AUTHORIZER, _JWT, _FAULT)
        unknown = [kind for kind, _ in self._filters if kind not in (*known, *_HTTP_NEUTRAL)]
        if unknown:
            raise NotModelledError(f"http filter {unknown[0].rpartition('.')[2] or 'without type'}")
        if "rds" in config:
            self.name = str(config["rds"]["route_config_name"])
            self._routes = proxy.routes.get(self.name, {})
        elif "route_config" in config:
            self._routes = config["route_config"]
            self.name = str(self._routes.get("name", ""))
        else:
            raise NotModelledError("scoped routes")

    def authenticated(self, request: Http) -> bool:
        """Whether the JWT filters let a request without a token pass."""
        if request.header("authorization") is not None:
            raise NotModelledError("a request with a token")
        for kind, config in self._filters:
            rules = config.get("rules", ()) if kind == _JWT else ()
            rule: Json = next((each for each in rules if path_matches(each["match"], request)), {})
            if "requires" in rule and not _may_be_missing(rule["requires"]):
                return False
        return True

    def allow(self, peer: Peer) -> bool:
        """Whether all RBAC filters let the request pass."""
        return _allow(self._filters, (_HTTP_RBAC, _HTTP_AUTHORIZER), peer)

    def virtual_host(self, authority: str) -> Json | None:
        """The virtual host of an authority."""
        return virtual_host(self._proxy.domains(self._routes), self._routes, authority)

    def routes(self, host: Json, request: Http | Connect, *, encrypted: bool) -> Iterator[tuple[Json, float]]:
        """The routes that take the request, each with its percentage of what reaches it."""
        return candidates(host, request, encrypted=encrypted)

    def faults(self, host: Json, route: Json, request: Layer) -> Iterator[tuple[int, float]]:
        """The aborts that a fault filter injects: status and percentage."""
        if not isinstance(request, Http):
            return
        for kind, config in self._filters:
            if kind != _FAULT:
                continue
            chosen = route.get("typed_per_filter_config", {}).get(_FAULT_NAME)
            chosen = chosen or host.get("typed_per_filter_config", {}).get(_FAULT_NAME) or config
            abort = chosen.get("abort")
            if not abort or not all(header_matches(each, request) for each in chosen.get("headers", ())):
                continue
            status = int(abort["http_status"]) if "http_status" in abort else 200 if "grpc_status" in abort else None
            if status is None:
                raise NotModelledError("fault by header")
            yield status, percentage(abort.get("percentage", {}))


def _allow(filters: Iterable[tuple[str, Json]], kinds: tuple[str, str], peer: Peer) -> bool:
    """Whether the RBAC filters let a peer pass.

    An authorizer is asked if a shadow rule that matched is one of its own. Its answer is in no configuration.
    """
    (rbac, authorizer), matched = kinds, list[str]()
    queried = False
    for kind, config in filters:
        if kind == rbac:
            if not allowed(config.get("rules", {"action": "LOG"}), peer):
                return False
            matched += matching(config.get("shadow_rules", {}), peer)
        elif kind == authorizer:
            prefix = config["filter_enabled_metadata"]["value"]["string_match"]["prefix"]
            queried = queried or any(name.startswith(prefix) for name in matched)
    if queried:
        raise NotModelledError("external authorizer")
    return True


def _may_be_missing(requirement: Json) -> bool:
    """Whether a JwtRequirement holds without a token."""
    if "requires_any" in requirement:
        return any(_may_be_missing(each) for each in requirement["requires_any"]["requirements"])
    if "requires_all" in requirement:
        return all(_may_be_missing(each) for each in requirement["requires_all"]["requirements"])
    return "allow_missing" in requirement or "allow_missing_or_failed" in requirement
