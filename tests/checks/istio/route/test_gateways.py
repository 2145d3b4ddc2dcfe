"""Servers of several Gateways on one gateway: classes, age, conflicts (Istio's MergeGateways)."""

import pytest

from checks.facts.istio_networking import Server
from checks.istio.route.gateways import ServerClass, selecting, server_class, servers
from tests.checks.istio.route.objects import facts, gateway, server


@pytest.mark.parametrize(
    ("protocol", "mode", "expected"),
    [
        ("HTTP", None, ServerClass.HTTP),
        ("HTTP2", None, ServerClass.HTTP),
        ("HTTPS", "SIMPLE", ServerClass.HTTPS),
        ("HTTPS", "ISTIO_MUTUAL", ServerClass.HTTPS),
        ("HTTPS", "PASSTHROUGH", ServerClass.PASSTHROUGH),
        ("TLS", "PASSTHROUGH", ServerClass.PASSTHROUGH),
        ("TLS", "", ServerClass.PASSTHROUGH),
        ("TLS", "ISTIO_MUTUAL", ServerClass.TLS),
        ("TCP", None, ServerClass.TCP),
    ],
)
def test_protocol_and_mode_decide_what_a_server_asks(protocol: str, mode: str | None, expected: ServerClass) -> None:
    assert server_class(Server(server(443, protocol, "x.com", mode=mode))) is expected


def test_only_some_kinds_of_rules_count_at_a_server() -> None:
    asked = {each: each.routes for each in ServerClass}
    assert asked[ServerClass.HTTP] == asked[ServerClass.HTTPS] == "http"
    assert asked[ServerClass.PASSTHROUGH] == "tls"
    assert asked[ServerClass.TCP] == asked[ServerClass.TLS] == "tcp"


def test_all_labels_of_a_selector_must_be_there_and_no_selector_selects_all() -> None:
    wide, fitting = gateway("wide", age=1), gateway("fitting", age=2)
    wide.raw["spec"]["selector"] = None
    narrow = gateway("narrow")
    narrow.raw["spec"]["selector"]["zone"] = "1"
    found = selecting(facts([wide, narrow, fitting, gateway("other", istio="egw2")]), [{"istio": "egw", "app": "egw"}])
    assert [each.name for each in found] == ["fitting", "wide"]


def losers(*gateways: object) -> list[tuple[str, str]]:
    ordered = sorted(gateways, key=lambda each: each.created)  # type: ignore[attr-defined]
    return [(s.gateway.name, s.reason) for s in servers(ordered) if s.lost_to is not None]  # type: ignore[arg-type]


def test_tls_after_plain_text_on_one_port_is_left_out_and_the_reverse_merges() -> None:
    plain = gateway("plain", server(80, "HTTP", "a.com"), age=3)
    tls = gateway("tls", server(80, "HTTPS", "b.com", mode="ISTIO_MUTUAL"), age=2)
    assert losers(plain, tls) == [("tls", "TLS after plain text on one port")]
    older = gateway("tls", server(80, "HTTPS", "b.com", mode="ISTIO_MUTUAL"), age=5)
    assert losers(plain, older) == []


def test_http_with_http_and_tls_with_tls_merge() -> None:
    assert (
        losers(gateway("a", server(80, "HTTP", "a.com"), age=3), gateway("b", server(80, "HTTP2", "b.com"), age=2))
        == []
    )
    first = gateway("a", server(443, "TLS", "a.com", mode="PASSTHROUGH"), age=3)
    second = gateway("b", server(443, "HTTPS", "b.com", mode="SIMPLE"), age=2)
    assert losers(first, second) == []


def test_http_and_tcp_do_not_merge_and_a_tls_host_has_one_server() -> None:
    http, tcp = gateway("a", server(80, "HTTP", "a.com"), age=3), gateway("b", server(80, "TCP", "b.com"), age=2)
    assert losers(http, tcp) == [("b", "HTTP and TCP on one port")]
    first = gateway("a", server(443, "TLS", "a.com", mode="PASSTHROUGH"), age=3)
    again = gateway("b", server(443, "TLS", "team/a.com", mode="PASSTHROUGH"), age=2)
    assert losers(first, again) == [("b", "the same host on one TLS port")]


def test_other_ports_and_other_addresses_do_not_conflict() -> None:
    plain = gateway("plain", server(80, "HTTP", "a.com"), age=3)
    assert losers(plain, gateway("tls", server(443, "HTTPS", "a.com", mode="SIMPLE"), age=2)) == []
    elsewhere = {**server(80, "HTTPS", "b.com", mode="SIMPLE"), "bind": "10.0.0.1"}
    assert losers(plain, gateway("tls", elsewhere, age=2)) == []
