"""The names of the counters of proxies, istiod and the static egress components.

Source: docs/contract.md#metrics.
"""

REQUESTS = "istio_requests_total"
OPENED = "istio_tcp_connections_opened_total"
DENIED_REQUESTS = ("envoy_http_rbac_denied",)
DENIED_CONNECTIONS = ("envoy_tcp_denied", "envoy_tcp_rbac_denied")
"""Requests and TCP connections that an AuthorizationPolicy denied, without their host.

They are on by default. Source: Istio `pkg/bootstrap/config.go` (`rbacEnvoyStatsMatcherInclusionSuffix`); Envoy documentation,
"Role Based Access Control (RBAC) Filter". The tag `tcp_prefix` of Istio's bootstrap takes `rbac` out of the name.
"""
TIMED_OUT = "envoy_cluster_upstream_cx_connect_timeout"
REFUSED = "envoy_cluster_upstream_cx_connect_fail"
TLS_FAILED = "envoy_cluster_ssl_connection_error"
UNVERIFIED = (
    "envoy_cluster_ssl_fail_verify_error",
    "envoy_cluster_ssl_fail_verify_san",
    "envoy_cluster_ssl_fail_verify_no_cert",
)
LOOKUP_FAILED = "envoy_cluster_update_failure"
CONNECTION_FAILURES = (TIMED_OUT, REFUSED, TLS_FAILED, *UNVERIFIED, LOOKUP_FAILED)
"""Envoy's counters of failed connections, TLS handshakes and DNS lookups by cluster.

Istio turns them off unless `proxyStatsMatcher` includes them. Source: Envoy documentation, "Cluster manager statistics".
"""
REJECTED = "pilot_total_xds_rejects"
PUSH_FAILURES = ("pilot_total_xds_internal_errors", "pilot_xds_push_errors", "pilot_xds_write_timeout")
ISTIOD = (REJECTED, *PUSH_FAILURES)
"""istiod's counters of rejected configuration and failed pushes, for the whole mesh.

Source: Istio `pilot/pkg/xds/monitoring.go`.
"""
COMPONENTS = (
    "cnimanager_podendpoint_operation_failures_total",
    "cnimanager_cni_config_operation_failures_total",
    "cnimanager_node_taint_operation_failures_total",
    "controller_reconcile_fail_count",
)
"""Counters of the static egress components, if a Prometheus scrapes them.

Source: docs/domain/operator-messages.md.
"""
UPTIME = "envoy_server_uptime"
"""Seconds since the proxy started, which show a restart that the counters hide."""
GAUGES = (UPTIME, "istio_build")
