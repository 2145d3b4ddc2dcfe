"""ListenerSets, rules that answer themselves, and copied examples of the Gateway API."""

import copy

import pytest

from checks.catalogue import catalogue
from checks.istio.faults.proved_faults import faults_of
from checks.istio.faults.readers import READERS
from checks.istio.request.outcome import Result
from checks.model.findings import Stage, Status
from checks.model.route import HopName
from tests.checks.istio.faults.test_gateway_api_routes import (
    HTTP,
    TLS,
    Change,
    Patch,
    backend,
    broken_at,
    cluster_with,
    first_fault,
    manifest,
    spec_of,
    without,
)
from tests.recordings import diagnosed, question

REDIRECT = {"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}
HEADERS = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"add": [{"name": "x-egress", "value": "1"}]}}
ANSWERS: dict[str, tuple[str, list[Patch], str, str]] = {
    "redirect at sidecars": ("mesh", [REDIRECT], "answered", "spec.rules[0].filters[0]"),
    "redirect beside headers": ("mesh", [HEADERS, REDIRECT], "answered", "spec.rules[0].filters[1]"),
    "no backend at sidecars": ("mesh", [], "elsewhere", "spec.rules[0].backendRefs"),
    "redirect at the gateway": ("forward", [REDIRECT], "answered-at-gateway", "spec.rules[0].filters[0]"),
    "no backend at the gateway": ("forward", [], "unknown-destination", "spec.rules[0].backendRefs"),
}


@pytest.mark.parametrize("situation", ANSWERS)
def test_a_rule_that_answers_itself_gets_a_backend(situation: str) -> None:
    route, filters, name, field = ANSWERS[situation]
    changed = copy.deepcopy(HTTP)
    changed[route]["spec"]["rules"][0] = {"filters": filters} if filters else {}
    (proved,) = first_fault(cluster_with(changed, "base"), "http", 80)
    assert (proved.fault.name, proved.fault.evidence()[0].field) == (name, field)
    assert proved.fix is not None
    (change,) = proved.fix.changes
    assert str(change.ref) == f"HTTPRoute team-egress/{changed[route]['metadata']['name']}"
    assert proved.after is not None
    assert proved.after.result is Result.THROUGH
    kept = change.applied(changed[route])
    assert kept is not None
    assert kept["spec"]["rules"][0].get("filters", []) == [each for each in filters if each is not REDIRECT]


def test_a_redirect_without_a_listener_for_the_host_has_advice() -> None:
    changed = copy.deepcopy(HTTP)
    changed["mesh"]["spec"]["rules"][0] = {"filters": [REDIRECT]}
    changed["gateway"]["spec"]["listeners"][0]["hostname"] = "www.x.example"
    (proved,) = first_fault(cluster_with(changed, "base"), "http", 80)
    assert proved.fix is not None
    assert proved.fix.changes == ()
    assert "let applications request the address to which it redirects" in proved.fix.title


SET = {"group": "gateway.networking.k8s.io", "kind": "ListenerSet", "name": "cnn-set"}
KINDS = [(HTTP, "base", "http", 80), (TLS, "tls-passthrough", "https", 443)]


def with_listener_set(objects: dict[str, Patch]) -> dict[str, Patch]:
    """The listener of the host in a ListenerSet; the Gateway has another one."""
    moved = copy.deepcopy(objects)
    spec = moved["gateway"]["spec"]
    parent = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "cnn"}
    moved["set"] = manifest("ListenerSet", "cnn-set", {"parentRef": parent, "listeners": spec["listeners"]})
    spec["listeners"] = [{"name": "other", "port": 8080, "protocol": "HTTP"}]
    spec["allowedListeners"] = {"namespaces": {"from": "Same"}}
    moved["forward"]["spec"]["parentRefs"] = [SET]
    return moved


def in_set(**values: object) -> Change:
    return lambda objects: objects["set"]["spec"]["listeners"][0].update(values)


def without_routes(objects: Patch) -> None:
    del objects["mesh"], objects["forward"]


SETS: dict[str, tuple[Change, str, HopName]] = {
    "no route of sidecars": (without("mesh"), "no-route", HopName.MESH_ROUTE),
    "no route of the gateway": (without("forward"), "no-gateway-rule", HopName.GATEWAY_ROUTE),
    "no routes": (without_routes, "no-route", HopName.MESH_ROUTE),
    "another hostname": (in_set(hostname="www.x.example"), "no-listener", HopName.SERVER),
    "another port": (in_set(port=8081), "no-server", HopName.SERVER),
    "a set that is not allowed": (
        spec_of("gateway", allowedListeners={"namespaces": {"from": "None"}}),
        "listeners-not-allowed",
        HopName.SERVER,
    ),
}


@pytest.mark.parametrize("situation", SETS)
@pytest.mark.parametrize(("objects", "on", "scheme", "port"), KINDS)
def test_a_fault_at_a_listener_set_has_a_fix_of_the_gateway_api(
    situation: str, objects: dict[str, Patch], on: str, scheme: str, port: int
) -> None:
    change, name, hop = SETS[situation]
    moved = with_listener_set(objects)
    change(moved)
    (proved,) = first_fault(cluster_with(moved, on), scheme, port)
    assert (proved.fault.name, proved.fault.hop) == (name, hop)
    assert proved.fix is not None
    assert all("gateway.networking.k8s.io" in each.command for each in proved.fix.changes)
    assert proved.after is not None
    assert proved.after.result is Result.THROUGH


@pytest.mark.parametrize(("objects", "on", "scheme", "port"), KINDS)
def test_an_unknown_host_beside_a_listener_set_gets_routes_of_the_gateway_api(
    objects: dict[str, Patch], on: str, scheme: str, port: int
) -> None:
    cluster = cluster_with(with_listener_set(objects), on)
    (proved,) = faults_of(broken_at(cluster, "/", "www.new.example", scheme, port), READERS)[0]
    assert proved.fix is not None
    kind = "HTTPRoute" if scheme == "http" else "TLSRoute"
    assert [each.kind for each in proved.fix.changes] == ["ServiceEntry", "Gateway", kind, kind]
    assert proved.after is not None
    assert proved.after.result is Result.THROUGH


@pytest.mark.parametrize(("objects", "on", "scheme", "port"), KINDS)
def test_a_copied_service_gets_the_gateways_own_name_in_route_and_gateway(
    objects: dict[str, Patch], on: str, scheme: str, port: int
) -> None:
    copied = copy.deepcopy(objects)
    backend("mesh", name="istio-egressgateway", namespace="istio-system")(copied)
    address = {"type": "Hostname", "value": "istio-egressgateway.istio-system.svc.cluster.local"}
    spec_of("gateway", addresses=[address])(copied)
    found = first_fault(cluster_with(copied, on), scheme, port)
    assert [each.fault.name for each in found] == ["elsewhere", "address-elsewhere"]
    assert found[-1].after is not None
    assert found[-1].after.result is Result.THROUGH


def test_a_gateway_at_a_service_that_does_not_exist_is_named_without_a_host() -> None:
    copied = copy.deepcopy(HTTP)
    backend("mesh", name="istio-egressgateway", namespace="istio-system")(copied)
    unknown = "istio-egressgateway.istio-system.svc.cluster.local"
    spec_of("gateway", addresses=[{"type": "Hostname", "value": unknown}])(copied)
    cluster = cluster_with(copied, "base")
    every = [each for each in catalogue() if each.stage is Stage.ISTIO]
    found = diagnosed(cluster, question(cluster, "team-egress/egw", None), every).finish(0.0).findings
    (warned,) = [each.summary for each in found if each.status is Status.WARN]
    assert warned == (
        f"No host is routed through egress gateway team-egress/egw yet: Gateway team-egress/cnn has the address {unknown}, "
        "which is no Service."
    )


@pytest.mark.parametrize(("objects", "on", "scheme", "port"), KINDS)
def test_the_short_name_of_the_service_is_the_gateways_address(
    objects: dict[str, Patch], on: str, scheme: str, port: int
) -> None:
    short = copy.deepcopy(objects)
    spec_of("gateway", addresses=[{"type": "Hostname", "value": "egw"}])(short)
    del short["forward"]
    (proved,) = first_fault(cluster_with(short, on), scheme, port)
    assert proved.fault.name == "no-gateway-rule"
    assert proved.after is not None
    assert proved.after.result is Result.THROUGH
