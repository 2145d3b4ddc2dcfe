"""The patches of EnvoyFilters that apply to a proxy, in the order of istiod.

Source: Istio `EnvoyFilters` in `pilot/pkg/model/push_context.go`, `pilot/pkg/networking/core/envoyfilter`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from checks.facts.istio_networking import EnvoyFilter
from checks.istio.mesh.mesh import Mesh
from checks.istio.mesh.proxies import Proxy
from checks.model.raw_values import Raw, items, mapping, number, text

_HARMLESS: Mapping[str, frozenset[str]] = {
    "CLUSTER": frozenset(
        [
            "alt_stat_name",
            "circuit_breakers",
            "common_http_protocol_options",
            "common_lb_config",
            "connect_timeout",
            "dns_lookup_family",
            "dns_refresh_rate",
            "http_protocol_options",
            "max_requests_per_connection",
            "outlier_detection",
            "per_connection_buffer_limit_bytes",
            "respect_dns_ttl",
            "track_cluster_stats",
            "upstream_connection_options",
        ]
    ),
    "LISTENER": frozenset(
        [
            "access_log",
            "connection_balance_config",
            "enable_reuse_port",
            "listener_filters_timeout",
            "per_connection_buffer_limit_bytes",
            "socket_options",
            "stat_prefix",
            "tcp_backlog_size",
        ]
    ),
    "ROUTE_CONFIGURATION": frozenset(("response_headers_to_add", "response_headers_to_remove")),
    "VIRTUAL_HOST": frozenset(("response_headers_to_add", "response_headers_to_remove", "retry_policy")),
    "HTTP_ROUTE": frozenset(("response_headers_to_add", "response_headers_to_remove")),
    "BOOTSTRAP": frozenset(
        [
            "admin",
            "layered_runtime",
            "overload_manager",
            "stats_config",
            "stats_flush_interval",
            "stats_sinks",
            "tracing",
        ]
    ),
}
"""Settings that do not decide where a request goes, by the part of the configuration."""
_HARMLESS_ROUTE_ACTION = frozenset(["idle_timeout", "max_stream_duration", "retry_policy", "timeout"])
_HARMLESS_MANAGER = frozenset(
    [
        "access_log",
        "common_http_protocol_options",
        "delayed_close_timeout",
        "drain_timeout",
        "generate_request_id",
        "http2_protocol_options",
        "http_protocol_options",
        "preserve_external_request_id",
        "request_headers_timeout",
        "request_timeout",
        "server_header_transformation",
        "server_name",
        "stream_idle_timeout",
        "tracing",
    ]
)
_HARMLESS_FILTERS = ("Compressor", "Cors")
"""HTTP filters that never end a request and leave its route alone."""
_MERGES = ("MERGE", "MERGE_AND_REPLACE_LIST")


@dataclass(frozen=True)
class EnvoyPatch:
    """One patch of an EnvoyFilter."""

    source: EnvoyFilter
    raw: Raw
    certain: bool
    """Whether it applies to the proxy; if not, a condition about the proxy is not known."""

    @cached_property
    def kind(self) -> str:
        """The part of the configuration that it is for, such as `HTTP_ROUTE`."""
        return text(self.raw, "applyTo").upper()

    @cached_property
    def operation(self) -> str:
        return text(self.raw, "patch", "operation").upper()

    @property
    def merges(self) -> bool:
        return self.operation in _MERGES

    @property
    def removes(self) -> bool:
        """Whether it certainly removes what it matches."""
        return self.operation == "REMOVE" and self.certain

    @cached_property
    def value(self) -> Raw:
        """The value that it adds or merges, by field name in snake case."""
        return _snake(mapping(self.raw, "patch", "value"))

    def match(self, *path: str) -> Raw:
        """A part of its match, such as `listener`."""
        return mapping(self.raw, "match", *path)

    @cached_property
    def harmless(self) -> bool:
        """Whether it leaves the route of every request alone."""
        if self.kind == "EXTENSION_CONFIG":
            return True  # only a filter that another patch adds can use it
        if self.kind == "HTTP_FILTER":
            kind = text(self.value, "typed_config", "@type").rpartition(".")[2]
            return self.operation not in ("REMOVE", "REPLACE", *_MERGES) and kind in _HARMLESS_FILTERS
        if not self.merges:
            return False
        if self.kind == "NETWORK_FILTER":
            settings = _snake(mapping(self.value, "typed_config"))
            manager = text(settings, "@type").endswith(".HttpConnectionManager")
            return manager and set(settings) <= {"@type", *_HARMLESS_MANAGER} and set(self.value) <= _NAMED
        if self.kind == "HTTP_ROUTE" and not set(self.route_action) <= _HARMLESS_ROUTE_ACTION:
            return False
        return set(self.value) - {"route"} <= _HARMLESS.get(self.kind, frozenset())

    @cached_property
    def route_action(self) -> Raw:
        """The settings of the action `route` that it merges."""
        return _snake(mapping(self.value, "route"))

    @property
    def new_cluster(self) -> str:
        """The cluster that it sets for routes; "" if it changes anything else or none."""
        plain = set(self.value) <= {"route"} and set(self.route_action) <= {"cluster", *_HARMLESS_ROUTE_ACTION}
        return text(self.route_action, "cluster") if self.merges and plain and self.certain else ""


_NAMED = frozenset(("name", "typed_config"))


def patches_of(mesh: Mesh, proxy: Proxy) -> Iterator[EnvoyPatch]:
    """The patches that apply to a proxy, and those that may apply to it.

    By priority, those of the root namespace before those of the proxy's own, then the oldest first.
    """
    root = mesh.configuration.root
    found = [each for each in mesh.envoy_filters if each.namespace in (root, proxy.namespace) and _selects(each, proxy)]
    found.sort(
        key=lambda each: (
            number(each.raw, "spec", "priority") or 0,
            each.namespace != root,
            text(each.raw, "metadata", "creationTimestamp"),
            f"{each.name}.{each.namespace}",
        )
    )
    contexts = {"", "ANY", "GATEWAY" if proxy.gateway else "SIDECAR_OUTBOUND"}
    version = mesh.configuration.version
    for each in found:
        for patch in items(each.raw, "spec", "configPatches"):
            if text(patch, "match", "context").upper() not in contexts:
                continue
            applies = _is_version(text(patch, "match", "proxy", "proxyVersion"), f"{version.major}.{version.minor}")
            if applies is not False:
                certain = applies is True and not mapping(patch, "match", "proxy", "metadata")
                yield EnvoyPatch(each, patch, certain)


def _selects(source: EnvoyFilter, proxy: Proxy) -> bool:
    references = items(source.raw, "spec", "targetRefs")
    if references:
        name = proxy.labels.get("gateway.networking.k8s.io/gateway-name", "")
        return any(text(each, "kind") == "Gateway" and text(each, "name") == name for each in references)
    return all(proxy.labels.get(key) == value for key, value in source.workload_selector.items())


def _is_version(pattern: str, minor: str) -> bool | None:
    """Whether an expression matches the version of a proxy; None if its patch release decides."""
    if not pattern:
        return True
    try:
        matching = {re.search(pattern, f"{minor}.{patch}") is not None for patch in range(20)}
    except re.error:
        return None
    return matching.pop() if len(matching) == 1 else None


def _snake(value: Raw) -> Raw:
    return {re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", str(key)).lower(): each for key, each in value.items()}
