"""A VirtualService's rules: where they hold, in which order, and what `gateways` mean."""

import pytest

from checks.facts.istio_networking import VirtualService
from checks.istio.route.rules import gateway_ref, rules_of, taken
from tests.checks.istio.route.objects import raw

MESH = frozenset({"mesh"})
EGRESS = frozenset({"team-egress/egw"})


# pilot/pkg/model/config_test.go TestResolveGatewayName
@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("mesh", "mesh"),
        ("gw", "team/gw"),
        ("./gw", "team/gw"),
        ("other/gw", "other/gw"),
        ("gw.other.svc.cluster.local", "other/gw"),
        ("gw.other", "other/gw"),
    ],
)
def test_what_a_gateway_entry_means(written: str, meant: str) -> None:
    assert gateway_ref(written, "team") == meant


def route(**spec: object) -> VirtualService:
    return VirtualService(raw("r", "team-egress", {"hosts": ["x.com"], "gateways": ["mesh", "egw"], **spec}))


def to(host: str, *matches: dict[str, object]) -> dict[str, object]:
    return {"route": [{"destination": {"host": host}}], **({"match": list(matches)} if matches else {})}


def chosen(found: VirtualService, gateways: frozenset[str], port: int = 80, kind: str = "http") -> list[int]:
    assert kind in ("http", "tls", "tcp")
    return [r.index for r in taken(rules_of(found), kind, gateways, port, "x.com")]  # type: ignore[arg-type]


def test_a_rule_without_match_takes_everything_everywhere() -> None:
    found = route(http=[to("a"), to("b")])
    assert chosen(found, MESH) == [0]
    assert chosen(found, EGRESS) == [0]


def test_a_match_without_gateways_holds_at_all_of_them_and_one_with_gateways_there_alone() -> None:
    found = route(http=[to("a", {"gateways": ["mesh"], "port": 80}), to("b", {"port": 80})])
    assert chosen(found, MESH) == [0]
    assert chosen(found, EGRESS) == [1]
    assert chosen(found, MESH, port=8080) == []


def test_a_rule_that_takes_some_requests_lets_others_go_on_to_the_next() -> None:
    found = route(http=[to("a", {"uri": {"prefix": "/health"}}), to("b"), to("c")])
    assert chosen(found, MESH) == [0, 1]


def test_of_several_matches_one_is_enough() -> None:
    found = route(http=[to("a", {"uri": {"exact": "/"}}, {"gateways": ["mesh"]}), to("b")])
    assert chosen(found, MESH) == [0]
    assert chosen(found, EGRESS) == [0, 1]


def test_tls_rules_hold_for_their_sni_hosts() -> None:
    found = route(tls=[to("a", {"sniHosts": ["y.com"]}), to("b", {"sniHosts": ["*.com"]})])
    assert chosen(found, MESH, 443, "tls") == [1]
    assert chosen(found, MESH, 443) == []


def test_destinations_are_read_as_istiod_reads_them() -> None:
    found = rules_of(route(http=[to("egw"), to("egw.team-egress"), {"redirect": {"uri": "/"}}]))
    assert [d.host for r in found for d in r.destinations] == ["egw.team-egress.svc.cluster.local", "egw.team-egress"]
    assert found[2].answers
    assert found[0].destinations[0].path == "spec.http[0].route[0].destination"


def test_odd_fields_are_no_rules_and_break_nothing() -> None:
    broken = VirtualService(raw("r", "team", {"hosts": None, "http": [None, {"match": "x", "route": [None, {}]}]}))
    assert [r.destinations[0].host for r in rules_of(broken)] == [""]
    assert broken.gateways == ("mesh",)
