"""Several VirtualServices for one host: which one decides.

Source: Istio `SelectVirtualServices` in `pilot/pkg/model/push_context.go` and `sidecar.go`.
"""

from typing import Any

import pytest

from tests.checks.istio.request.sent import NEW, OLD, SHOP, arrives, entry, made, routed, to

SHOP_ENTRY = entry(SHOP)
BLOCKED = "fixed answer of block_all"


def test_the_older_one_decides_whatever_its_name() -> None:
    older = routed("z-first", SHOP, "old.example", age="20d")
    younger = routed("a-second", SHOP, "new.example", age="10d")
    assert arrives(OLD, NEW, SHOP_ENTRY, younger, older) == "old.example:80"


@pytest.mark.parametrize(
    ("exported", "namespace"), [(["*"], "team-b"), (["team-a"], "team-b"), (["team-a", "team-b"], "team-b")]
)
def test_the_clients_private_one_decides_before_an_older_one_of_another_namespace(
    exported: list[str], namespace: str
) -> None:
    foreign = routed("foreign", SHOP, "old.example", namespace, "20d", exportTo=exported)
    own = routed("own", SHOP, "new.example", age="10d", exportTo=["."])
    assert arrives(OLD, NEW, SHOP_ENTRY, foreign, own) == "new.example:80"


def test_one_that_is_exported_to_the_client_decides_before_an_older_public_one() -> None:
    public = routed("public", SHOP, "old.example", "team-b", "20d")
    exported = routed("exported", SHOP, "new.example", "team-b", "10d", exportTo=["team-a"])
    assert arrives(OLD, NEW, SHOP_ENTRY, public, exported) == "new.example:80"


@pytest.mark.parametrize("exported", [["~"], ["team-b"], ["."]])
def test_one_that_is_not_exported_to_the_client_decides_nothing(exported: list[str]) -> None:
    foreign = routed("foreign", SHOP, "old.example", "team-b", exportTo=exported)
    assert arrives(OLD, SHOP_ENTRY, foreign) == f"{SHOP}:80"


def test_of_two_wildcards_the_longer_one_decides() -> None:
    short = routed("short", "*.example", "old.example", age="20d")
    long = routed("long", "*.shop.example", "new.example", age="10d")
    assert arrives(OLD, NEW, short, long, url="http://www.shop.example") == "new.example:80"


def test_of_two_equal_wildcards_the_older_one_answers_for_a_service() -> None:
    older = routed("z", "*.shop.example", "old.example", age="20d")
    younger = routed("a", "*.shop.example", "new.example", age="10d")
    site = entry("www.shop.example")
    assert arrives(OLD, NEW, site, older, younger, url="http://www.shop.example") == "old.example:80"


def test_a_wildcard_does_not_answer_for_a_service_with_a_rule_of_its_own() -> None:
    wide = routed("wide", "*.shop.example", "old.example", age="20d")
    own = routed("own", "www.shop.example", "new.example", age="10d")
    site = entry("www.shop.example")
    assert arrives(OLD, NEW, site, wide, own, url="http://www.shop.example") == "new.example:80"


def test_a_wildcard_that_covers_a_service_answers_for_no_other_host() -> None:
    wide = routed("wide", "*.shop.example", "old.example")
    assert arrives(OLD, entry("www.shop.example"), wide, url="http://api.shop.example") == BLOCKED


def test_a_rule_on_port_80_answers_for_a_host_without_a_service() -> None:
    assert arrives(OLD, routed("unknown", SHOP, "old.example")) == "old.example:80"


@pytest.mark.parametrize(
    ("condition", "applies"),
    [
        ({"sourceLabels": {"app": "web"}}, True),
        ({"sourceLabels": {"app": "batch"}}, False),
        ({"sourceNamespace": "team-a"}, True),
        ({"sourceNamespace": "team-b"}, False),
        ({"gateways": ["mesh"]}, True),
        ({"gateways": ["team-egress/istio-egressgateway"]}, False),
        ({"port": 80}, True),
        ({"port": 443}, False),
    ],
)
def test_a_match_block_is_for_some_clients_gateways_and_ports(condition: dict[str, Any], applies: bool) -> None:
    rule = {"match": [condition], "route": [to("old.example")]}
    gateways = ["mesh", "team-egress/istio-egressgateway"]
    conditional = routed("conditional", SHOP, "", http=[rule], gateways=gateways)
    expected = "old.example:80" if applies else f"{SHOP}:80"
    assert arrives(OLD, SHOP_ENTRY, conditional) == expected


def test_a_share_of_0_is_no_destination() -> None:
    split = [to("old.example", weight=0), to("new.example", weight=5)]
    assert arrives(OLD, NEW, SHOP_ENTRY, routed("split", SHOP, "", http=[{"route": split}])) == "new.example:80"


def test_rules_after_one_that_matches_everything_never_match() -> None:
    rules = [{"route": [to("old.example")]}, {"match": [{"uri": {"prefix": "/v1"}}], "route": [to("new.example")]}]
    assert arrives(OLD, NEW, SHOP_ENTRY, routed("two", SHOP, "", http=rules), path="/v1") == "old.example:80"


# Delegates


def delegated(name: str, root: dict[str, Any], *rules: dict[str, Any], **spec: Any) -> tuple[dict[str, Any], ...]:
    """A VirtualService of team-a that leaves a rule to another one of team-b."""
    leading = {"delegate": {"name": name, "namespace": "team-b"}, **root}
    part = made("VirtualService", name, {"http": list(rules), **spec}, "team-b")
    return part, routed("root", SHOP, "", http=[leading])


def test_a_delegate_that_is_not_exported_to_the_root_is_left_out() -> None:
    part = delegated("part", {}, {"route": [to("old.example")]}, exportTo=["."])
    assert arrives(OLD, SHOP_ENTRY, *part) == f"{SHOP}:80"


def test_a_delegate_inherits_what_it_does_not_set() -> None:
    abort = {"fault": {"abort": {"httpStatus": 503, "percentage": {"value": 100}}}}
    part = delegated("part", {"match": [{"uri": {"prefix": "/"}}], **abort}, {"route": [to("old.example")]})
    assert arrives(OLD, SHOP_ENTRY, *part) == "fault injection"


def test_a_delegates_path_may_be_longer_than_the_roots() -> None:
    leaf = {"match": [{"uri": {"prefix": "/v1/users"}}], "route": [to("old.example")]}
    part = delegated("part", {"match": [{"uri": {"prefix": "/v1"}}]}, leaf)
    assert arrives(OLD, SHOP_ENTRY, *part, path="/v1/users/7") == "old.example:80"


def test_a_delegate_for_another_port_than_the_root_is_left_out() -> None:
    leaf = {"match": [{"port": 8080}], "route": [to("old.example")]}
    part = delegated("part", {"match": [{"port": 80}]}, leaf)
    both = entry(SHOP, port=8080)
    assert arrives(OLD, both, *part, url=f"http://{SHOP}:8080") == f"{SHOP}:8080"


def test_of_two_wildcards_the_longer_one_answers_for_a_service() -> None:
    short = routed("short", "*.example", "old.example", age="20d")
    long = routed("long", "*.shop.example", "new.example", age="10d")
    site = entry("www.shop.example")
    assert arrives(OLD, NEW, site, short, long, url="http://www.shop.example") == "new.example:80"


def test_a_delegate_without_conditions_has_those_of_the_root() -> None:
    part = delegated("part", {"match": [{"uri": {"prefix": "/v1"}}]}, {"route": [to("old.example")]})
    assert arrives(OLD, SHOP_ENTRY, *part, path="/v1") == "old.example:80"
    assert arrives(OLD, SHOP_ENTRY, *part, path="/v2") == f"no route of {SHOP} matches"
