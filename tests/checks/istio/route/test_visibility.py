"""Who sees what: exportTo, the mesh's defaults, Sidecars, discovery."""

from datetime import UTC, datetime
from typing import Any

import pytest

from checks.facts.egress_gateway import EgressGateway
from checks.facts.fact import Fact, Gap, Unreadable
from checks.facts.istio_networking import ServiceEntry, Sidecar, VirtualService
from checks.facts.namespaces import ConfigMap, Namespace
from checks.facts.store import FactStore
from checks.facts.view import Facts
from checks.istio.route.visibility import (
    Scope,
    discovered,
    exported,
    gateway_mesh,
    mesh_config,
    outbound_policy,
    settle,
    sidecar_scope,
    visible,
)
from checks.model.question import ClusterIdentity, Question

ROOT = "aks-istio-system"


def window(*things: Fact, gap: Gap | None = None) -> Facts:
    """Facts over just these; with a gap, ConfigMaps could not be read."""
    store = FactStore(datetime(2026, 11, 23, 10, tzinfo=UTC))
    for kind in (ConfigMap, Namespace, Sidecar):
        store.add(kind, [t for t in things if type(t) is kind])
        store.close(kind)
    if gap is not None:
        store.add_gap(ConfigMap, gap)
    gateway = EgressGateway("team-egress", "egw", "sgc", ("asm-1-30",))
    question = Question(ClusterIdentity("aks1"), "egw")
    return Facts(store, gateway, question, frozenset({ConfigMap, Namespace, Sidecar}))


def named(name: str, namespace: str = "", **rest: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace, **rest.pop("metadata", {})}, **rest}


def mesh(name: str, written: str) -> ConfigMap:
    return ConfigMap(named(name, ROOT, data={"mesh": written}))


def sidecar(namespace: str, name: str = "default", **spec: Any) -> Sidecar:
    return Sidecar(named(name, namespace, spec=spec))


def test_export_to_names_everybody_nobody_the_own_namespace_or_others() -> None:
    assert exported(("*",), "a", "b")
    assert not exported((".",), "a", "b")
    assert exported((".",), "a", "a")
    assert exported((".", "b"), "a", "b")
    assert not exported(("~",), "a", "a")
    assert exported(("*", "b"), "a", "c")


def test_the_mesh_has_defaults_for_what_does_not_say() -> None:
    facts = window(mesh("istio-shared-configmap-asm-1-30", "defaultVirtualServiceExportTo: ['.']"))
    route = VirtualService(named("r", "team-egress", spec={}))
    entry = ServiceEntry(named("e", "team-egress", spec={}))
    assert not visible(route, "team-a", gateway_mesh(facts))
    assert visible(route, "team-egress", gateway_mesh(facts))
    assert visible(entry, "team-a", gateway_mesh(facts))


def test_the_configuration_of_the_add_on_wins_over_the_shared_one() -> None:
    facts = window(
        mesh("istio-shared-configmap-asm-1-30", "outboundTrafficPolicy: {mode: ALLOW_ANY}\naccessLogFile: /dev/stdout"),
        mesh("istio-asm-1-30", "outboundTrafficPolicy: {mode: REGISTRY_ONLY}"),
    )
    found = mesh_config(facts, "asm-1-30")
    assert (found.outbound_policy, found.access_log_file) == ("REGISTRY_ONLY", "/dev/stdout")


def test_an_absent_policy_allows_any_and_an_empty_one_only_the_registry() -> None:
    assert mesh_config(window(), "asm-1-30").outbound_policy == "ALLOW_ANY"
    shared = mesh("istio-shared-configmap-asm-1-30", "outboundTrafficPolicy: {}")
    assert mesh_config(window(shared), "asm-1-30").outbound_policy == "REGISTRY_ONLY"


def test_a_shared_configuration_that_is_no_yaml_is_told_and_ignored() -> None:
    found = mesh_config(window(mesh("istio-shared-configmap-asm-1-30", "{a: [")), "asm-1-30")
    assert found.malformed == (f"ConfigMap {ROOT}/istio-shared-configmap-asm-1-30",)
    assert found.outbound_policy == "ALLOW_ANY"
    assert mesh_config(window(mesh("istio-asm-1-30", "!!python/object/apply:os.system [x]")), "asm-1-30").malformed


def test_what_stands_on_defaults_that_could_not_be_read_is_not_settled() -> None:
    settle(window())
    with pytest.raises(Unreadable):
        settle(window(gap=Gap("kubernetes", "list", "configmaps", 403, "forbidden")))


def test_discovery_selectors_hide_whole_namespaces_but_never_istios_own() -> None:
    facts = window(
        mesh("istio-shared-configmap-asm-1-30", "discoverySelectors: [{matchLabels: {mesh: 'on'}}]"),
        Namespace(named("seen", metadata={"labels": {"mesh": "on"}})),
        Namespace(named("hidden")),
        Namespace(named(ROOT)),
    )
    found = {n: discovered(facts, n, gateway_mesh(facts)) for n in ("seen", "hidden", ROOT, "not-read")}
    assert found == {"seen": True, "hidden": False, ROOT: True, "not-read": True}


def test_the_sidecar_that_selects_the_client_comes_before_the_namespaces_and_before_the_roots() -> None:
    root = sidecar(ROOT, egress=[{"hosts": ["*/*"]}])
    plain = sidecar("a", egress=[{"hosts": ["./*"]}])
    chosen = sidecar("a", "web", workloadSelector={"labels": {"app": "web"}}, egress=[{"hosts": ["~/*"]}])
    facts = window(root, plain, chosen)
    assert sidecar_scope(facts, "a", {"app": "web"}).sidecar == chosen
    assert sidecar_scope(facts, "a", {"app": "batch"}).sidecar == plain
    assert sidecar_scope(facts, "a").sidecar == plain
    assert sidecar_scope(facts, "b").sidecar == root
    assert sidecar_scope(window(), "b").sidecar is None


def test_egress_hosts_narrow_services_and_routes_by_their_namespace() -> None:
    scope = sidecar_scope(window(sidecar("a", egress=[{"hosts": ["./*", "infra/*.example.com"]}])), "a")
    assert scope.imports_service("x.y", "a")
    assert scope.imports_service("api.example.com", "infra")
    assert not scope.imports_service("api.other.com", "infra")
    assert not scope.imports_service("api.example.com", "team-egress")
    inside = VirtualService(named("r", "a", spec={"hosts": ["anything.com"]}))
    outside = VirtualService(named("r", "team-egress", spec={"hosts": ["api.example.com"]}))
    assert scope.imports_route(inside)
    assert not scope.imports_route(outside)
    assert not sidecar_scope(window(sidecar("a", egress=[{"hosts": ["~/*"]}])), "a").imports_service("x.y", "a")
    assert Scope(None, "a").imports_route(outside)


def test_a_sidecar_without_egress_hosts_narrows_nothing() -> None:
    assert sidecar_scope(window(sidecar("a")), "a").imports_service("api.example.com", "infra")


def test_a_clients_sidecar_decides_the_outbound_policy_before_the_mesh() -> None:
    shared = mesh("istio-shared-configmap-asm-1-30", "outboundTrafficPolicy: {mode: ALLOW_ANY}")
    facts = window(shared, sidecar("a", outboundTrafficPolicy={}), sidecar("b"))
    found = gateway_mesh(facts)
    assert outbound_policy(sidecar_scope(facts, "a"), found) == ("REGISTRY_ONLY", "Sidecar a/default")
    assert outbound_policy(sidecar_scope(facts, "b"), found) == ("ALLOW_ANY", shared.ref)
    assert outbound_policy(sidecar_scope(window(), "a"), gateway_mesh(window())) == ("ALLOW_ANY", "Istio's default")
