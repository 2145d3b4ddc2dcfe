"""Several services with one host, and Sidecars: which service a client's request means.

Source: Istio `PushContext.servicesExportedToNamespace` and `pilot/pkg/model/sidecar.go`.
"""

from typing import Any

import pytest

from tests.checks.istio.request.sent import NEW, OLD, SHOP, arrives, entry, made, of_version, routed

BLOCKED, UNKNOWN = "fixed answer of block_all", "outbound traffic to unknown hosts is blocked"
"""The answers on port 80, if other services have the port, and if the sidecar has none."""
API = "api.team-b.svc.cluster.local"


def sidecar(*egress: dict[str, Any], namespace: str = "team-a", age: str = "10d", **spec: Any) -> dict[str, Any]:
    return made("Sidecar", f"sidecar-{age}", {"egress": list(egress), **spec}, namespace, age)


def service(name: str, namespace: str, **spec: Any) -> dict[str, Any]:
    """A Kubernetes Service for HTTP."""
    whole = {"clusterIP": "10.0.99.9", "ports": [{"name": "http", "port": 80}], "selector": {"app": name}, **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace}, "spec": whole}


def test_the_older_serviceentry_of_a_namespace_decides() -> None:
    older, younger = entry(SHOP, age="20d", at="old.example"), entry(SHOP, age="10d", at="new.example")
    assert arrives(younger, older) == "old.example:80"


def test_a_serviceentry_of_the_clients_namespace_decides_before_an_older_one() -> None:
    foreign = entry(SHOP, "team-b", "20d", at="old.example")
    assert arrives(foreign, entry(SHOP, age="10d", at="new.example")) == "new.example:80"


def test_a_service_decides_before_an_older_serviceentry_of_another_namespace() -> None:
    foreign = entry(API, "team-egress", "20d", at="old.example")
    assert arrives(foreign, service("api", "team-b"), url=f"http://{API}") == f"no endpoint of outbound|80||{API}"


def test_a_service_decides_before_an_older_serviceentry_of_its_namespace() -> None:
    same = entry(API, "team-b", "20d", at="old.example")
    assert arrives(same, service("api", "team-b"), url=f"http://{API}") == f"no endpoint of outbound|80||{API}"


@pytest.mark.parametrize(("exported", "outcome"), [(["."], BLOCKED), (["team-a"], "old.example:80"), (["~"], BLOCKED)])
def test_a_serviceentry_of_another_namespace_decides_only_if_it_is_exported(exported: list[str], outcome: str) -> None:
    assert arrives(entry(SHOP, "team-b", at="old.example", exportTo=exported)) == outcome


def test_ports_of_two_equal_serviceentries_merge() -> None:
    more = entry(SHOP, port=8080, age="9d")
    to_more = routed("more", SHOP, "", http=[{"route": [{"destination": {"host": SHOP, "port": {"number": 8080}}}]}])
    assert arrives(entry(SHOP), more, to_more) == f"{SHOP}:8080"


def test_ports_of_two_different_serviceentries_do_not_merge() -> None:
    more = entry(SHOP, port=8080, age="9d", resolution="NONE")
    to_more = routed("more", SHOP, "", http=[{"route": [{"destination": {"host": SHOP, "port": {"number": 8080}}}]}])
    assert arrives(entry(SHOP), more, to_more) == f"no cluster outbound|8080||{SHOP}"


def test_a_sidecar_imports_only_the_namespaces_that_it_lists() -> None:
    foreign, own = entry(SHOP, "team-b"), entry("own.example")
    only_own = sidecar({"hosts": ["./*"]})
    assert arrives(foreign, own, only_own) == BLOCKED
    assert arrives(foreign, own, only_own, url="http://own.example") == "own.example:80"


@pytest.mark.parametrize(("revision", "outcome"), [("asm-1-31", BLOCKED), ("asm-1-30", f"{SHOP}:80")])
def test_a_host_that_a_sidecar_excludes_is_not_imported_since_1_31(revision: str, outcome: str) -> None:
    excluding = sidecar({"hosts": ["*/*", f"~*/{SHOP}"]})
    assert arrives(entry(SHOP), excluding, on=of_version(revision)) == outcome


@pytest.mark.parametrize(("revision", "outcome"), [("asm-1-31", f"{SHOP}:80"), ("asm-1-30", "old.example:80")])
def test_rules_for_a_host_that_a_sidecar_excludes_are_not_imported_since_1_31(revision: str, outcome: str) -> None:
    excluding = sidecar({"hosts": ["*/*", f"~team-a/{SHOP}"]})
    rule = routed("rule", SHOP, "old.example")
    assert arrives(OLD, entry(SHOP, "team-b"), rule, excluding, on=of_version(revision)) == outcome


def test_a_sidecar_that_selects_the_client_decides_before_that_of_its_namespace() -> None:
    all_hosts, nothing = {"hosts": ["*/*"]}, {"hosts": ["~/*"]}
    selecting = sidecar(all_hosts, age="5d", workloadSelector={"labels": {"app": "web"}})
    assert arrives(entry(SHOP), sidecar(nothing), selecting) == f"{SHOP}:80"
    other = sidecar(all_hosts, age="5d", workloadSelector={"labels": {"app": "batch"}})
    assert arrives(entry(SHOP), sidecar(nothing), other) == UNKNOWN


def test_a_sidecar_of_the_namespace_decides_before_an_older_one_of_the_root_namespace() -> None:
    root = sidecar({"hosts": ["~/*"]}, namespace="aks-istio-system", age="20d")
    assert arrives(entry(SHOP), root) == UNKNOWN
    assert arrives(entry(SHOP), root, sidecar({"hosts": ["*/*"]})) == f"{SHOP}:80"


def test_the_outbound_policy_of_a_sidecar_decides_about_unknown_hosts() -> None:
    allowing = sidecar({"hosts": ["*/*"]}, outboundTrafficPolicy={"mode": "ALLOW_ANY"})
    assert arrives() == BLOCKED
    assert arrives(allowing) == f"{SHOP}:80"


@pytest.mark.parametrize("url", [f"http://{SHOP}", f"tcp://{SHOP}:9000"])
def test_unknown_hosts_go_to_the_egress_proxy_of_a_sidecar(url: str) -> None:
    policy = {"mode": "ALLOW_ANY", "egressProxy": {"host": "old.example", "port": {"number": 80}}}
    found = arrives(OLD, sidecar({"hosts": ["*/*"]}, outboundTrafficPolicy=policy), url=url)
    assert found == "old.example:80"


def test_a_sidecars_listener_for_a_port_hides_what_its_other_entries_import() -> None:
    port = {"number": 80, "protocol": "HTTP", "name": "http"}
    listener = sidecar({"port": port, "hosts": ["./*"]}, {"hosts": ["*/*"]})
    assert arrives(entry(SHOP, "team-b"), listener) == BLOCKED
    assert arrives(entry(SHOP), listener) == f"{SHOP}:80"


def test_a_sidecars_listener_that_is_not_captured_takes_no_intercepted_connection() -> None:
    """It has a socket of its own; intercepted connections reach what the other entry imports."""
    ports = [{"number": 9000, "name": "tcp", "protocol": "TCP"}]
    own, foreign = entry("own.example", ports=ports), entry(SHOP, "team-b", "20d", ports=ports)
    for mode, arrival in (("NONE", f"{SHOP}:9000"), ("DEFAULT", "own.example:9000")):
        listener = sidecar({"port": ports[0], "hosts": ["./*"], "captureMode": mode}, {"hosts": ["*/*"]})
        assert arrives(own, foreign, listener, url=f"tcp://{SHOP}:9000") == arrival


def test_a_destination_of_an_imported_rule_is_imported_with_it() -> None:
    """The Sidecar imports only team-a, where the rule is; its destination is in team-b."""
    foreign = entry("old.example", "team-b")
    assert arrives(foreign, entry(SHOP), routed("rule", SHOP, "old.example"), sidecar({"hosts": ["./*"]})) == (
        "old.example:80"
    )


def test_a_subset_has_only_the_endpoints_with_its_labels() -> None:
    pods = [{"address": "old.example", "labels": {"version": "v1"}}, {"address": "new.example"}]
    rule = made("DestinationRule", "v", {"host": SHOP, "subsets": [{"name": "v1", "labels": {"version": "v1"}}]})
    to_subset = {"route": [{"destination": {"host": SHOP, "subset": "v1", "port": {"number": 80}}}]}
    assert arrives(entry(SHOP, endpoints=pods), rule, routed("r", SHOP, "", http=[to_subset])) == "old.example:80"
    none = made("DestinationRule", "v", {"host": SHOP, "subsets": [{"name": "v1", "labels": {"version": "v9"}}]})
    found = arrives(entry(SHOP, endpoints=pods), none, routed("r", SHOP, "", http=[to_subset]))
    assert found == f"no cluster outbound|80|v1|{SHOP}"


def test_an_endpoints_own_port_counts() -> None:
    assert (
        arrives(entry(SHOP, endpoints=[{"address": "old.example", "ports": {"http-80": 8081}}])) == "old.example:8081"
    )


def test_endpoints_of_static_resolution_are_addresses() -> None:
    names = entry(SHOP, resolution="STATIC", endpoints=[{"address": "old.example"}])
    assert arrives(names) == f"no endpoint of outbound|80||{SHOP}"


def test_a_serviceentry_that_selects_has_the_workloadentries_with_the_labels() -> None:
    selecting = entry(SHOP, resolution="STATIC", workloadSelector={"labels": {"app": "bank"}})
    bank = made("WorkloadEntry", "bank", {"address": "192.0.2.1", "labels": {"app": "bank"}})
    other = made("WorkloadEntry", "other", {"address": "192.0.2.2", "labels": {"app": "other"}})
    assert arrives(selecting, bank, other) == "192.0.2.1:80"


def test_a_clients_name_without_namespace_is_a_service_of_its_own_namespace() -> None:
    assert arrives(service("api", "team-a"), url="http://api") == (
        "no endpoint of outbound|80||api.team-a.svc.cluster.local"
    )
    assert arrives(service("api", "team-b"), url="http://api") == BLOCKED


def test_objects_of_another_revision_do_not_count() -> None:
    foreign = routed("other", SHOP, "old.example")
    foreign["metadata"]["labels"] = {"istio.io/rev": "asm-1-29"}
    assert arrives(OLD, NEW, entry(SHOP), foreign) == f"{SHOP}:80"


def test_names_below_a_headless_service_are_its_endpoints() -> None:
    url, none = f"http://pod-0.{API}", f"no endpoint of outbound|80||{API}"
    assert arrives(service("api", "team-b", clusterIP="None"), url=url) == none
    assert arrives(service("api", "team-b"), url=url) == BLOCKED


def test_of_two_serviceentries_the_younger_ones_address_is_a_name_of_the_virtual_host() -> None:
    """The cluster is that of the older one."""
    older = entry(SHOP, age="20d", addresses=["192.0.2.10"], at="old.example")
    younger = entry(SHOP, age="10d", addresses=["192.0.2.20"], at="new.example")
    assert arrives(older, younger, url="http://192.0.2.20") == "old.example:80"
    assert arrives(older, younger, url="http://192.0.2.10") == BLOCKED
