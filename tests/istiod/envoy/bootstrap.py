"""Envoy's own bootstrap from the configuration that istiod pushes.

It has neither Istio's filters nor its servers.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.istiod.envoy.certificates import Authorities
from tests.istiod.envoy.names import with_resolver

Json = dict[str, Any]

_ISTIO = ("stats.PluginConfig", "udpa.type.v1.TypedStruct", "xds.type.v3.TypedStruct", "istio.", "io.istio.")
_MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_TCP = "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_DYNAMIC = "envoy.clusters.dynamic_forward_proxy"
_LOG = {
    "code": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "closed": "%CONNECTION_TERMINATION_DETAILS%",
    "cluster": "%UPSTREAM_CLUSTER%",
    "upstream": "%UPSTREAM_HOST%",
    "failure": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
    "authority": "%REQ(:AUTHORITY)%",
    "sni": "%REQUESTED_SERVER_NAME%",
}


class Unusable(Exception):
    """A part of the configuration that a static Envoy cannot have."""


class Bootstrap:
    """The bootstrap of one proxy."""

    def __init__(
        self,
        pushed: Json,
        identity: str,
        addresses: Sequence[str],
        authorities: Authorities,
        resolve: Callable[[str], str | None],
    ) -> None:
        self._pushed = copy.deepcopy(pushed)
        self._identity, self._addresses = identity, addresses
        self._authorities, self._resolve = authorities, resolve
        self._routes = {each["name"]: each for each in self._pushed["routes"]}
        self._endpoints = {each["cluster_name"]: each for each in self._pushed["endpoints"]}
        self._secrets = self._pushed.get("secrets") or {}
        self._http_clusters: set[str] = set()
        self._log: Json = {}

    def written(self, log: Path, *, outbound: int | None, admin: int) -> Json:
        """The bootstrap.

        `outbound` is the port at which a sidecar takes connections with a PROXY header.
        """
        self._log = {
            "name": "file",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                "path": str(log),
                "log_format": {"json_format": _LOG},
            },
        }
        listeners = [each for listener in self._pushed["listeners"] for each in self._listener(listener, outbound)]
        clusters = [each for cluster in self._pushed["clusters"] for each in self._cluster(cluster)]
        bind = {"source_address": {"address": self._addresses[0], "port_value": 0}}
        loopback = {"socket_address": {"address": "127.0.0.1", "port_value": admin}}
        runtime = {"envoy": {"features": {"enable_all_deprecated_features": True}}}
        return {
            "node": {"id": self._identity, "cluster": "judge"},
            "admin": {"address": loopback},
            "layered_runtime": {"layers": [{"name": "deprecated", "static_layer": runtime}]},
            "cluster_manager": {"upstream_bind_config": bind} if self._addresses[0] else {},
            "static_resources": with_resolver({"listeners": listeners, "clusters": clusters}),
        }

    # Listeners

    def _listener(self, listener: Json, outbound: int | None) -> Iterator[Json]:
        name = listener["name"]
        if name == "virtualInbound" or any(self._waits(chain) for chain in _chains(listener)):
            return
        if name == "virtualOutbound":
            if outbound is None:
                return
            listener["address"] = {"socket_address": {"address": "127.0.0.1", "port_value": outbound}}
            kept = [each for each in listener.get("listener_filters", ()) if not each["name"].endswith("original_dst")]
            listener["listener_filters"] = [_PROXY_PROTOCOL, *kept]
        elif listener.get("bind_to_port", True):
            self._bind(listener)
        listener["access_log"] = [self._log]
        for chain in _chains(listener):
            self._chain(chain)
        yield listener

    def _bind(self, listener: Json) -> None:
        """Any address becomes that of each pod: several proxies share one network here."""
        socket = listener["address"]["socket_address"]
        if socket["address"] in ("0.0.0.0", "::"):
            first, *others = [{**socket, "address": address} for address in self._addresses]
            listener["address"] = {"socket_address": first}
            listener["additional_addresses"] = [{"address": {"socket_address": each}} for each in others]
        else:
            listener.pop("additional_addresses", None)

    def _chain(self, chain: Json) -> None:
        chain["filters"] = _without_istio(chain.get("filters", ()))
        if "transport_socket" in chain:
            self._tls(chain["transport_socket"], server=True)
        for each in chain["filters"]:
            config = each.get("typed_config", {})
            if config.get("@type", "").endswith(_MANAGER):
                self._manager(config)
            elif config.get("@type", "").endswith(_TCP):
                config["access_log"] = [self._log]

    def _manager(self, config: Json) -> None:
        config.pop("tracing", None)
        config["access_log"] = [self._log]
        config["http_filters"] = _without_istio(config.get("http_filters", ()))
        if "rds" in config:
            name = config.pop("rds")["route_config_name"]
            config["route_config"] = copy.deepcopy(self._routes.get(name, {"name": name}))
        routes = config["route_config"]
        routes["validate_clusters"] = False
        for host in routes.get("virtual_hosts", ()):
            host.pop("typed_per_filter_config", None) if _only_istio(host) else None
            for route in host.get("routes", ()):
                route.pop("decorator", None)
                self._http_clusters |= set(_clusters(route.get("route", {})))

    def _waits(self, chain: Json) -> bool:
        return self._missing(chain.get("transport_socket", {}).get("typed_config", {}))

    def _missing(self, context: Json) -> bool:
        common = context.get("common_tls_context", {})
        names = [(each["name"], "certificate") for each in common.get("tls_certificate_sds_secret_configs", ())]
        secret = common.get("combined_validation_context", common).get("validation_context_sds_secret_config")
        names += [(secret["name"], "authority")] if secret else []
        return any(name in self._secrets and part not in self._secrets[name] for name, part in names)

    # Clusters

    def _cluster(self, cluster: Json) -> Iterator[Json]:
        if cluster.get("cluster_type", {}).get("name", _DYNAMIC) != _DYNAMIC:
            raise Unusable(f"cluster type {cluster['cluster_type']['name']}")
        cluster["filters"] = _without_istio(cluster.get("filters", ()))
        for field in ("upstream_bind_config", "typed_dns_resolver_config", "dns_jitter", "respect_dns_ttl"):
            cluster.pop(field, None)
        sockets = [each["transport_socket"] for each in cluster.get("transport_socket_matches", ())]
        sockets += [cluster["transport_socket"]] if "transport_socket" in cluster else []
        if any(self._missing(each.get("typed_config", {})) for each in sockets):
            return  # it stays warming: for routes it is not there
        for each in sockets:
            self._tls(each, server=False)
            if cluster["name"] in self._http_clusters:
                _alpn_of_http(each, cluster)
        match cluster.get("type", "" if "cluster_type" in cluster else "STATIC"):
            case "EDS":
                name = cluster.pop("eds_cluster_config", {}).get("service_name") or cluster["name"]
                found = self._endpoints.get(name, {})
                cluster |= {"type": "STATIC", "load_assignment": {**found, "cluster_name": cluster["name"]}}
            case "STRICT_DNS" | "LOGICAL_DNS":
                cluster |= {"type": "STATIC", "load_assignment": self._resolved(cluster["load_assignment"])}
            case _:
                pass
        yield cluster

    def _resolved(self, assignment: Json) -> Json:
        for group in assignment.get("endpoints", ()):
            kept = []
            for each in group.get("lb_endpoints", ()):
                socket = each["endpoint"]["address"]["socket_address"]
                address = self._resolve(socket["address"])
                if address is not None:
                    socket["address"] = address
                    kept.append(each)
            group["lb_endpoints"] = kept
        return assignment

    # TLS

    def _tls(self, socket: Json, *, server: bool) -> None:
        config = socket.get("typed_config", {})
        if not config.get("@type", "").endswith("TlsContext"):
            return
        common = config.get("common_tls_context", {})
        names = [each["name"] for each in common.pop("tls_certificate_sds_secret_configs", ())]
        if names:
            common["tls_certificates"] = [self._certificate(name, server=server).inline() for name in names[:1]]
        combined = common.pop("combined_validation_context", {})
        validation = combined.get("default_validation_context") or common.pop("validation_context", {})
        secret = combined.get("validation_context_sds_secret_config") or common.pop(
            "validation_context_sds_secret_config", None
        )
        if secret:
            validation["trusted_ca"] = self._authorities.trusted(_authority(secret["name"], server=server))
        if "match_subject_alt_names" in validation:
            validation["match_typed_subject_alt_names"] = [
                {"san_type": "URI" if "://" in str(matcher) else "DNS", "matcher": matcher}
                for matcher in validation.pop("match_subject_alt_names")
            ]
        if validation:
            common["validation_context"] = validation

    def _certificate(self, name: str, *, server: bool) -> Any:
        if name == "default":
            return self._authorities.workload(self._identity)
        return self._authorities.server("*.bank.example", "www.other.example") if server else self._authorities.client()


_PROXY_PROTOCOL = {
    "name": "envoy.filters.listener.proxy_protocol",
    "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol"},
}


def _authority(secret: str, *, server: bool) -> str:
    if secret == "ROOTCA":
        return "mesh"
    return "other" if server else "public"


def _chains(listener: Json) -> Iterable[Json]:
    yield from listener.get("filter_chains", ())
    if "default_filter_chain" in listener:
        yield listener["default_filter_chain"]


def _without_istio(filters: Iterable[Json]) -> list[Json]:
    return [each for each in filters if not _is_istio(each.get("typed_config", {}))]


def _is_istio(config: Json) -> bool:
    return str(config.get("@type", "")).rpartition("/")[2].startswith(_ISTIO)


def _only_istio(host: Json) -> bool:
    return all(_is_istio(config) for config in host.get("typed_per_filter_config", {}).values())


def _clusters(action: Json) -> Iterator[str]:
    if "cluster" in action:
        yield action["cluster"]
    for each in action.get("weighted_clusters", {}).get("clusters", ()):
        yield each["name"]


def _alpn_of_http(socket: Json, cluster: Json) -> None:
    """The protocols that Istio's own filter offers for HTTP requests.

    They replace those for TCP.
    """
    common = socket.get("typed_config", {}).get("common_tls_context", {})
    if "istio" not in common.get("alpn_protocols", ()):
        return
    options = cluster.get("typed_extension_protocol_options", {}).get(_OPTIONS, {})
    http2 = "http2_protocol_options" in options.get("explicit_http_config", {})
    common["alpn_protocols"] = ["istio-h2", "istio", "h2"] if http2 else ["istio-http/1.1", "istio", "http/1.1"]
