"""A run without a host has a failure for each configured host that is not routed.

It has none for other hosts.
"""

from typing import Any

import pytest

from checks.catalogue import catalogue
from checks.model.findings import Finding, Report, Stage, Status
from checks.model.route import Outcome
from tests.checks.engine.damages import rewritten
from tests.checks.istio.trace.breakages import ALL, BREAKAGES, HTTP, Breakage, client_host_of, host_of, port_of
from tests.clusters.compose import Cluster, Manifest, compose, named
from tests.recordings import diagnosed, question

CHECKS = catalogue()
ISTIO = [each for each in CHECKS if each.stage is Stage.ISTIO]
# B36 is read from the access log, and after B26 no object configures the host. A client of the question is the subject of
# the tests with a host.
CASES = [
    pytest.param(each, on, id=f"{each} on {on}")
    for each in BREAKAGES
    for on in each.on
    if each.b not in ("B26", "B36") and each.client is None
]


_NAMING = ("Gateway", "ServiceEntry", "VirtualService", "DestinationRule")


def report(cluster: Cluster, host: str | None = None) -> Report:
    return diagnosed(cluster, question(cluster, "team-egress/egw", host), CHECKS if host else ISTIO).finish(0.0)


def failures(cluster: Cluster) -> list[Finding]:
    return [each for each in report(cluster).findings if each.status is Status.FAIL]


@pytest.mark.parametrize("on", ALL)
def test_a_healthy_mesh_has_no_failure(on: str) -> None:
    assert failures(named(on)) == []


@pytest.mark.slow
@pytest.mark.parametrize(("broken", "on"), CASES)
def test_a_configured_host_fails_if_and_only_if_it_is_not_routed(broken: Breakage, on: str) -> None:
    cluster = broken.do(named(on), on)
    route = report(cluster, f"{client_host_of(on)}:{port_of(on)}").route
    assert route is not None
    found = failures(cluster)
    if route.outcome is Outcome.THROUGH:
        assert found == []
    elif route.outcome is not Outcome.UNKNOWN:
        assert found
        assert {one.name for each in found for one in each.about if one.kind == "host"} & {
            host_of(on),
            client_host_of(on),
        }


@pytest.mark.parametrize("kinds", [("Gateway",), ("ServiceEntry",), ("VirtualService",), _NAMING])
@pytest.mark.parametrize("on", [HTTP, "tls-passthrough"])
def test_a_host_with_a_dot_at_the_end_is_not_the_host_that_applications_request(
    on: str, kinds: tuple[str, ...]
) -> None:
    """A run with the host and one without report the same request."""
    host = host_of(on)

    def dotted(kind: str, key: str, value: Any) -> Any:
        names = kind in kinds and key in ("hosts", "host") and isinstance(value, str)
        return value.replace(host, f"{host}.") if names else value

    cluster = rewritten(named(on), dotted)
    found = [
        {each.check for each in report(cluster, each).findings if each.status is Status.FAIL} for each in (host, None)
    ]
    assert found[0]
    assert found[1] == found[0]


def another_host(host: str) -> list[Manifest]:
    """The objects of one more HTTP host on the gateway of the base cluster."""
    name = host.partition(".")[0]
    networking = "networking.istio.io/v1"
    place = {"namespace": "team-egress"}
    port = {"number": 80, "name": "http", "protocol": "HTTP"}
    to_gateway = {"host": "egw.team-egress.svc.cluster.local", "port": {"number": 80}}
    entry = {"hosts": [host], "ports": [port], "resolution": "DNS", "location": "MESH_EXTERNAL"}
    rules = [
        {"match": [{"gateways": ["mesh"], "port": 80}], "route": [{"destination": to_gateway}]},
        {
            "match": [{"gateways": [f"{name}-gateway"], "port": 80}],
            "route": [{"destination": {"host": host, "port": {"number": 80}}}],
        },
    ]
    return [
        {"apiVersion": networking, "kind": "ServiceEntry", "metadata": {"name": name, **place}, "spec": entry},
        {
            "apiVersion": networking,
            "kind": "Gateway",
            "metadata": {"name": f"{name}-gateway", **place},
            "spec": {"selector": {"istio": "egw"}, "servers": [{"hosts": [host], "port": port}]},
        },
        {
            "apiVersion": networking,
            "kind": "VirtualService",
            "metadata": {"name": name, **place},
            "spec": {"hosts": [host], "gateways": [f"{name}-gateway", "mesh"], "http": rules},
        },
    ]


def with_hosts(*hosts: str) -> Cluster:
    return compose(named(HTTP), {"add": [each for host in hosts for each in another_host(host)]})


def test_one_fault_of_several_hosts_is_one_finding() -> None:
    hosts = [f"api{number}.example" for number in range(5)]
    stop = {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "stop", "namespace": "team-egress"},
        "spec": {"action": "DENY", "rules": [{}]},
    }
    found = failures(compose(with_hosts(*hosts), {"add": [stop]}))
    assert [each.check for each in found] == ["authorization-denies"]
    assert {one.name for one in found[0].about if one.kind == "host"} == {*hosts, "edition.cnn.com"}
    assert found[0].summary == (
        "AuthorizationPolicy team-egress/stop denies every request at the gateway: requests to api0.example, api1.example, "
        "api2.example and 3 more hosts get 403 (RBAC: access denied)."
    )


def test_each_host_has_its_own_fault() -> None:
    patch = {"remove": ["ServiceEntry team-egress/api1", "VirtualService team-egress/api2"]}
    found = failures(compose(with_hosts("api1.example", "api2.example"), patch))
    subjects = {each.check: each.subject for each in found}
    assert subjects == {
        "service-entry-missing": "host api1.example",
        "virtual-service-route-broken": "host api2.example",
    }


def test_the_causes_of_many_hosts_are_cut_but_every_host_is_named() -> None:
    hosts = [f"api{number}.example" for number in range(24)]
    patch = {"remove": [f"ServiceEntry team-egress/api{number}" for number in range(24)]}
    found = failures(compose(with_hosts(*hosts), patch))
    named_hosts = {one.name for each in found for one in each.about if one.kind == "host"}
    assert named_hosts == set(hosts)
    cut = [each for each in found if each.check == "virtual-service-route-broken"]
    assert len(cut) == 1
    assert "no cause was searched for these; `--host` shows one" in cut[0].summary


def test_a_policy_for_one_path_leaves_the_host_routed() -> None:
    """A request that meets the policy goes through; the gateway is configured for it."""
    policy = {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "posts", "namespace": "team-egress"},
        "spec": {"rules": [{"to": [{"operation": {"methods": ["POST"], "paths": ["/orders/*"]}}]}]},
    }
    assert failures(compose(named(HTTP), {"add": [policy]})) == []


def test_pods_that_are_not_ready_conceal_no_fault_of_the_configuration() -> None:
    wrong = {"kind": "Gateway", "metadata": {"namespace": "team-egress", "name": "istio-egressgateway"}}
    patch = {
        "remove": ["Pod team-egress/*", "EndpointSlice team-egress/*"],
        "change": [{**wrong, "spec": {"selector": {"istio": "egress"}}}],
    }
    assert [each.check for each in failures(compose(named(HTTP), patch))] == ["gateway-selector-mismatch"]
