"""Differences between versions of istiod: the last version before and the first one after."""

from typing import Any

import pytest

from checks.facts.istio_networking import DestinationRule, ServiceEntry, Sidecar, VirtualService
from checks.facts.namespaces import ConfigMap
from checks.istio.mesh.configuration import MeshConfiguration, mesh_configuration
from checks.istio.mesh.destination_rules import DestinationRules, policy_for
from checks.istio.mesh.exports import Exports
from checks.istio.mesh.objects.versions import NEWEST, Version, version_of_revision
from checks.istio.mesh.registries import entry_services
from checks.istio.mesh.scope import sidecar_scope
from checks.istio.mesh.virtual_services import VirtualServices
from tests.checks.istio.mesh.converted import converted, gateway, gateway_api, http_listener, http_route

_1_29, _1_30, _1_31 = Version(1, 29), Version(1, 30), Version(1, 31)
_HOST = "api.bank.example"


def _entry(namespace: str, created: str, host: str = _HOST, port: int = 443) -> ServiceEntry:
    ports = [{"number": port, "name": "tls", "protocol": "TLS"}]
    meta = {"name": "bank", "namespace": namespace, "creationTimestamp": created}
    return ServiceEntry({"metadata": meta, "spec": {"hosts": [host], "ports": ports, "resolution": "DNS"}})


def _exports(version: Version, *entries: ServiceEntry) -> Exports:
    services = [service for entry in entries for service in entry_services(entry)]
    return Exports(services, frozenset("*"), version)


def _virtual_services(*objects: dict[str, Any]) -> VirtualServices:
    return VirtualServices([VirtualService(each) for each in objects], frozenset("*"), [])


def test_a_revision_of_another_shape_is_read_as_the_newest_version() -> None:
    assert version_of_revision("asm-1-30") == _1_30
    assert version_of_revision("default") == NEWEST


@pytest.mark.parametrize(("version", "imported"), [(_1_30, [_HOST]), (_1_31, [])])
def test_a_sidecar_excludes_a_host_from_1_31(version: Version, imported: list[str]) -> None:
    sidecar = Sidecar(
        {
            "metadata": {"name": "default", "namespace": "team-a"},
            "spec": {"egress": [{"hosts": ["*/*", f"~team-egress/{_HOST}"]}]},
        }
    )
    exports = _exports(version, _entry("team-egress", "2026-01-01T00:00:00Z"))
    scope = sidecar_scope("team-a", sidecar, exports, _virtual_services(), "REGISTRY_ONLY")
    assert list(scope.by_host) == imported


@pytest.mark.parametrize(("hosts", "of_1_30", "of_1_31"), [("bank.example", 2, 1), ("*.example", 2, 2)])
def test_a_sidecar_that_names_a_host_imports_its_oldest_service_from_1_31(
    hosts: str, of_1_30: int, of_1_31: int
) -> None:
    sidecar = Sidecar(
        {
            "metadata": {"name": "default", "namespace": "team-a"},
            "spec": {"egress": [{"hosts": [f"team-egress/{hosts}"]}]},
        }
    )
    for version, count in ((_1_30, of_1_30), (_1_31, of_1_31)):
        older = _entry("team-egress", "2026-01-01T00:00:00Z", "bank.example", 8080)
        newer = _entry("team-egress", "2026-02-01T00:00:00Z", "bank.example", 80)
        exports = _exports(version, newer, older)
        scope = sidecar_scope("team-a", sidecar, exports, _virtual_services(), "REGISTRY_ONLY")
        found = [port.number for each in scope.listeners[0].services for port in each.ports]
        assert found == [8080, 80][:count], version


@pytest.mark.parametrize(("version", "namespace"), [(_1_29, "alpha"), (_1_30, "omega")])
def test_a_destination_that_two_namespaces_have_is_the_first_by_name_before_1_30_then_the_oldest(
    version: Version, namespace: str
) -> None:
    exports = _exports(version, _entry("alpha", "2026-02-01T00:00:00Z"), _entry("omega", "2026-01-01T00:00:00Z"))
    route = {"route": [{"destination": {"host": _HOST, "port": {"number": 443}}}]}
    rules = _virtual_services(
        {
            "metadata": {"name": "via", "namespace": "team-a"},
            "spec": {"hosts": ["asked.example"], "tls": [{"match": [{"sniHosts": ["asked.example"]}], **route}]},
        }
    )
    sidecar = Sidecar({"metadata": {"name": "own", "namespace": "team-a"}, "spec": {"egress": [{"hosts": ["./*"]}]}})
    scope = sidecar_scope("team-a", sidecar, exports, rules, "REGISTRY_ONLY")
    assert scope.by_host[_HOST].namespace == namespace


@pytest.mark.parametrize(("version", "exported"), [("asm-1-30", {"."}), ("asm-1-31", {".", "team-a"})])
def test_namespaces_beside_the_own_one_in_a_default_export_count_from_1_31(version: str, exported: set[str]) -> None:
    lines = "defaultServiceExportTo: ['.', team-a]\ndefaultVirtualServiceExportTo: ['.', team-a]\n"
    raw = {
        "metadata": {"name": f"istio-shared-configmap-{version}", "namespace": "aks-istio-system"},
        "data": {"mesh": lines + "defaultDestinationRuleExportTo: ['.', team-a]\n"},
    }
    found = mesh_configuration([ConfigMap(raw)], version)
    assert found.services_exported == exported
    assert found.virtual_services_exported == exported
    assert found.destination_rules_exported == {".", "team-a"}


@pytest.mark.parametrize(("version", "connections"), [(_1_30, None), (_1_31, 5)])
def test_a_policy_replaces_a_destination_rule_before_1_31_then_fills_its_gaps(
    version: Version, connections: int | None
) -> None:
    entry = {"group": "networking.istio.io", "kind": "ServiceEntry", "name": "bank"}
    validation = {"hostname": _HOST, "wellKnownCACertificates": "System"}
    policy = gateway_api("BackendTLSPolicy", "p", {"targetRefs": [entry], "validation": validation})
    written = DestinationRule(
        {
            "metadata": {"name": "old", "namespace": "team-egress", "creationTimestamp": "2020-01-01T00:00:00Z"},
            "spec": {"host": _HOST, "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 5}}}},
        }
    )
    rules = DestinationRules([written, *converted(policy).destination_rules], MeshConfiguration(version=version))
    found = policy_for(rules.rule_for(_HOST, "team-egress", "team-egress", {}), "", 443)
    assert (found["tls"]["mode"], found["tls"]["sni"]) == ("SIMPLE", _HOST)
    assert found.get("connectionPool", {}).get("tcp", {}).get("maxConnections") == connections


@pytest.mark.parametrize(
    ("version", "opened"), [(_1_29, ["http"]), (_1_30, ["http", "tls"]), (_1_31, ["http", "tls", "tcp"])]
)
def test_tls_listeners_open_from_1_30_and_tcp_listeners_from_1_31(version: Version, opened: list[str]) -> None:
    listeners = (
        http_listener("http"),
        {"name": "tls", "port": 443, "protocol": "TLS", "tls": {"mode": "Passthrough"}},
        {"name": "tcp", "port": 80, "protocol": "TCP"},
    )
    found = [converted(gateway(each), version=version).gateways for each in listeners]
    assert [each["name"] for each, made in zip(listeners, found, strict=True) if made] == opened


@pytest.mark.parametrize(
    ("kind", "version", "read"),
    [("TLSRoute", _1_29, 0), ("TLSRoute", _1_30, 1), ("TCPRoute", _1_30, 0), ("TCPRoute", _1_31, 1)],
)
def test_tls_routes_are_read_from_1_30_and_tcp_routes_from_1_31(kind: str, version: Version, read: int) -> None:
    entry = {"group": "networking.istio.io", "kind": "ServiceEntry", "name": "bank", "namespace": "team-egress"}
    rules = [{"backendRefs": [{"name": "egw", "port": 443}]}]
    route = gateway_api(kind, "r", {"parentRefs": [entry], "hostnames": [_HOST], "rules": rules})
    assert len(converted(route, version=version).routes) == read


@pytest.mark.parametrize(("version", "count"), [(_1_29, 1), (_1_30, 2)])
def test_listener_sets_are_read_from_1_30(version: Version, count: int) -> None:
    parent = gateway(http_listener("http"), allowedListeners={"namespaces": {"from": "Same"}})
    more = {"parentRef": {"name": "bank"}, "listeners": [http_listener("more", "pay.bank.example")]}
    found = converted(parent, gateway_api("ListenerSet", "more", more), version=version).gateways
    assert len(found) == count


@pytest.mark.parametrize(("version", "status"), [(_1_29, 500), (_1_30, 404), (_1_31, 500)])
def test_a_rule_without_backends_answers_404_in_1_30_only(version: Version, status: int) -> None:
    [made] = converted(gateway(), http_route("r", {}, hostnames=[_HOST]), version=version).routes
    assert made.http[0].raw["directResponse"] == {"status": status}
    unweighted = {"backendRefs": [{"name": "egw", "port": 80, "weight": 0}]}
    [made] = converted(gateway(), http_route("r", unweighted, hostnames=[_HOST]), version=version).routes
    assert made.http[0].raw["directResponse"] == {"status": 500}
