"""Outcomes that Istio's public documentation or test data state, each on a route.

Every test names its source.
"""

from typing import Any

import pytest

from checks.istio.mesh.objects.hosts import hosts_overlap, is_subset
from checks.model.route import Outcome, Route, TracedRequest
from tests.checks.istio.trace.breakages import (
    HTTP,
    ORIGINATE,
    ORIGINATION,
    PASSTHROUGH,
    SERVICE,
    TO_GATEWAY,
    VS,
    host_of,
)
from tests.checks.istio.trace.traced import changed, istio, meant, mesh_settings, plus, traced, without
from tests.clusters.compose import Cluster, named

CNN = "edition.cnn.com"


def only(route: Route) -> TracedRequest:
    (request,) = meant(route)
    return request


def with_vs(cluster: Cluster, change: Any) -> Cluster:
    return changed(cluster, "VirtualService", VS, lambda each: change(each["spec"]))


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("foo.com", "foo.com", True),
        ("bar.foo.com", "foo.com", False),
        ("*.com", "foo.com", True),
        ("*.foo.com", "bar.foo.com", True),
        ("*", "*.com", True),
        ("*.com", "*.foo.com", True),
        ("foo.com", "*.foo.com", False),
        ("*.foo.bar.baz", "baz", False),
        ("*.foo.bar.baz", "*.baz", True),
        ("foo.bar.baz", "*.baz", True),
    ],
)
def test_hosts_overlap_as_in_istios_own_table(one: str, other: str, overlap: bool) -> None:
    """istio/istio, pkg/config/host/name_test.go, TestNameMatches."""
    assert hosts_overlap(one, other) is hosts_overlap(other, one) is overlap


@pytest.mark.parametrize(
    ("narrow", "wide", "subset"),
    [
        ("foo.com", "foo.com", True),
        ("bar.foo.com", "foo.com", False),
        ("bar.foo.com", "*.foo.com", True),
        ("*.foo.com", "*.com", True),
        ("*.foo.com", "foo.com", False),
        ("foo.bar.baz", "*.baz", True),
        ("*", "*", True),
    ],
)
def test_a_host_covers_another_as_in_istios_own_table(narrow: str, wide: str, subset: bool) -> None:
    """istio/istio, pkg/config/host/name_test.go, TestNameSubsetOf."""
    assert is_subset(narrow, wide) is subset


def test_a_short_destination_is_read_in_the_namespace_of_the_rule() -> None:
    """Short names belong to the rule's namespace.

    Source: istio.io, VirtualService reference, Destination.host.
    """
    beside = with_vs(named(HTTP), lambda spec: spec["http"][0]["route"][0]["destination"].update(host="egw"))
    assert traced(beside, CNN).routed

    def move(each: Any) -> None:
        each["metadata"]["namespace"] = "team-a"
        each["spec"]["gateways"] = ["team-egress/istio-egressgateway", "mesh"]
        for rule in each["spec"]["http"]:
            for match in rule["match"]:
                match["gateways"] = ["team-egress/istio-egressgateway" if g != "mesh" else g for g in match["gateways"]]

    elsewhere = changed(beside, "VirtualService", VS, move)
    assert only(traced(elsewhere, CNN)).cause in ("wrong-name", "elsewhere")


def test_what_no_registry_knows_is_dropped() -> None:
    """Traffic to destinations found in neither registry is dropped.

    Source: istio.io, VirtualService reference, Destination.host.
    """
    request = only(traced(without(named(HTTP), "ServiceEntry", "cnn"), CNN))
    assert (request.outcome, request.cause) == (Outcome.FAILS, "unknown-destination")


def test_ist0109_of_two_virtual_services_on_mesh_one_counts() -> None:
    """They conflict; the order is that of creation.

    Source: istio.io, analysis message IST0109, and istio/istio#10464.
    """
    spec = {"hosts": [CNN], "http": [{"route": [{"destination": {"host": CNN, "port": {"number": 80}}}]}]}
    assert not traced(plus(named(HTTP), istio("VirtualService", "second", spec), "400d"), CNN).routed
    assert traced(plus(named(HTTP), istio("VirtualService", "second", spec), "1h"), CNN).routed


def test_virtual_services_of_one_host_are_merged_at_a_gateway() -> None:
    """Rules of several VirtualServices for one host are merged at gateways.

    Source: istio.io, analysis message IST0109; the operations guide on several virtual services for one host.
    """
    rules: list[Any] = []
    cluster = with_vs(named(HTTP), lambda spec: rules.append(spec["http"].pop(1)))
    other = {"hosts": [CNN], "gateways": ["istio-egressgateway"], "http": rules}
    assert traced(plus(cluster, istio("VirtualService", "at-the-gateway", other), "1h"), CNN).routed


def test_ist0131_the_first_match_takes_all() -> None:
    """Of two rules with one match the second never gets traffic.

    Source: istio.io, analysis message IST0131.
    """

    def twice(spec: Any) -> None:
        first = spec["tls"][0]
        straight = {"destination": {"host": CNN, "port": {"number": 443}}}
        spec["tls"].insert(0, {"match": first["match"], "route": [straight]})

    assert only(traced(with_vs(named(PASSTHROUGH), twice), CNN)).outcome is Outcome.BYPASSES


def test_ist0132_a_host_that_the_gateway_does_not_have() -> None:
    """A host of the virtual service that is not found in the gateway.

    Source: istio.io, analysis message IST0132.
    """
    cluster = changed(named(HTTP), "Gateway", "istio-egressgateway", lambda g: g["spec"]["servers"][0].update(hosts=["testing.com"]))  # fmt: skip  # noqa: E501
    assert only(traced(cluster, CNN)).cause == "no-overlap"


def test_ist0101_a_gateway_that_does_not_exist() -> None:
    """The referenced gateway is not found.

    Source: istio.io, analysis message IST0101.
    """
    cluster = with_vs(named(HTTP), lambda spec: spec.update(gateways=["egress-bogus", "mesh"]))
    assert only(traced(cluster, CNN)).cause == "no-such-gateway"


def test_ist0162_a_server_on_a_port_that_the_service_lacks() -> None:
    """A gateway port that no service in front of the workload exposes.

    Source: istio.io, analysis message IST0162.
    """
    cluster = changed(named(HTTP), "Gateway", "istio-egressgateway", lambda g: g["spec"]["servers"][0]["port"].update(number=8443))  # fmt: skip  # noqa: E501
    assert only(traced(cluster, CNN)).cause == "no-server"


@pytest.mark.parametrize(
    ("namespace", "counts"), [("team-a", False), ("team-egress", True), ("aks-istio-system", True)]
)
def test_destination_rules_are_looked_up_at_client_service_and_root(namespace: str, counts: bool) -> None:
    """Client namespace, service namespace, root.

    At the hop to the destination the gateway is the client.

    Source: istio.io, "Avoiding Traffic Management Issues", cross-namespace configuration.
    """
    cluster = named(ORIGINATION)
    rule = next(o for o in cluster.objects if o["kind"] == "DestinationRule" and o["metadata"]["name"] == ORIGINATE)
    moved = plus(
        without(cluster, "DestinationRule", ORIGINATE), istio("DestinationRule", "moved", rule["spec"], namespace)
    )
    assert traced(moved, CNN).routed is counts


def test_the_clients_own_rule_comes_before_the_services() -> None:
    """The same page: the first namespace on the path that has a rule decides."""
    cluster = plus(
        named(ORIGINATION), istio("DestinationRule", "mine", {"host": SERVICE, "subsets": [{"name": "cnn"}]}, "team-a")
    )
    found = {request.clients: request.cause for request in meant(traced(cluster, CNN))}
    assert found == {("team-a",): "tls-missing", ("team-b",): ""}


def test_settings_of_a_port_replace_those_above_and_do_not_complete_them() -> None:
    """Settings that they override are not inherited.

    Source: istio.io, DestinationRule reference, port-level settings.
    """

    def drop(each: Any) -> None:
        tls = each["spec"]["trafficPolicy"]["portLevelSettings"][0]["tls"]
        entry = {"port": {"number": 443}, "loadBalancer": {"simple": "LEAST_REQUEST"}}
        each["spec"]["trafficPolicy"] = {"tls": tls, "portLevelSettings": [entry]}

    assert only(traced(changed(named(ORIGINATION), "DestinationRule", ORIGINATE, drop), CNN)).cause == "plain-to-tls"


def test_a_subsets_policy_counts_only_for_routes_to_the_subset() -> None:
    """Policies of subsets take effect only where a rule sends to the subset.

    Source: istio.io, DestinationRule reference.
    """
    cluster = with_vs(named(ORIGINATION), lambda spec: spec["http"][0]["route"][0]["destination"].pop("subset"))
    assert only(traced(cluster, CNN)).cause == "tls-missing"


def test_a_virtual_service_that_is_exported_to_its_namespace_is_for_clients_there() -> None:
    """With exportTo "." only clients of the same namespace use it.

    Source: istio.io, "Avoiding Traffic Management Issues".
    """
    cluster = with_vs(named(HTTP), lambda spec: spec.update(exportTo=["."]))
    assert only(traced(cluster, CNN, "team-a")).cause == "not-seen-by-clients"


def test_unknown_hosts_are_refused_with_502_or_passed_on() -> None:
    """REGISTRY_ONLY answers 502; ALLOW_ANY passes through.

    Source: istio.io, "Accessing External Services", and istio/istio#16629.
    """
    (request,) = traced(named(HTTP), "www.google.com:80").requests
    assert request.answer.startswith("502")
    allowing = mesh_settings(named(HTTP), lambda each: each.update(outboundTrafficPolicy={"mode": "ALLOW_ANY"}))
    (request,) = traced(allowing, "www.google.com:80").requests
    assert request.outcome is Outcome.BYPASSES


def test_double_tls_is_found_where_the_application_sends_tls_that_is_wrapped() -> None:
    """An HTTPS request of the application, wrapped twice.

    Source: istio.io, "Traffic Management Problems", double TLS.
    """
    rule = istio("DestinationRule", "wrap", {"host": CNN, "trafficPolicy": {"tls": {"mode": "SIMPLE"}}})
    assert only(traced(plus(named(PASSTHROUGH), rule), CNN)).cause == "double-at-gateway"


def test_gateways_get_no_automatic_mutual_tls() -> None:
    """The documented configuration sends plain text to the gateway without ISTIO_MUTUAL.

    Source: istio.io, "Egress Gateways" (HTTP).
    """

    def mutual(each: Any) -> None:
        each["spec"]["subsets"][0]["trafficPolicy"] = {"tls": {"mode": "ISTIO_MUTUAL", "sni": CNN}}

    assert traced(named(HTTP), CNN).routed
    assert only(traced(changed(named(HTTP), "DestinationRule", TO_GATEWAY, mutual), CNN)).cause == "not-to-plain"


def test_a_service_entry_without_resolution_is_none() -> None:
    """NONE is what an absent field means.

    AKS's page on scaling recommends DNS behind egress gateways.

    Source: istio.io, ServiceEntry reference, resolution.
    """
    cluster = changed(named(HTTP), "ServiceEntry", "cnn", lambda each: each["spec"].pop("resolution"))
    assert only(traced(cluster, host_of(HTTP))).cause == "not-resolved"
