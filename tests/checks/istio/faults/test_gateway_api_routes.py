"""Faults of objects of the Gateway API have a proved change of such an object as fix."""

import copy
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from checks.catalogue import catalogue
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.proved_fault import Proved
from checks.istio.faults.proved_faults import faults_of
from checks.istio.faults.readers import READERS
from checks.istio.request.client_request import ClientRequest
from checks.istio.request.clients import clients_of
from checks.istio.request.outcome import Result
from checks.istio.request.routing import Routing
from checks.model.findings import Stage, Status
from checks.model.route import HopName
from tests.checks.istio.faults.diagnosed import facts_about, outcomes
from tests.checks.istio.trace.traced import istio, plus
from tests.clusters.compose import Cluster, compose, named
from tests.istiod.meshes.canonical import canonical
from tests.istiod.meshes.draft import healthy
from tests.recordings import diagnosed, question

API = "gateway.networking.k8s.io/v1"
HOST, SERVICE = "edition.cnn.com", "egw.team-egress.svc.cluster.local"
Patch = dict[str, Any]
Change = Callable[[Patch], object]


def manifest(kind: str, name: str, spec: Patch, namespace: str = "team-egress") -> Patch:
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def manual_model(kind: str, listener: Patch, port: int) -> dict[str, Patch]:
    """The Gateway with the gateway's Service, and the routes of sidecars and of the gateway."""
    address = {"type": "Hostname", "value": SERVICE}
    backend = {"group": "networking.istio.io", "kind": "Hostname", "name": HOST, "port": port}
    entry = {"group": "networking.istio.io", "kind": "ServiceEntry", "name": "cnn"}
    mesh = {"parentRefs": [entry], "hostnames": [HOST], "rules": [{"backendRefs": [{"name": "egw", "port": port}]}]}
    forward = {"parentRefs": [{"name": "cnn"}], "hostnames": [HOST], "rules": [{"backendRefs": [backend]}]}
    listeners = [{"name": "first", "port": port, "hostname": HOST, **listener}]
    gateway = {"gatewayClassName": "istio", "addresses": [address], "listeners": listeners}
    return {
        "gateway": manifest("Gateway", "cnn", gateway),
        "mesh": manifest(kind, "to-gateway", mesh),
        "forward": manifest(kind, "from-gateway", forward),
    }


HTTP = manual_model("HTTPRoute", {"protocol": "HTTP"}, 80)
TLS = manual_model("TLSRoute", {"protocol": "TLS", "tls": {"mode": "Passthrough"}}, 443)


def cluster_with(objects: dict[str, Patch], on: str, more: Patch | None = None) -> Cluster:
    istio = ["Gateway team-egress/istio-egressgateway", "DestinationRule team-egress/*", "VirtualService team-egress/*"]
    return compose(named(on), {"remove": istio, "add": list(objects.values()), **(more or {})})


def first_fault(cluster: Cluster, scheme: str, port: int) -> tuple[Proved, ...]:
    outcome, faults = next(iter(outcomes(facts_about(cluster, HOST, "team-a"), scheme, HOST, port)))
    assert outcome.result is not Result.THROUGH
    return faults


def broken_at(
    cluster: Cluster, path: str = "/", host: str = HOST, scheme: str = "http", port: int = 80
) -> BrokenRequest:
    """A request from team-a that does not go through the gateway."""
    facts = facts_about(cluster, host, "team-a")
    routing = Routing(facts)
    request = ClientRequest(scheme, host, port, clients_of(facts)[0], path)
    return BrokenRequest(routing, request, routing.outcome(request))


def backend(route: str, **values: Any) -> Change:
    return lambda o: o[route]["spec"]["rules"][0]["backendRefs"][0].update(values)


def spec_of(name: str, **values: Any) -> Change:
    return lambda o: o[name]["spec"].update(values)


def without(name: str) -> Change:
    return lambda o: o.pop(name)


def in_another_namespace(objects: Patch) -> None:
    objects["forward"]["metadata"]["namespace"] = "team-a"
    objects["forward"]["spec"]["parentRefs"] = [{"name": "cnn", "namespace": "team-egress"}]


def attached_elsewhere(objects: Patch) -> None:
    """A route of another namespace names a Gateway there; the listener would allow it."""
    in_another_namespace(objects)
    objects["forward"]["spec"]["parentRefs"] = [{"name": "cnn"}]
    objects["gateway"]["spec"]["listeners"][0]["allowedRoutes"] = {"namespaces": {"from": "All"}}


ELSEWHERE = [{"type": "Hostname", "value": "egww.team-egress.svc.cluster.local"}]
SITUATIONS: dict[str, tuple[Change, str, HopName]] = {
    "no route of sidecars": (without("mesh"), "no-route", HopName.MESH_ROUTE),
    "another port of the gateway": (backend("mesh", port=8080), "elsewhere", HopName.MESH_ROUTE),
    "another Service": (backend("mesh", name="egww"), "elsewhere", HopName.MESH_ROUTE),
    "a Service of another namespace": (backend("mesh", namespace="team-b"), "elsewhere", HopName.MESH_ROUTE),
    "no route of the gateway": (without("forward"), "no-gateway-rule", HopName.GATEWAY_ROUTE),
    "another hostname": (spec_of("forward", hostnames=["www.x.example"]), "not-attached", HopName.GATEWAY_ROUTE),
    "another parent": (spec_of("forward", parentRefs=[{"name": "x"}]), "not-attached", HopName.GATEWAY_ROUTE),
    "a namespace that is not allowed": (in_another_namespace, "not-attached", HopName.GATEWAY_ROUTE),
    "a parent in its own namespace": (attached_elsewhere, "not-attached", HopName.GATEWAY_ROUTE),
    "another listener": (
        lambda o: o["gateway"]["spec"]["listeners"][0].update(hostname="www.x.example"),
        "no-listener",
        HopName.SERVER,
    ),
    "another port of the listener": (
        lambda o: o["gateway"]["spec"]["listeners"][0].update(port=8080),
        "no-server",
        HopName.SERVER,
    ),
    "weight 0 at sidecars": (backend("mesh", weight=0), "no-weight", HopName.MESH_ROUTE),
    "weight 0 at the gateway": (backend("forward", weight=0), "no-weight", HopName.GATEWAY_ROUTE),
    "another address": (spec_of("gateway", addresses=ELSEWHERE), "address-elsewhere", HopName.SERVER),
    "another section": (
        spec_of("forward", parentRefs=[{"name": "cnn", "sectionName": "second"}]),
        "not-attached",
        HopName.GATEWAY_ROUTE,
    ),
    "another port of the parent": (
        spec_of("forward", parentRefs=[{"name": "cnn", "port": 8080}]),
        "not-attached",
        HopName.GATEWAY_ROUTE,
    ),
    "another port of the ServiceEntry": (
        lambda o: o["mesh"]["spec"]["parentRefs"][0].update(port=8080),
        "not-attached",
        HopName.MESH_ROUTE,
    ),
    "another port of the host": (backend("forward", port=8080), "unknown-destination", HopName.ENTRY),
    "another host": (backend("forward", name="www.x.example"), "unknown-destination", HopName.ENTRY),
}


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize(
    ("objects", "on", "scheme", "port"), [(HTTP, "base", "http", 80), (TLS, "tls-passthrough", "https", 443)]
)
def test_a_fault_has_a_fix_of_the_gateway_api(
    situation: str, objects: dict[str, Patch], on: str, scheme: str, port: int
) -> None:
    change, name, hop = SITUATIONS[situation]
    changed = copy.deepcopy(objects)
    change(changed)
    (proved,) = first_fault(cluster_with(changed, on), scheme, port)
    assert (proved.fault.name, proved.fault.hop) == (name, hop)
    assert proved.fix is not None
    assert all("gateway.networking.k8s.io" in each.command for each in proved.fix.changes)
    assert proved.after is not None
    assert proved.after.result is Result.THROUGH


@pytest.mark.parametrize(
    ("objects", "on", "scheme", "port"), [(HTTP, "base", "http", 80), (TLS, "tls-passthrough", "https", 443)]
)
def test_the_manual_model_is_through(objects: dict[str, Patch], on: str, scheme: str, port: int) -> None:
    found = list(outcomes(facts_about(cluster_with(objects, on), HOST, "team-a"), scheme, HOST, port))
    assert [each.result for each, _ in found] == [Result.THROUGH]


ONLY_V1 = [{"path": {"type": "PathPrefix", "value": "/v1"}}]
"""Conditions of a rule that no other path meets."""


@pytest.mark.parametrize(
    ("route", "matches", "path"),
    [
        ("mesh", ONLY_V1, "/v2/accounts"),
        ("mesh", [{"method": "PUT"}], "/"),
        ("forward", ONLY_V1, "/v2/accounts"),
        ("forward", [{"headers": [{"name": "x-team", "value": "a"}]}], "/"),
    ],
)
def test_a_request_that_no_rule_matches_gets_a_rule_in_the_route_that_has_its_host(
    route: str, matches: list[Patch], path: str
) -> None:
    changed = copy.deepcopy(HTTP)
    changed[route]["spec"]["rules"][0]["matches"] = matches
    broken = broken_at(cluster_with(changed, "base"), path)
    (proved,) = faults_of(broken, READERS)[0]
    name = changed[route]["metadata"]["name"]
    assert f"No rule of HTTPRoute team-egress/{name} matches http://{HOST}{path if path != '/' else ''}" in (
        proved.fault.sentence()
    )
    assert proved.fix is not None
    (change,) = proved.fix.changes
    assert str(change.ref) == f"HTTPRoute team-egress/{name}"
    after = Routing(broken.facts.with_changes(proved.fix.changes))
    assert after.outcome(broken.request).result is Result.THROUGH
    other = after.outcome(replace(broken.request, path="/v3"))
    assert path == "/" or (other.result, other.status) == (Result.FAILS, 404)


def test_a_route_stays_attached_to_the_other_listener_that_it_names() -> None:
    changed = copy.deepcopy(HTTP)
    other = {"name": "second", "port": 8080, "protocol": "HTTP", "hostname": HOST}
    changed["gateway"]["spec"]["listeners"].append(other)
    changed["forward"]["spec"]["parentRefs"] = [{"name": "cnn", "sectionName": "second"}]
    (proved,) = first_fault(cluster_with(changed, "base"), "http", 80)
    assert proved.fault.evidence()[0].field == "spec.parentRefs[0].sectionName"
    assert proved.fix is not None
    assert '"path":"/spec/parentRefs/-"' in proved.fix.changes[0].command


def test_a_tls_route_of_sidecars_for_another_name_gets_the_host() -> None:
    changed = copy.deepcopy(TLS)
    spec_of("mesh", hostnames=["www.x.example"])(changed)
    (proved,) = first_fault(cluster_with(changed, "tls-passthrough"), "https", 443)
    assert proved.fault.evidence()[0].field == "spec.hostnames"
    assert proved.fix is not None
    assert '"path":"/spec/hostnames/-"' in proved.fix.changes[0].command
    assert proved.after is not None
    assert proved.after.result is Result.THROUGH


def only_the_gateway(objects: Patch) -> None:
    """A Gateway without a route, and whose listener opens no port."""
    del objects["mesh"], objects["forward"]
    objects["gateway"]["spec"]["listeners"][0].update(protocol="UDP")


SPEAKING_OF_ISTIO = ("No Gateway and no VirtualService", "no request arrives there")


@pytest.mark.parametrize("host", [HOST, None])
@pytest.mark.parametrize(
    "situation", ["whole", "only the Gateway", "no route of sidecars", "another Service", "another parent"]
)
def test_a_gateway_of_the_gateway_api_is_not_called_unconfigured(situation: str, host: str | None) -> None:
    objects = copy.deepcopy(HTTP)
    if situation != "whole":
        (only_the_gateway if situation == "only the Gateway" else SITUATIONS[situation][0])(objects)
    cluster = cluster_with(objects, "base")
    every = [each for each in catalogue() if each.stage is Stage.ISTIO]
    found = diagnosed(cluster, question(cluster, "team-egress/egw", host), every).finish(0.0).findings
    wrong = [each.summary for each in found if any(words in each.summary for words in SPEAKING_OF_ISTIO)]
    assert wrong == []


def test_a_rewritten_hostname_is_the_fault_of_the_route_of_sidecars() -> None:
    changed = copy.deepcopy(HTTP)
    changed["mesh"]["spec"]["rules"][0]["filters"] = [
        {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x", "value": "1"}]}},
        {"type": "URLRewrite", "urlRewrite": {"hostname": "www.x.example"}},
    ]
    (proved,) = first_fault(cluster_with(changed, "base"), "http", 80)
    assert proved.fault.name == "authority-rewritten"
    assert proved.fault.evidence()[0].field == "spec.rules[0].filters[1]"
    assert proved.fix is not None
    assert '"path":"/spec/rules/0/filters/1"' in proved.fix.changes[0].command
    assert proved.after is not None
    assert proved.after.result is Result.THROUGH


@pytest.mark.parametrize(
    ("objects", "on", "scheme", "port", "kind"),
    [
        (HTTP, "base", "http", 80, "HTTPRoute"),
        (TLS, "tls-passthrough", "https", 443, "TLSRoute"),
        (HTTP, "base", "https", 443, "TLSRoute"),
    ],
)
def test_an_unknown_host_gets_the_objects_by_which_the_gateway_is_configured(
    objects: dict[str, Patch], on: str, scheme: str, port: int, kind: str
) -> None:
    gateway_api_objects_for_an_unknown_host(cluster_with(objects, on), scheme, port, kind)


def test_a_tcp_port_of_an_unknown_host_gets_a_listener_of_its_own() -> None:
    """istiod opens TCP listeners of the Gateway API from version 1.31 on."""
    patch = canonical("gateway-api-tcp", Random(1)).patch()
    gateway_api_objects_for_an_unknown_host(compose(healthy(), patch), "tcp", 5433, "TCPRoute", "bank")
    broken = broken_at(cluster_with(HTTP, "base"), host="x.unknown.example", scheme="tcp", port=5433)
    assert "No VirtualService routes" in faults_of(broken, READERS)[0][0].fault.sentence()


def gateway_api_objects_for_an_unknown_host(
    cluster: Cluster, scheme: str, port: int, kind: str, gateway: str = "cnn"
) -> None:
    broken = broken_at(cluster, host="x.unknown.example", scheme=scheme, port=port)
    (proved,) = faults_of(broken, READERS)[0]
    assert proved.fault.sentence().startswith(f"No {kind} routes x.unknown.example from sidecars")
    assert proved.fix is not None
    changes = [str(each.ref) for each in proved.fix.changes]
    assert changes == [
        "ServiceEntry team-egress/x-unknown-example",
        f"Gateway team-egress/{gateway}",
        f"{kind} team-egress/x-unknown-example-mesh",
        f"{kind} team-egress/x-unknown-example-gateway",
    ]
    assert proved.after is not None
    assert proved.after.result is Result.THROUGH
    before = ClientRequest("http", HOST, 80, broken.request.clients)
    after = Routing(broken.facts.with_changes(proved.fix.changes))
    assert after.outcome(before).result is broken.routing.outcome(before).result


def test_a_gateway_that_an_istio_gateway_selects_gets_istio_objects() -> None:
    server = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["www.x.example"]}
    own = istio("Gateway", "own", {"selector": {"istio": "egw"}, "servers": [server]})
    broken = broken_at(plus(cluster_with(HTTP, "base"), own), host="x.unknown.example")
    (proved,) = faults_of(broken, READERS)[0]
    assert proved.fault.sentence().startswith("No VirtualService routes x.unknown.example")
    assert proved.fix is not None
    assert "VirtualService team-egress/x-unknown-example-through-egw" in {str(each.ref) for each in proved.fix.changes}


@pytest.mark.parametrize("named_secret", [None, "absent"])
def test_a_listener_that_terminates_tls_needs_a_certificate(named_secret: str | None) -> None:
    changed = copy.deepcopy(TLS)
    references = {"certificateRefs": [{"name": named_secret}]} if named_secret else {}
    changed["gateway"]["spec"]["listeners"][0]["tls"] = {"mode": "Terminate", **references}
    (proved,) = first_fault(cluster_with(changed, "tls-passthrough"), "https", 443)
    assert proved.fault.check == "credential-secret-missing"
    assert (named_secret or "names no certificate") in proved.fault.sentence()
    assert proved.fix is not None
    assert "gateways.gateway.networking.k8s.io cnn" in proved.fix.changes[0].command
    assert proved.after is not None
    assert proved.after.result is Result.THROUGH


def test_a_redirect_is_named_as_the_filter_that_the_route_has() -> None:
    changed = copy.deepcopy(HTTP)
    changed["mesh"]["spec"]["rules"] = [
        {"filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}]}
    ]
    (proved,) = first_fault(cluster_with(changed, "base"), "http", 80)
    assert "RequestRedirect" in proved.fault.sentence()
    assert proved.fault.evidence()[0].field == "spec.rules[0].filters[0]"


def test_plain_text_to_a_tls_port_needs_a_policy_for_the_backend() -> None:
    changed = copy.deepcopy(HTTP)
    backend("forward", port=443)(changed)
    ports = [{"name": "http", "number": 80, "protocol": "HTTP"}, {"name": "tls", "number": 443, "protocol": "HTTPS"}]
    entry = {"kind": "ServiceEntry", "metadata": {"namespace": "team-egress", "name": "cnn"}, "spec": {"ports": ports}}
    (proved,) = first_fault(cluster_with(changed, "base", {"change": [entry]}), "http", 80)
    assert proved.fault.check == "tls-contract-broken"
    assert proved.fix is not None
    assert "kind: BackendTLSPolicy" in proved.fix.changes[0].command
    assert proved.after is not None
    assert proved.after.result is Result.THROUGH


def test_a_backend_of_another_namespace_needs_a_reference_grant() -> None:
    """The gateway sends the host to a Service of another namespace, as its routes declare."""
    changed = copy.deepcopy(HTTP)
    target = {"name": "web", "namespace": "team-b", "port": 80}
    changed["forward"]["spec"]["rules"][0]["backendRefs"] = [target]
    labels = {"app": "batch"}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "team-b"},
        "spec": {
            "clusterIP": "10.0.77.7",
            "selector": labels,
            "ports": [{"name": "http", "port": 80, "targetPort": 80}],
        },
    }
    pod = next(o for o in named("base").objects if o["kind"] == "Pod" and o["metadata"]["namespace"] == "team-b")
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "web-1", "namespace": "team-b", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [pod["status"]["podIP"]], "conditions": {"ready": True}}],
        "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
    }
    cluster = cluster_with({**changed, "service": service, "endpoints": endpoints}, "base")
    (proved,) = first_fault(cluster, "http", 80)
    assert proved.fault.name == "not-granted"
    assert proved.fix is not None
    assert "kind: ReferenceGrant" in proved.fix.changes[0].command


@pytest.mark.parametrize(
    "match",
    [
        {"path": {"type": "RegularExpression", "value": "/a/[0-9]+"}},
        {"path": {"type": "PathPrefix", "value": "/v1"}},
        {"headers": [{"type": "RegularExpression", "name": "x-tenant", "value": "t[0-9]+"}]},
        {"queryParams": [{"type": "RegularExpression", "name": "version", "value": "v[0-9]"}]},
        {"method": "PUT"},
    ],
)
@pytest.mark.parametrize("route", ["mesh", "forward"])
def test_without_a_host_a_route_for_a_part_of_the_requests_is_not_broken(match: Patch, route: str) -> None:
    objects = copy.deepcopy(HTTP)
    objects[route]["spec"]["rules"][0]["matches"] = [match]
    cluster = cluster_with(objects, "base")
    istio = [each for each in catalogue() if each.stage is Stage.ISTIO]
    found = diagnosed(cluster, question(cluster, "team-egress/egw", None), istio).finish(0.0).findings
    assert [each for each in found if each.status in (Status.FAIL, Status.UNKNOWN)] == []
